"""What SPF and DMARC need of the DNS, and ARC's keys. Blocking: run it in a thread.

Libraries ask here: pyspf (RFC 7208) evaluates SPF, dkimpy verifies ARC chains. A question that
nobody answers in time raises, and becomes "temperror"; it never becomes "there is no record".
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

import dns.exception
import dns.name
import dns.resolver
from publicsuffixlist import PublicSuffixList

from mailstack.identity import dmarc
from mailstack.identity.pyspf import evaluate, spf
from mailstack.outcome import Found, NotFound, Outcome, Unavailable

TIMEOUT_S: Final = 5.0
"""For one question."""
SPF_TIMEOUT_S: Final = 20
"""For all of SPF (RFC 7208 4.6.4 asks for at least 20)."""
KEPT_S: Final = 60.0
MAX_KEPT: Final = 2048
MAX_RECORDS: Final = 20
"""Of one name and type that are looked at."""

T = TypeVar("T")

_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "A": lambda r: r.address,
    "AAAA": lambda r: r.address,
    "MX": lambda r: (r.preference, r.exchange.to_text(omit_final_dot=True)),
    "PTR": lambda r: r.target.to_text(omit_final_dot=True),
    "TXT": lambda r: r.strings,
}
"""A record in the form that pyspf takes."""


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
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = [_address(host)]
        self._resolver.port = port
        self._resolver.lifetime = TIMEOUT_S
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
        for _, strings in self._ask(name, "TXT"):
            return b"".join(strings)
        return None

    def _record(self, domain: str) -> dmarc.Policy | None:
        texts = [
            b"".join(strings).decode("utf-8", "replace")
            for _, strings in self._ask(f"_dmarc.{domain}", "TXT")
        ]
        records = [text for text in texts if text.lower().startswith("v=dmarc1")]
        return dmarc.parse(records[0]) if len(records) == 1 else None  # two are as none

    def _ask(self, name: str, kind: str) -> Iterator[tuple[tuple[str, str], Any]]:
        try:
            answer = self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.EmptyLabel, UnicodeError):
            return
        for rdata in list(answer.rrset or ())[:MAX_RECORDS]:
            yield (name, kind), _READ[kind](rdata)

    def _for_spf(self, name: str, kind: str, *_: object, **__: object) -> list[Any]:
        if kind not in _READ:
            return []
        try:
            # what a sender's address puts into a name stands for itself
            return list(self._ask(name.replace("\\", "\\\\"), kind))
        except (dns.exception.DNSException, OSError) as error:
            raise spf.TempError(f"DNS: {error}") from error


def _address(host: str) -> str:
    """A name server is asked by its address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])
