"""A user's mail program: IMAP over TLS, reading what arrived."""

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from typing import TypeGuard

from mailstack.topology.model import Endpoint

_POLL_S = 0.02
"""Between looks into a folder; imaplib has no IDLE before Python 3.14."""


class _Imap(imaplib.IMAP4_SSL):
    """Compares the certificate with the server's name, though we connect to an address."""

    def __init__(self, at: Endpoint, server_name: str, tls: ssl.SSLContext, timeout: float) -> None:
        self._server_name = server_name
        self._tls = tls
        super().__init__(at.host, at.port, ssl_context=tls, timeout=timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        return self._tls.wrap_socket(plain, server_hostname=self._server_name)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One login that is open."""

    imap: imaplib.IMAP4

    def wait_for(
        self, subject: str, folder: str = "INBOX", *, timeout_s: float = 15.0
    ) -> EmailMessage | None:
        """Return the first message with this subject as soon as it is there, else None."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.messages(folder, subject=subject)
            if found or time.monotonic() > deadline:
                return found[0] if found else None
            time.sleep(_POLL_S)

    def messages(self, folder: str = "INBOX", *, subject: str = "") -> list[EmailMessage]:
        """Return a folder's messages in order; a folder that does not exist has none."""
        status, _ = self.imap.select(_quote(folder), readonly=True)
        if status != "OK":
            return []
        criterion = ("HEADER", "Subject", _quote(subject)) if subject else ("ALL",)
        _, found = self.imap.search(None, *criterion)
        return [self._fetch(number) for number in found[0].split()]

    def subjects(self, folder: str = "INBOX") -> list[str]:
        """Return the subject of every message, in order; far quicker than the messages."""
        status, [count] = self.imap.select(_quote(folder), readonly=True)
        if status != "OK" or count == b"0":
            return []
        _, parts = self.imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        headers = (part[1] for part in parts if isinstance(part, tuple))
        return [str(message_from_bytes(octets, policy=policy)["Subject"]) for octets in headers]

    def folders(self) -> dict[str, tuple[str, ...]]:
        """Return every folder with its flags (special uses: RFC 6154)."""
        _, lines = self.imap.list()
        found = {}
        for line in lines:
            match = re.match(rb'\((.*?)\) (?:"."|NIL) "?(.*?)"?$', line) if _plain(line) else None
            if match:
                found[match[2].decode()] = tuple(match[1].decode().split())
        return found

    def _fetch(self, number: bytes) -> EmailMessage:
        _, parts = self.imap.fetch(number.decode(), "(BODY.PEEK[])")
        octets = next(part[1] for part in parts if isinstance(part, tuple))
        return message_from_bytes(octets, policy=policy)


@contextmanager
def opened(
    at: Endpoint, server_name: str, tls: ssl.SSLContext, address: str, password: str
) -> Iterator[Mailbox]:
    """Log in, and log out at the end of the block.

    Raises:
        imaplib.IMAP4.error: the login was refused.
        OSError: no connection, or TLS failed.
    """
    imap = _Imap(at, server_name, tls, timeout=10)
    try:
        # Not LOGIN, which is for ASCII names only.
        imap.authenticate("PLAIN", lambda _: f"\0{address}\0{password}".encode())
        yield Mailbox(imap)
    finally:
        imap.shutdown()


def _plain(line: object) -> TypeGuard[bytes]:
    """A name with a line break comes as a literal, which imaplib gives as a pair; we have none."""
    return isinstance(line, bytes)


def _quote(text: str) -> str:
    """Spell a string as IMAP quotes it (RFC 3501 4.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
