"""Copies what may be a report about our domains to where it is read; the message goes on as it is.

Looked for before the queue: there every message of another server passes once, whatever alias the
published address is. Whether it is a report, and about a domain of ours, is found out elsewhere
(``mailstack.reports``), by a process with limits; this one looks for a few words in the header.
Nothing here keeps a message from its mailbox.
"""

import logging
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from mailstack.contentfilter.milter_message import Message

MAX_AT_ONCE: Final = 4
"""Messages whose bodies are kept: a megabyte each (``filter.max_scan_octets``)."""
MAX_WAITING: Final = 64
"""Copies that nobody has read yet."""
MAX_WAITING_OCTETS: Final = 4 * 1024**2
_LOOKED_AT: Final = 500
"""Octets of a field."""
_SIGNS: Final = {
    b"subject": re.compile(rb"Report Domain:", re.IGNORECASE),
    b"content-type": re.compile(
        rb"report-type\s*=\s*\"?tlsrpt|![a-z0-9._-]+!\d{9,11}!\d{9,11}", re.IGNORECASE
    ),
    b"content-disposition": re.compile(rb"![a-z0-9._-]+!\d{9,11}!\d{9,11}", re.IGNORECASE),
    b"tls-report-domain": re.compile(rb""),
}
"""What reports have in their header (RFC 7489 7.2.1.1, RFC 8460 5.3)."""

_log = logging.getLogger(__name__)


def is_sign(name: bytes, value: bytes) -> bool:
    """Whether a field, its name in lower case, is one of a report."""
    sign = _SIGNS.get(name)
    return sign is not None and sign.search(value[:_LOOKED_AT]) is not None


class Reports:
    """Of one filter."""

    def __init__(self) -> None:
        self._kept: WeakSet[Message] = WeakSet()

    def keeps(self, message: "Message", folder: Path | None) -> bool:
        """Whether the body is kept as well; the message counts as long as it is there."""
        if folder is None or message.login or not message.may_be_report:
            return False
        if message not in self._kept and len(self._kept) < MAX_AT_ONCE:
            self._kept.add(message)
        return message in self._kept

    def copy(self, message: "Message", folder: Path | None) -> None:
        """Copy a message whose body was kept, if all of it was."""
        if folder is None or message not in self._kept or not message.whole:
            return
        try:
            _copy(folder, message.octets())
        except OSError as error:
            _log.error("a report could not be copied: %s", error)


def _copy(folder: Path, octets: bytes) -> None:
    waiting = [entry.stat().st_size for entry in os.scandir(folder)]
    if len(waiting) >= MAX_WAITING or sum(waiting) + len(octets) > MAX_WAITING_OCTETS:
        _log.warning("a report is not read: too many of them wait")
        return
    name = secrets.token_hex(8)
    temporary = folder / f".{name}"
    try:
        temporary.write_bytes(octets)
        temporary.rename(folder / f"{name}.eml")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
