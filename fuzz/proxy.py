"""What a load balancer says in front, and what it never takes of what follows."""

from ipaddress import ip_address

from mailstack.errors import ProtocolError
from mailstack.protocols.proxy import MAX_LINE, MAX_REST, client, missing

_TWO = b"\r\n\r\n\0\r\nQUIT\n"
SEEDS = (
    b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 143\r\na LOGIN\r\n",
    b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 993\r\n",
    b"PROXY UNKNOWN\r\nx",
    _TWO + b"\x21\x11\x00\x0c" + bytes(range(12)) + b"behind",
    _TWO + b"\x21\x21\x00\x29" + bytes(range(41)),
    _TWO + b"\x20\x00\x00\x00",
)
WORDS = (b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b" 65535", b" 65536", b" ::", _TWO, b"\x21\x11")


def one(data: bytes) -> None:
    taken = b""
    try:
        while wanted := missing(taken):
            assert 0 < wanted <= MAX_REST
            if len(taken) + wanted > len(data):
                return
            taken = data[: len(taken) + wanted]
        assert len(taken) <= max(MAX_LINE, MAX_REST + 16)
        if named := client(taken):
            ip_address(named)
    except ProtocolError:
        pass
