"""Whether the addresses of clients arrive in the pod, told by what Postfix logs of connections.

Where a Service or a load balancer puts its own address in the place of the client's, every stranger
comes from a node or a pod. Blocklists, greylisting and limits then count all of them as one, and
nothing fails: so it is said aloud. Connections that others of the stack make (reinject, the probe,
the doctor) are not looked at.

Pods and nodes have private addresses, and so have users of the owner's own network. Hence one
stranger with a public address among the last ones is enough to know that addresses do arrive. A
node may have a public address, too: then every client seems to be that one, whoever it is.
"""

import ipaddress
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mailstack.daemons.networks import PRIVATE
from mailstack.observe.health_numbers import families

LOOKED_AT: Final = 20
"""Connections, the last ones: among so many strangers one has a public address, if any has."""
ALIKE: Final = 100
"""Connections, the last ones, that are all from one public address: no mail server hears nobody but
one other for so long, unless it is a relay's, which the owner knows of."""
INSIDER_S: Final = 3600.0
"""For which who has asked for the status is no client: it is the doctor, which comes by port 25."""
_INSIDERS: Final = 16
_CONNECTED: Final = re.compile(
    # up to the first bracket: what a client says stands behind it, and must not pass for a line
    r"[^\]]*\bpostfix/(?:"
    r"postscreen\[\d+\]: CONNECT from |"
    r"submissions?/smtpd\[\d+\]: connect from [^\[\s]*"
    r")\[(?P<address>[0-9a-fA-F.:]+)\]",
    re.ASCII,
)
_LINK_LOCAL: Final = ("169.254.0.0/16", "fe80::/10")
_OF_CLUSTERS: Final = tuple(map(ipaddress.ip_network, (*PRIVATE, *_LINK_LOCAL)))
ADVICE: Final = (
    "let the Service in front have externalTrafficPolicy Local, or the load balancer speak the "
    "PROXY protocol and name it in listen.proxy_networks (docs/kubernetes.md)"
)


@dataclass(slots=True)
class Clients:
    """Of the public ports of one service."""

    service: str
    say: Callable[[str], None]
    """Takes a line for the log."""
    seen: int = 0
    private: int = 0
    _last: str = ""
    """The latest private address."""
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))
    """Whether each of the last ones was private."""
    _insiders: dict[str, float] = field(default_factory=dict)
    """Address → until when it is no client's, by the monotonic clock."""
    _same: str = ""
    """The address of the latest one, and how many in a row came from it."""
    _in_a_row: int = 0

    def hear(self, line: str) -> None:
        """Take a line that Postfix logged."""
        if (found := _CONNECTED.match(line)) is None:
            return
        try:
            address = ipaddress.ip_address(found["address"])
        except ValueError:
            return
        inside = time.monotonic() < self._insiders.get(str(address), 0.0)
        if not (address.is_loopback or inside):
            self._count(address)

    def know(self, address: str) -> None:
        """Take it that an address is of the stack's own, for a while; the last ones are kept."""
        self._insiders.pop(address, None)
        self._insiders[address] = time.monotonic() + INSIDER_S
        if len(self._insiders) > _INSIDERS:
            del self._insiders[next(iter(self._insiders))]

    def _count(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        before, private = self.hidden, any(address in network for network in _OF_CLUSTERS)
        self.seen += 1
        self.private += private
        self._recent.append(private)
        self._in_a_row = self._in_a_row + 1 if str(address) == self._same else 1
        self._same = str(address)
        if private:
            self._last = str(address)
        if self.hidden and not before:
            self.say(f"the addresses of clients are hidden: {self.reason}; {ADVICE}")
        elif before and not self.hidden:
            self.say(f"the addresses of clients arrive: one came from {address}")

    @property
    def hidden(self) -> bool:
        return self._are_private or self._in_a_row >= ALIKE

    @property
    def _are_private(self) -> bool:
        return bool(self._recent) and all(self._recent)

    @property
    def reason(self) -> str:
        """Why they are thought to be hidden; empty when they are not."""
        if not self.hidden:
            return ""
        if not self._are_private:
            return (
                f"each of the last {self._in_a_row} connections came from {self._same}, as when a "
                "node or a load balancer puts its own address in the place of the client's"
            )
        return (
            f"each of the last {len(self._recent)} connections came from a private address "
            f"(now {self._last}), as nodes and pods have"
        )

    def status(self) -> dict[str, object]:
        """Return what the status page shows."""
        return {
            "client_addresses": "hidden" if self.hidden else "ok",
            "client_addresses_reason": self.reason,
            "client_addresses_advice": ADVICE if self.hidden else "",
            "clients": {"seen": self.seen, "private": self.private},
        }

    def numbers(self) -> str:
        """Return the same for Prometheus."""
        series = {
            ("mailstack_client_addresses_hidden", "gauge", "Whether none of a client arrives"): {
                self.service: int(self.hidden)
            },
            ("mailstack_clients_total", "counter", "Connections to the public ports of SMTP"): {
                self.service: self.seen
            },
            ("mailstack_clients_private_total", "counter", "Those from private addresses"): {
                self.service: self.private
            },
        }
        return families(series)
