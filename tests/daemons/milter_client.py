"""The MTA's side of the milter protocol (version 6), as far as a signature needs it."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from mailstack.daemons.opendkim.milter import negotiation, packet
from mailstack.topology.model import LOOPBACK, Endpoint

TIMEOUT_S = 60
_ACCEPTED = b"ac"
_FINAL = b"acdrty"
_ADDED = b"hi"


class Deferred(Exception):
    """The filter wants the message to come again."""


def signed(at: Endpoint, headers: dict[str, str], body: bytes) -> bytes:
    """Hand over a message that a user submits; return it with the fields that were added.

    Raises:
        Deferred: the filter does not take it now.
    """
    with session(at) as peer:
        return peer.submit(headers, body)


@contextmanager
def session(at: Endpoint) -> Iterator["Peer"]:
    """Connect, past the negotiation."""
    with socket.create_connection((LOOPBACK, at.port), timeout=TIMEOUT_S) as opened:
        opened.sendall(negotiation())
        _, offer = _receive(opened)
        yield Peer(opened, struct.unpack(">III", offer[:12])[2])


class Peer:
    """Sends a step, and hears the answer unless the filter said there is none for it."""

    def __init__(self, opened: socket.socket, steps: int) -> None:
        self._socket = opened
        self._silent = steps

    def ask(self, command: bytes, data: bytes = b"", *, unless: int = 0) -> bytes:
        self._socket.sendall(packet(command, data))
        if self._silent & unless:
            return b"c"
        answer, _ = _receive(self._socket)
        if answer == b"t":
            raise Deferred
        return answer

    def tell(self, command: bytes, data: bytes = b"") -> None:
        self._socket.sendall(packet(command, data))

    def submit(self, headers: dict[str, str], body: bytes) -> bytes:
        """Hand over a message; return it with the fields that were added."""
        fields = _conversation(self, headers, body)
        lines = [*fields, *(f"{name}: {value}".encode() for name, value in headers.items())]
        text = b"\r\n".join(lines).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return text + b"\r\n\r\n" + body

    def added(self) -> list[bytes]:
        """Header fields that are added at the end of the message, the topmost first."""
        found: list[bytes] = []
        while True:
            answer, data = _receive(self._socket)
            if answer in _FINAL:
                break
            if answer in _ADDED:
                name, value = data[4 if answer == b"i" else 0 :].rstrip(b"\0").split(b"\0")
                found.insert(0, name + b": " + value.lstrip(b" "))
        if answer not in _ACCEPTED:
            raise Deferred
        return found


NO_HEADER_REPLY, NO_CONNECT_REPLY, NO_HELO_REPLY = 0x80, 0x1000, 0x2000
NO_MAIL_REPLY, NO_RCPT_REPLY, NO_EOH_REPLY, NO_BODY_REPLY = 0x4000, 0x8000, 0x40000, 0x80000
"""SMFIP_NR_… of libmilter's mfdef.h: steps that the filter does not answer."""


def _conversation(peer: Peer, headers: dict[str, str], body: bytes) -> list[bytes]:
    peer.tell(b"D", b"C{daemon_name}\0ORIGINATING\0")
    client = b"localhost\x004" + struct.pack(">H", 9) + b"192.0.2.9\0"
    peer.ask(b"C", client, unless=NO_CONNECT_REPLY)
    peer.ask(b"H", b"laptop\0", unless=NO_HELO_REPLY)
    peer.tell(b"D", b"Mi\0QUEUEID\0")
    peer.ask(b"M", b"<alice@example.org>\0", unless=NO_MAIL_REPLY)
    peer.ask(b"R", b"<bob@elsewhere.example>\0", unless=NO_RCPT_REPLY)
    for name, value in headers.items():
        peer.ask(b"L", f"{name}\0{value}\0".encode(), unless=NO_HEADER_REPLY)
    peer.ask(b"N", unless=NO_EOH_REPLY)
    peer.ask(b"B", body, unless=NO_BODY_REPLY)
    peer.tell(b"E")
    return peer.added()


def _receive(opened: socket.socket) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", _exactly(opened, 4))
    data = _exactly(opened, length)
    return data[:1], data[1:]


def _exactly(opened: socket.socket, octets: int) -> bytes:
    found = b""
    while len(found) < octets:
        if not (more := opened.recv(octets - len(found))):
            raise Deferred
        found += more
    return found
