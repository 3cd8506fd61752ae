"""A signature by Ed25519 (RFC 8463), of a message whose body is hashed already. Pure.

dkimpy makes it; it could do so by itself too, but only of a message that is in memory.
"""

import base64
from dataclasses import dataclass, field
from typing import Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.crypto import HASH_ALGORITHMS  # type: ignore[import-untyped]
from nacl.signing import SigningKey

from mailstack.identity.body import Digests, Kind
from mailstack.identity.seal import MAX_DOMAIN, SIGNED, Field
from mailstack.model.authors import authors
from mailstack.model.domains import parse_domain

NAME: Final = b"DKIM-Signature"
ALGORITHM: Final = "ed25519"
NEEDED: Final = b"a=ed25519-sha256; c=relaxed/simple"
"""A signature that asks for the hash of the body that ours has, the form of OpenDKIM's."""
_FORMS: Final = b"relaxed/simple"
_KIND: Final = Kind(b"simple", None)
_TYPE: Final = b"ed25519-sha256"
_NAMES: Final = SIGNED - {b"dkim-signature"}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and with which key (PEM)."""

    domain: str
    selector: str
    pem: str = field(repr=False)

    def key(self) -> SigningKey:
        """Return the key as dkimpy wants it.

        Raises:
            ValueError: it is none of this algorithm.
        """
        found = load_pem_private_key(self.pem.encode(), None)
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError("the key is none of Ed25519")  # noqa: TRY004 - the file says it
        return SigningKey(found.private_bytes_raw())


def sign(header: bytes, digests: Digests, signer: Signer, now: int) -> list[Field]:
    """Make the field; nothing for a domain that dkimpy would break by folding it.

    Raises:
        ValueError: the key is none of this algorithm.
        DKIMException: the header is malformed.
    """
    if len(signer.domain) > MAX_DOMAIN:
        return []
    maker = dkim.DKIM(header, signature_algorithm=_TYPE)
    maker.hasher = HASH_ALGORITHMS[_TYPE]
    # one From more than there are: none can be added (RFC 6376 8.15)
    signed = [*(name.lower() for name, _ in maker.headers if name.lower() in _NAMES), b"from"]
    tags = [
        (b"v", b"1"),
        (b"a", _TYPE),
        (b"c", _FORMS),
        (b"d", signer.domain.encode()),
        (b"s", signer.selector.encode()),
        (b"t", b"%d" % now),
        (b"h", b" : ".join(signed)),
        (b"bh", base64.b64encode(digests[_KIND])),
        (b"b", b"0" * 60),
    ]
    forms = CanonicalizationPolicy.from_c_value(_FORMS)
    return [(NAME, bytes(b" " + maker.gen_header(tags, signed, forms, NAME, signer.key())))]


def author_domain(header: bytes) -> str:
    """The domain of the author; empty where there is no one author, or none that can be read."""
    values = [value for name, value in dkim.DKIM(header).headers if name.lower() == b"from"]
    if len(values) != 1:
        return ""
    try:
        text = values[0].decode("utf-8", "surrogateescape")
        found = {parse_domain(address.rpartition("@")[2]) for address in authors(text)}
    except ValueError:
        return ""
    return found.pop() if len(found) == 1 else ""
