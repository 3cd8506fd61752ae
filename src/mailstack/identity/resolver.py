"""Questions to the stack's resolver, in the form that libraries want the answers. Blocking.

A question that nobody answers in time raises; it never becomes "there is no record".
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import dns.name

# dnspython would import these by name when they are needed, and then there is no root to read them
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.OPT
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.resolver

TIMEOUT_S: Final = 5.0
"""For one question."""
MAX_RECORDS: Final = 20
"""Of one name and type that are looked at."""

_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "A": lambda r: r.address,
    "AAAA": lambda r: r.address,
    "MX": lambda r: (r.preference, r.exchange.to_text(omit_final_dot=True)),
    "PTR": lambda r: r.target.to_text(omit_final_dot=True),
    "TXT": lambda r: r.strings,
}
"""A record in the form that pyspf takes."""


class Resolver:
    """Asks the resolver at ``host``, an address or a name, and ``port``."""

    def __init__(self, host: str, port: int) -> None:
        self.library = dns.resolver.Resolver(configure=False)
        self.library.nameservers = [_address(host)]
        self.library.port = port
        self.library.lifetime = TIMEOUT_S

    def records(self, name: str, kind: str) -> Iterator[Any]:
        """The records of a name; none of a kind that is not known here.

        Raises:
            DNSException: nobody answered.
        """
        if kind not in _READ:
            return
        try:
            answer = self.library.resolve(name, kind, raise_on_no_answer=False, search=False)
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.EmptyLabel, UnicodeError):
            return
        for rdata in list(answer.rrset or ())[:MAX_RECORDS]:
            yield _READ[kind](rdata)

    def txt(self, name: str) -> bytes | None:
        """A TXT record; of several, one. For the keys of signatures.

        Raises:
            DNSException: nobody answered.
        """
        for strings in self.records(name, "TXT"):
            return b"".join(strings)
        return None


def _address(host: str) -> str:
    """A name server is asked by its address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0])
