"""What SPF and DMARC need of the DNS, and ARC's keys. Blocking: run it in a thread.

Libraries ask here: pyspf (RFC 7208) evaluates SPF, dkimpy verifies ARC chains. A question that
nobody answers in time raises, and becomes "temperror"; it never becomes "there is no record".
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

import dns.exception
from publicsuffixlist import PublicSuffixList

from mailstack.identity import dmarc
from mailstack.identity.pyspf import evaluate, spf
from mailstack.identity.resolver import Resolver
from mailstack.outcome import Found, NotFound, Outcome, Unavailable

SPF_TIMEOUT_S: Final = 20
"""For all of SPF (RFC 7208 4.6.4 asks for at least 20)."""
KEPT_S: Final = 60.0
MAX_KEPT: Final = 2048
T = TypeVar("T")


class Recent(Generic[T]):
    """Answers of the last minute; a sender with many messages asks once. Any thread may use it."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[float, T]] = {}

    def get(self, key: object, ask: Callable[[], T], *, keep: Callable[[T], bool]) -> T:
        """Return the answer of ``ask``, which is kept if ``keep`` says so."""
        until, value = self._kept.get(key, (0.0, None))
        if value is not None and time.monotonic() < until:
            return value
        found = ask()
        if keep(found):
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[key] = (time.monotonic() + KEPT_S, found)
        return found


class Lookups:
    """Asks the resolver at ``host``, an address or a name, and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self.resolver = Resolver(host, port)
        self._suffixes = PublicSuffixList()
        self._spf: Recent[str] = Recent()
        self._policies: Recent[Outcome[dmarc.Policy]] = Recent()
        # pyspf asks through this name of its module, and lets its user set it
        spf.DNSLookup = self._for_spf

    def organizational(self, domain: str) -> str:
        """The domain that one registers: the public suffix and one label (RFC 7489 3.2)."""
        return self._suffixes.privatesuffix(domain.lower()) or domain.lower()

    def spf(self, address: str, helo: str, sender: str) -> tuple[str, str]:
        """SPF's result for a client, and the domain it is about."""
        domain = sender.rpartition("@")[2] or helo
        if not address or not domain:
            return "none", domain
        result = self._spf.get(
            (address, helo, sender),
            lambda: evaluate(address, helo, sender, SPF_TIMEOUT_S),
            keep=lambda found: found != "temperror",
        )
        return result, domain

    def policy(self, author: str) -> Outcome[dmarc.Policy]:
        """The policy for mail of a domain: its own, or its organizational domain's (6.6.3)."""
        return self._policies.get(
            author,
            lambda: self._find_policy(author),
            keep=lambda found: not isinstance(found, Unavailable),
        )

    def _find_policy(self, author: str) -> Outcome[dmarc.Policy]:
        above = self.organizational(author)
        try:
            if found := self._record(author):
                return Found(replace(found, domain=author))
            if above != author and (found := self._record(above)):
                return Found(replace(found, domain=above, inherited=True))
        except (dns.exception.DNSException, OSError) as error:
            return Unavailable(str(error))
        return NotFound()

    def txt(self, name: str) -> bytes | None:
        """A TXT record; of several, one. For the keys of signatures.

        Raises:
            DNSException: nobody answered.
        """
        return self.resolver.txt(name)

    def _record(self, domain: str) -> dmarc.Policy | None:
        texts = [
            b"".join(strings).decode("utf-8", "replace")
            for strings in self.resolver.records(f"_dmarc.{domain}", "TXT")
        ]
        records = [text for text in texts if text.lower().startswith("v=dmarc1")]
        return dmarc.parse(records[0]) if len(records) == 1 else None  # two are as none

    def _for_spf(self, name: str, kind: str, *_: object, **__: object) -> list[Any]:
        # what a sender's address puts into a name stands for itself
        plain = name.replace("\\", "\\\\")
        try:
            return [((name, kind), record) for record in self.resolver.records(plain, kind)]
        except (dns.exception.DNSException, OSError) as error:
            raise spf.TempError(f"DNS: {error}") from error
