"""Headers of load balancers, as HAProxy's specification has them."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.errors import ProtocolError
from mailstack.protocols import proxy
from mailstack.protocols.proxy import MAX_LINE, MAX_REST

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = IPv4Address("203.0.113.9").packed + IPv4Address("192.0.2.1").packed + struct.pack("!HH", 1, 2)
V6 = IPv6Address("2001:db8::9").packed + IPv6Address("2001:db8::1").packed + b"\x10\x00\x03\xe1"
LONGEST = b"PROXY UNKNOWN " + b"f" * (MAX_LINE - 16) + b"\r\n"
BEHIND = b"a1 LOGIN\r\n"


def two(kind: int, family: int, rest: bytes) -> bytes:
    """A header of version 2."""
    return SIGNATURE + struct.pack("!BBH", kind, family, len(rest)) + rest


def read(stream: bytes) -> tuple[str, bytes]:
    """The client, and what of the stream is left for who comes behind the header."""
    taken = b""
    while wanted := proxy.missing(taken):
        if len(stream) < len(taken) + wanted:
            raise EOFError
        taken = stream[: len(taken) + wanted]
    return proxy.client(taken), stream[len(taken) :]


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 143\r\n", "203.0.113.9"),
        (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 993\r\n", "2001:db8::9"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", ""),
        (LONGEST, ""),
        (two(0x21, 0x11, V4), "203.0.113.9"),
        (two(0x21, 0x21, V6), "2001:db8::9"),
        (two(0x21, 0x11, V4 + b"\x03\x00\x04\x01\x02\x03\x04\x20\x00\x01x"), "203.0.113.9"),
        (two(0x20, 0x11, V4), ""),
        (two(0x20, 0x00, b""), ""),
        (two(0x21, 0x00, b""), ""),
        (two(0x21, 0x12, V4), ""),
        (two(0x21, 0x31, b"\0" * 216), ""),
        (two(0x21, 0x11, V4 + b"\0" * (MAX_REST - len(V4))), "203.0.113.9"),
    ],
)
def test_headers(header: bytes, client: str) -> None:
    """The client is named, or nobody is; what follows the header is left alone."""
    assert read(header + BEHIND) == (client, BEHIND)
    assert read(header) == (client, b"")


@pytest.mark.parametrize(
    "stream",
    [
        b"EHLO client.example\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 56324\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 143 1\r\n",
        b"PROXY TCP4 203.0.113.9  192.0.2.1 56324 143\r\n",
        b"PROXY TCP4 2001:db8::9 192.0.2.1 56324 143\r\n",
        b"PROXY TCP4 203.0.113.9 localhost 56324 143\r\n",
        b"PROXY TCP6 203.0.113.9 192.0.2.1 56324 143\r\n",
        b"PROXY TCP4 203.0.113.09 192.0.2.1 56324 143\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 65536\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 +1 143\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 01 143\r\n",
        b"PROXY UDP4 203.0.113.9 192.0.2.1 1 143\r\n",
        b"PROXY \xff\xff\xff\xff\xff\xff\r\n",
        b"PROXY UNKNOWN " + b"f" * (MAX_LINE - 15) + b"\r\n",
        b"PROXY UNKNOWN " + b"\r" * MAX_LINE,
        two(0x11, 0x11, V4),
        two(0x22, 0x11, V4),
        two(0x21, 0x11, V4[:-1]),
        two(0x21, 0x21, V4),
        two(0x21, 0x11, V4 + b"\0" * (MAX_REST - len(V4) + 1)),
    ],
)
def test_what_is_no_header(stream: bytes) -> None:
    """It is refused, and never waited for beyond the bound."""
    with pytest.raises(ProtocolError):
        read(stream + b"x" * 200)


def test_a_header_that_is_not_whole() -> None:
    """Half of one names nobody."""
    with pytest.raises(ProtocolError, match="whole"):
        proxy.client(b"PROXY TCP4 203.0.113.9 192.0.2.1 5")


@given(st.binary(max_size=3000) | st.binary(max_size=100).map(lambda end: b"PROXY " + end))
def test_any_octets(stream: bytes) -> None:
    """Whatever comes: an address, nobody, a fault, or a wait for what is bounded."""
    try:
        client, rest = read(stream)
    except (ProtocolError, EOFError):
        return
    assert not client or str(ip_address(client)) == client
    assert stream.endswith(rest)


@given(st.ip_addresses(), st.integers(0, 65_535), st.binary(max_size=64), st.binary(max_size=20))
def test_any_client(
    client: IPv4Address | IPv6Address, port: int, more: bytes, behind: bytes
) -> None:
    """Both versions name every client alike."""
    family = "TCP4" if client.version == 4 else "TCP6"
    line = f"PROXY {family} {client} {client} {port} 143\r\n".encode()
    rest = client.packed * 2 + struct.pack("!HH", port, 143) + more
    header = two(0x21, 0x11 if client.version == 4 else 0x21, rest)
    assert read(line + behind) == (str(client), behind)
    assert read(header + behind) == (str(client), behind)
