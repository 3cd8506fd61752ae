"""ARC (RFC 8617): a forwarder seals what it found, so that its word may count where DMARC fails.

A seal proves who speaks, not that it is true: any spammer can seal. So a chain counts only if every
one that sealed it is trusted, all of it verifies, and the first of them saw DMARC pass.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import dns.exception

from mailstack.identity import results as results_
from mailstack.identity.body import Digests
from mailstack.identity.signatures import Hashed, Txt, ask

MAX_SEALS: Final = 50
"""RFC 8617 4.2.1."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a message's seals come to."""

    result: str
    """none, pass or fail (RFC 8617 4.4), or temperror."""
    sealers: tuple[str, ...] = ()
    """Domains, the first forwarder first."""
    passed_dmarc: bool = False
    """What the first of them found."""

    def speaks_for(self, trusted: Collection[str]) -> bool:
        """Whether the author is who it says, on the word of these forwarders."""
        return (
            self.result == "pass"
            and self.passed_dmarc
            and bool(self.sealers)
            and all(sealer in trusted for sealer in self.sealers)
        )


NO_CHAIN: Final = Chain("none")


class _Verifier(Hashed, dkim.ARC):  # type: ignore[misc] # dkimpy has no types
    headers: list[tuple[bytes, bytes]]

    def __init__(self, header: bytes) -> None:
        super().__init__(header)
        self.headers = [(name, _findable(name, value)) for name, value in self.headers]


def _findable(name: bytes, value: bytes) -> bytes:
    """Dkimpy looks for " i=1;" with just this space; what is relaxed may have another."""
    if name.lower() != b"arc-message-signature" or b"relaxed/" not in value:
        return value
    return b" " + b" ".join(value.split()) + b"\r\n"


def verify(header: bytes, digests: Digests, txt: Txt) -> Chain:
    """Verify the chain of a message, seals and newest signature. Blocking.

    ``temperror``, which RFC 8617 does not know, is a chain that may yet verify.
    """
    try:
        verifier = _Verifier(header)
        verifier.digests = digests
        result, sets, _ = verifier.verify(dnsfunc=partial(ask, txt))
    except (dns.exception.DNSException, OSError):
        return Chain("temperror")
    except Exception:  # noqa: BLE001 - the library's parser, over what anybody may write
        return Chain("fail")
    verdict = result.decode() if isinstance(result, bytes) else "fail"
    if verdict != "pass" or not 0 < len(sets) <= MAX_SEALS:
        return Chain("none" if verdict == "none" else "fail")
    ordered = sorted(sets, key=lambda one: int(one["instance"]))
    sealers = tuple(one["as-domain"].decode("ascii", "replace").lower() for one in ordered)
    return Chain("pass", sealers, _passed(ordered[0]["aar-value"]))


def _passed(results: bytes) -> bool:
    """Whether the results of the first forwarder, behind their "i=1", have a DMARC pass."""
    text = " ".join(results.decode("utf-8", "replace").partition(";")[2].split())
    return results_.passed(text, "dmarc")
