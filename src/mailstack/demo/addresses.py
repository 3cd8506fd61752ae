"""Which addresses one small internet uses. Pure arithmetic.

Every small internet takes a /20 of 198.19.0.0/16, so 16 of them run side by side. 198.18.0.0/15 is
set aside for tests between networks (RFC 2544, appendix C.2.2; RFC 6890), so it is routed nowhere;
some proxies help themselves to its lower half, hence the upper one.
The documentation ranges would not do: unbound answers their reverse zones itself (RFC 6303), so no
client there could have a name. Nor would private ones: SpamAssassin trusts those and skips SPF.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

TEST_RANGE: Final = IPv4Network("198.19.0.0/16")
SLOT_PREFIX: Final = 20
"""Leaves sixteen /24: greylisting knows a client by its /24, so each is another stranger."""
SLOTS: Final = 1 << (SLOT_PREFIX - TEST_RANGE.prefixlen)

_FRIEND, _OTHER, _FIRST_STRANGER, _NETWORKS = 1, 2, 3, 16
_HOST_PART: Final = 10
"""Where in its /24 a mail server lives."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The addresses of one small internet, by its slot number."""

    slot: int

    def __post_init__(self) -> None:
        if not 0 <= self.slot < SLOTS:
            raise ValueError(f"slot {self.slot} is not within 0..{SLOTS - 1}")

    @property
    def network(self) -> IPv4Network:
        size = 1 << (32 - SLOT_PREFIX)
        return IPv4Network((int(TEST_RANGE.network_address) + self.slot * size, SLOT_PREFIX))

    @property
    def stack(self) -> str:
        """Of the mail stack under test: our end of the wire."""
        return str(self.network[1])

    @property
    def neighbour(self) -> str:
        """Of a second stack, on the same end of the wire."""
        return str(self.network[3])

    @property
    def nameserver(self) -> str:
        """Of the one name server that answers for everything out there."""
        return str(self.network[2])

    @property
    def friend(self) -> str:
        """Of ``friend.example``'s mail server."""
        return self.in_network(_FRIEND)

    @property
    def other(self) -> str:
        """Of ``other.example``'s mail server."""
        return self.in_network(_OTHER)

    @property
    def outside(self) -> tuple[IPv4Network, ...]:
        """The networks that are wholly outside: any address of theirs can be sent from."""
        return tuple(self.network.subnets(new_prefix=24))[1:]

    def stranger(self, number: int) -> str:
        """Return the address of the ``number``-th client that has no mail server of its own."""
        network = _FIRST_STRANGER + number % (_NETWORKS - _FIRST_STRANGER)
        return self.in_network(network, _HOST_PART + number // (_NETWORKS - _FIRST_STRANGER))

    def in_network(self, network: int, host: int = _HOST_PART) -> str:
        return str(IPv4Address(int(self.network.network_address) + network * 256 + host))

    @property
    def interface(self) -> str:
        """Name of our end of the wire; at most 15 octets (IFNAMSIZ)."""
        return f"mailstack{self.slot}"

    @property
    def namespace(self) -> str:
        """Name of the network namespace, as ``ip netns`` shows it."""
        return f"mailstack-outside-{self.slot}"
