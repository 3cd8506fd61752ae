r"""The header by which a load balancer names its client: the PROXY protocol, versions 1 and 2.

Whoever listens must know beforehand that one comes, and from whom it believes it. Sans-IO: octets
are read as ``missing`` says, until none is, and then asked for the client; so nothing of what
follows the header is ever read. Source: HAProxy's proxy-protocol.txt, of 2020-03-05, sections 2.1
and 2.2. Version 2's extra fields (TLVs) are skipped, its checksum among them.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from mailstack.errors import ProtocolError

MAX_LINE: Final = 107
"""Octets of version 1 with its CRLF: the longest line there can be (2.1)."""
MAX_REST: Final = 2048
"""Octets of version 2 behind its fixed part: the longest address has 216, the others are extra
fields. Their sum may be 65,535 by its form; balancers send some hundred."""
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = struct.Struct("!12sBBH")
_VERSION: Final = 2
_LOCAL: Final = 0
_PROXY: Final = 1
_STREAM: Final = 1
_FAMILIES: Final = {1: (IPv4Address, 4), 2: (IPv6Address, 16)}
"""Of the upper four bits: the kind of address, and how many octets it has. The client's comes
first, then the server's, then both ports."""
_PORTS: Final = 4
_MAX_PORT: Final = 65_535


def missing(read: bytes) -> int:
    """Return how many octets to read next, which are all the header's; 0: it is whole.

    Raises:
        ProtocolError: it is no such header, or too long.
    """
    if len(read) < len(_SIGNATURE):
        return len(_SIGNATURE) - len(read)
    if read.startswith(_SIGNATURE):
        return _missing_of_2(read)
    if not read.startswith(b"PROXY "):
        raise ProtocolError(f"it begins with {read[:12]!r}, not with a header")
    if read.endswith(b"\r\n"):
        return 0
    if len(read) >= MAX_LINE:
        raise ProtocolError(f"a header of more than {MAX_LINE} octets")
    return 1 if read.endswith(b"\r") or len(read) == MAX_LINE - 1 else 2


def _missing_of_2(read: bytes) -> int:
    if len(read) < _FIXED.size:
        return _FIXED.size - len(read)
    length = _FIXED.unpack_from(read)[3]
    if length > MAX_REST:
        raise ProtocolError(f"a header with {length} octets behind its fixed part")
    return int(_FIXED.size + length - len(read))


def client(header: bytes) -> str:
    """Return the client's address; empty: the balancer speaks for itself, or does not know.

    Raises:
        ProtocolError: it is not whole, or not as the specification has it.
    """
    if missing(header):
        raise ProtocolError("the header is not whole")
    return _client_of_2(header) if header.startswith(_SIGNATURE) else _client_of_1(header)


def _client_of_1(header: bytes) -> str:
    """``PROXY TCP4 192.0.2.1 198.51.100.2 56324 143``."""
    match header.removesuffix(b"\r\n").split(b" "):
        case [_, b"UNKNOWN", *_]:
            return ""
        case [_, b"TCP4", source, target, *ports]:
            kind: type[IPv4Address | IPv6Address] = IPv4Address
        case [_, b"TCP6", source, target, *ports]:
            kind = IPv6Address
        case _:
            raise ProtocolError(f"the header is {header!r}")
    if len(ports) != 2 or not all(map(_is_port, ports)):  # noqa: PLR2004 - the client's, the server's
        raise ProtocolError(f"the header is {header!r}")
    try:
        kind(target.decode("ascii"))
        return str(kind(source.decode("ascii")))
    except ValueError as error:
        raise ProtocolError(f"the header is {header!r}") from error


def _is_port(text: bytes) -> bool:
    """Decimal, without leading zeroes (2.1)."""
    digits = text.isdigit() and (text == b"0" or not text.startswith(b"0"))
    return digits and int(text) <= _MAX_PORT


def _client_of_2(header: bytes) -> str:
    _, kind, family, length = _FIXED.unpack_from(header)
    version, command = divmod(kind, 16)
    if version != _VERSION or command not in (_LOCAL, _PROXY):
        raise ProtocolError(f"version and command are {kind:#04x}")
    addresses, transport = divmod(family, 16)
    if command == _LOCAL or addresses not in _FAMILIES or transport != _STREAM:
        return ""  # "the receiver should ignore address information" (2.2)
    made, octets = _FAMILIES[addresses]
    if length < 2 * octets + _PORTS:
        raise ProtocolError(f"{length} octets hold no two addresses with their ports")
    start = _FIXED.size
    return str(made(header[start : start + octets]))
