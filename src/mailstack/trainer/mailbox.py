"""A user's mailbox over IMAP, as Dovecot's master user: list and read, and change nothing.

The standard library's client in a thread, one connection for one user's run. Folders are opened
read-only (EXAMINE), so no flag changes and no session of the user notices. Messages are listed a
page at a time from the newest: an expunge by somebody else moves numbers of newer messages down,
so a page may repeat a message but never leaves one out. Dovecot announces an expunge after any
command but FETCH by number (RFC 3501 7.4.1), and refuses numbers above what exists.
"""

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from mailstack.trainer.message import Listed

TIMEOUT_S: Final = 60.0
"""For one answer. Listing a page of a mailbox that has no index yet reads every message of it."""
PAGE: Final = 500
"""Messages listed at once: some 60 KiB."""

_ITEMS: Final = "(UID FLAGS INTERNALDATE RFC822.SIZE X-GUID)"
_UID: Final = re.compile(rb"\bUID (\d{1,10})")
_FLAGS: Final = re.compile(rb"\bFLAGS \(([^)]*)\)")
_DATE: Final = re.compile(rb'\bINTERNALDATE "([^"]+)"')
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,10})")
_GUID: Final = re.compile(rb'\bX-GUID "?([^\s")]+)')


class MailboxGone(Exception):
    """The login was refused: there is no such user, or no such master user."""


class MessageUnreadable(Exception):
    """The server answered, but not with the message."""


class Mailbox:
    """One open connection. Every method raises ``OSError`` when it broke; then make another."""

    def __init__(self, imap: imaplib.IMAP4) -> None:
        self._imap = imap

    @classmethod
    def open(cls, host: str, port: int, certificate: Path, sasl_plain: bytes) -> "Mailbox":
        """Connect and log in.

        Raises:
            MailboxGone: the login was refused.
            OSError: no connection, another certificate, or Dovecot cannot tell now.
        """
        try:
            imap = imaplib.IMAP4_SSL(
                host, port, ssl_context=_pinned(certificate), timeout=TIMEOUT_S
            )
        except imaplib.IMAP4.error as error:
            raise ConnectionError(str(error)) from error
        try:
            imap.authenticate("PLAIN", lambda _: sasl_plain)
        except imaplib.IMAP4.abort as error:
            raise ConnectionError(str(error)) from error
        except imaplib.IMAP4.error as error:
            imap.shutdown()
            if "[UNAVAILABLE]" in str(error):
                raise ConnectionError(str(error)) from error
            raise MailboxGone(str(error)) from error
        return cls(imap)

    def open_folder(self, name: str) -> int:
        """Open a folder for reading; return how many messages it has. A missing one has none."""
        status, found = self._ask(self._imap.select, f'"{name}"', True)  # noqa: FBT003 - imaplib's
        return int(found[0]) if status == "OK" else 0

    def pages(self, name: str) -> Iterator[list[Listed]]:
        """Open a folder and list it, newest first, a page at a time."""
        top = self.open_folder(name)
        while top > 0:
            low = max(1, top - PAGE + 1)
            status, found = self._ask(self._imap.fetch, f"{low}:{top}", _ITEMS)
            if status == "OK":
                yield [one for line in found if (one := _listed(line)) is not None]
                top = low - 1
            else:  # so many were removed meanwhile that there is no number so high any more
                top = min(low - 1, self.open_folder(name))

    def read(self, uid: int) -> bytes | None:
        """Read a message of the open folder, or ``None`` when it is gone.

        Raises:
            MessageUnreadable: it is there, and the server cannot read it.
        """
        status, found = self._ask(self._imap.uid, "FETCH", str(uid), "(BODY.PEEK[])")
        if status != "OK":
            raise MessageUnreadable(f"{found!r}"[:200])
        parts = (part[1] for part in found if isinstance(part, tuple))
        return next(parts, None)

    def close(self) -> None:
        """Hang up; what the server still wants to say does not matter."""
        self._imap.shutdown()

    def _ask(
        self, command: Callable[..., tuple[str, list[Any]]], *arguments: object
    ) -> tuple[str, list[Any]]:
        """Return the status and what came with it."""
        try:
            return command(*arguments)
        except imaplib.IMAP4.abort as error:
            raise ConnectionError(str(error)) from error
        except imaplib.IMAP4.error as error:
            return "BAD", [str(error).encode()]


def _listed(line: object) -> Listed | None:
    """Read one FETCH response; ``None`` for one that somebody's change of flags caused."""
    if not isinstance(line, bytes):
        return None
    uid, flags, date, size, guid = (
        pattern.search(line) for pattern in (_UID, _FLAGS, _DATE, _SIZE, _GUID)
    )
    if not (uid and flags and date and size and guid):
        return None
    return Listed(
        uid=int(uid[1]),
        guid=guid[1],
        octets=int(size[1]),
        arrived=_seconds(date[1]),
        flags=frozenset(flags[1].decode("ascii", "replace").lower().split()),
    )


def _seconds(date: bytes) -> float:
    """Read an INTERNALDATE; one that cannot be read is long ago."""
    try:
        return datetime.strptime(date.decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").timestamp()
    except ValueError:
        return 0.0


def _pinned(certificate: Path) -> ssl.SSLContext:
    """Trust the stack's own certificate, whoever signed it, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the name is another one inside of a cluster
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context
