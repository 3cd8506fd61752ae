"""Our own ARC seal on what we forward (RFC 8617 5.1): what we found, signed. Pure.

Three fields: the results of our verification, a signature over the message, and a seal over all
seals. dkimpy makes the signatures; it could make the whole set too, but only of a message that is
in memory, and it leaves out of the results what stands in comments.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import dkim  # type: ignore[import-untyped] # dkimpy has no types
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key  # type: ignore[import-untyped]
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]

from mailstack.identity.arc import MAX_SEALS, Chain
from mailstack.identity.body import Digests, Kind
from mailstack.identity.results import NAME

NEEDED: Final = b"a=rsa-sha256; c=relaxed/relaxed"
"""A signature that asks for the hash of the body that a seal has."""
_KIND: Final = Kind(b"relaxed", None)
_ALGORITHM: Final = b"rsa-sha256"
"""The only one that RFC 8617 has verifiers know."""
SIGNED: Final = frozenset(
    b"from sender reply-to subject date message-id to cc in-reply-to references mime-version "
    b"content-type content-transfer-encoding content-disposition content-id list-id list-help "
    b"list-post list-subscribe list-unsubscribe list-unsubscribe-post list-owner list-archive "
    b"resent-date resent-from resent-to resent-cc resent-message-id dkim-signature".split()
)
"""Fields that no server on the way has to change (RFC 6376 5.4.1), and the author's signatures."""
MAX_DOMAIN: Final = 64
"""dkimpy folds what is longer in the midst of it, and the signature would be broken."""
_RESULTS: Final = b"ARC-Authentication-Results"
_SIGNATURE: Final = b"ARC-Message-Signature"
_SEAL: Final = b"ARC-Seal"

Field: TypeAlias = tuple[bytes, bytes]
"""Name and value; the value ends with CRLF."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Who seals, and with which key."""

    authserv_id: str
    """Its name in Authentication-Results."""
    domain: str
    selector: str
    pem: bytes = field(repr=False)


def seal(
    header: bytes, digests: Digests, chain: Chain, sealer: Sealer, now: int
) -> Sequence[Field]:
    """Make the set of a message; nothing where none belongs. The last field stands on top.

    ``digests`` has what ``NEEDED`` asks for; ``chain`` is what the message's own seals come to.
    Where that cannot be told there is no seal, rather than a wrong one: the message is as it came,
    and the next server can verify what is there.

    Raises:
        DKIMException: the header or the key is malformed.
    """
    maker = _Maker(header)
    highest, sets = maker.sorted_arc_headers()
    if chain.result == "temperror" or highest >= MAX_SEALS or _is_over(highest, sets):
        return []
    if len(sealer.domain) > MAX_DOMAIN:
        return []
    results = b"i=%d; %b" % (highest + 1, _own_results(maker.headers, sealer.authserv_id))
    found = (_RESULTS, b" %b\r\n" % results)
    stamp = b"%d" % now
    signature = (_SIGNATURE, maker.signature(highest + 1, sealer, stamp, digests[_KIND]))
    # the oldest first, each in the order of the three names (5.1.1); a seal on a broken chain
    # covers its own set alone (5.1.2)
    earlier = [] if chain.result == "fail" else [one for _, one in reversed(sets)]
    covered = [*earlier, found, signature]
    verdict = chain.result.encode()
    return found, signature, (_SEAL, maker.seal(highest + 1, covered, sealer, stamp, verdict))


def _is_over(highest: int, sets: Iterable[tuple[int, Field]]) -> bool:
    """Whether the newest seal says that the chain is broken: nobody seals that again (5.1)."""
    for instance, (name, value) in sets:
        if instance == highest and name.lower() == _SEAL.lower():
            try:
                return bool(parse_tag_value(value).get(b"cv") == b"fail")
            except InvalidTagValueList:
                return False
    return False


def _own_results(fields: Iterable[Field], authserv_id: str) -> bytes:
    """The topmost field of ours: all others were removed when that one was written."""
    ours = authserv_id.lower().encode()
    for name, value in fields:
        who, _, results = value.partition(b";")
        if name.lower() == NAME.lower().encode() and who.strip().lower() == ours and results:
            return authserv_id.encode() + b";" + results.rstrip()
    return authserv_id.encode() + b"; none"


class _Maker(dkim.ARC):  # type: ignore[misc] # dkimpy has no types
    """Signs with dkimpy, one field after the other."""

    headers: list[Field]

    def signature(self, instance: int, sealer: Sealer, stamp: bytes, digest: bytes) -> bytes:
        """Over the message."""
        present = [name.lower() for name, _ in self.headers]
        # one From more than there are: none can be added (RFC 6376 8.15)
        signed = [*(name for name in present if name in SIGNED), b"from"]
        i, a, d, s, t, b = _tags(instance, sealer, stamp)
        h, bh = (b"h", b" : ".join(signed)), (b"bh", base64.b64encode(digest))
        tags = [i, a, (b"c", b"relaxed/relaxed"), d, s, t, h, bh, b]
        return self._sign(_SIGNATURE, tags, self.headers, signed, sealer)

    def seal(
        self, instance: int, covered: Sequence[Field], sealer: Sealer, stamp: bytes, verdict: bytes
    ) -> bytes:
        """Over the sets in ``covered``, in this order."""
        i, *others = _tags(instance, sealer, stamp)
        names = [name.lower() for name, _ in covered]
        # dkimpy takes fields of one name from the last to the first
        return self._sign(_SEAL, [i, (b"cv", verdict), *others], covered[::-1], names, sealer)

    def _sign(
        self,
        name: bytes,
        tags: list[tuple[bytes, bytes]],
        fields: Sequence[Field],
        names: Sequence[bytes],
        sealer: Sealer,
    ) -> bytes:
        before, self.headers = self.headers, list(fields)
        self.hasher = HASH_ALGORITHMS[_ALGORITHM]
        relaxed = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
        private = parse_pem_private_key(sealer.pem)
        try:
            return bytes(b" " + self.gen_header(tags, names, relaxed, name, private))
        finally:
            self.headers = before


def _tags(instance: int, sealer: Sealer, stamp: bytes) -> list[tuple[bytes, bytes]]:
    """What signature and seal have in common; ``b`` is last, and yet to be made."""
    return [
        (b"i", b"%d" % instance),
        (b"a", _ALGORITHM),
        (b"d", sealer.domain.encode()),
        (b"s", sealer.selector.encode()),
        (b"t", stamp),
        (b"b", b"0" * 60),
    ]
