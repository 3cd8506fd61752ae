"""The first step of the milter protocol: enough to see that a filter is there.

Sans-IO. A packet is a length of four octets, a command octet and data (libmilter, mfdef.h,
protocol version 6). The rest of the protocol is Postfix's affair.
"""

import struct

NEGOTIATE = b"O"
QUIT = b"Q"
VERSION = 6
ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF
MAX_PACKET = 65_536
"""A reply to a negotiation has 13 octets and maybe macro lists; far less than this."""


def packet(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(command + data)) + command + data


def negotiation() -> bytes:
    """Offer version 6 with every action and step, as an MTA does at the start."""
    return packet(NEGOTIATE, struct.pack(">III", VERSION, ALL_ACTIONS, ALL_STEPS))


def is_negotiation(body: bytes) -> bool:
    """Whether ``body`` (without its length) answers a negotiation."""
    return body[:1] == NEGOTIATE and len(body) >= len(NEGOTIATE) + 12
