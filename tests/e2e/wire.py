"""SMTP octet by octet, for what no well-behaved client library would send."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from tests.e2e.stack import Stack

from mailstack.demo.client import trusting


@dataclass
class Wire:
    """One open connection, past nothing: not even the greeting has been read."""

    connection: socket.socket
    _lines: BinaryIO = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.connection.makefile("rb")

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def reply(self) -> str:
        """Read one reply, all its lines (RFC 5321 4.2.1); empty when the server has hung up."""
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            try:
                line = self._lines.readline()
            except ConnectionResetError:
                line = b""
            if not line:
                break
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
        return "\n".join(lines)

    def ask(self, command: str) -> str:
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def replies(self) -> list[str]:
        """Read every reply until the server hangs up."""
        found = []
        while reply := self.reply():
            found.append(reply)
        return found

    def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Begin TLS, after the server has agreed to it."""
        self._lines.close()
        self.connection = context.wrap_socket(self.connection, server_hostname=server_name)
        self._lines = self.connection.makefile("rb")

    def close(self) -> None:
        self._lines.close()
        self.connection.close()


@contextmanager
def wire(stack: Stack, source: str = "", port: str = "smtp") -> Iterator[Wire]:
    """Connect from outside, from the friend's server unless told; read nothing yet."""
    opened = Wire(stack.connect(source, port))
    try:
        if port == "submissions":
            opened.start_tls(trusting(stack.throwaway.certificate), stack.throwaway.hostname)
        yield opened
    finally:
        opened.close()


def in_data(opened: Wire, sender: str, *recipients: str, helo: str = "mail.friend.example") -> None:
    """Go on to where the message is expected; every step must be accepted."""
    commands = (f"EHLO {helo}", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients))
    assert opened.reply().startswith("220")
    for command in commands:
        reply = opened.ask(command)
        assert reply.startswith("250"), f"{command}: {reply}"
    assert opened.ask("DATA").startswith("354")
