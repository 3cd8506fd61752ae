"""How much one client may ask of a public port: connections at once, and requests in a minute.

A client is an IPv4 address, or a network of 64 bits of IPv6: that is what one customer has (RFC
6177), and its last 64 bits cost nothing. The table is bounded: who has been quiet longest is
forgotten first, but nobody who is connected. Behind a proxy all clients are one.

Requests are counted by a bucket that holds a minute's worth and fills steadily. Who has emptied it
is told so; who then goes on for another minute's worth is hung up on, as an answer costs more than
the question.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address
from typing import Final

MAX_CLIENTS: Final = 4096
"""Remembered at once, of some 300 octets each."""
_NETWORK_BITS: Final = 64


class Verdict(Enum):
    """Of a new connection."""

    SERVED = "served"
    TOLD = "told"
    """That it asks too often."""
    DROPPED = "dropped"


@dataclass(slots=True)
class _Client:
    left: float
    """Requests; below nothing down to as many again, for which it is told."""
    at: float
    open: int = 0


class Clients:
    """Of one port. 0 for a limit: there is none, and none for those that are ``exempt``."""

    def __init__(
        self,
        *,
        at_once: int = 0,
        a_minute: int = 0,
        most: int = MAX_CLIENTS,
        exempt: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.at_once = at_once
        self.a_minute = a_minute
        self._most = most
        self._exempt = frozenset(exempt)
        self._clock = clock
        self._known: OrderedDict[str, _Client] = OrderedDict()
        self.refused = 0
        """Connections that were not served."""

    def __len__(self) -> int:
        return len(self._known)

    def enter(self, name: str) -> Verdict:
        """Count a connection, which asks one thing. Call ``leave`` when it has ended."""
        if name in self._exempt:
            return Verdict.SERVED
        now = self._clock()
        client = self._known.setdefault(name, _Client(self.a_minute, now))
        self._known.move_to_end(name)
        client.open += 1
        self._forget()
        found = Verdict.SERVED
        if self.at_once and client.open > self.at_once:
            found = Verdict.DROPPED
        elif self.a_minute:
            found = self._asked(client, now)
        self.refused += found is not Verdict.SERVED
        return found

    def leave(self, name: str) -> None:
        """It has ended."""
        if client := self._known.get(name):
            client.open -= 1
            self._forget()

    def _asked(self, client: _Client, now: float) -> Verdict:
        filled = client.left + (now - client.at) * self.a_minute / 60
        client.left, client.at = min(filled, self.a_minute), now
        if client.left <= -self.a_minute:
            return Verdict.DROPPED
        client.left -= 1
        return Verdict.SERVED if client.left >= 0 else Verdict.TOLD

    def _forget(self) -> None:
        if len(self._known) <= self._most:
            return
        quiet = next((name for name, client in self._known.items() if not client.open), None)
        if quiet is not None:
            del self._known[quiet]


def client_of(address: str) -> str:
    """Name the client at an address, as a socket has it."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address  # of a socket in a folder
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"
