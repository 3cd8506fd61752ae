"""Keeps ``usage.Usage`` on disk, so that a restart does not give everybody another day's worth.

Each grant is one line at the end of the file, ``BEGAN RECIPIENTS LOGIN``; now and then the file is
written anew with what still counts. It is not synced: after a power cut the last seconds are
missing, which harms nobody. A line that is damaged is passed over, and so is a file that cannot be
written: counting goes on in memory, and mail flows.
"""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mailstack.aio.files import replace_text
from mailstack.contentfilter.usage import Answer, Entry, Granted, Usage, slot

MAX_SPARE_LINES: Final = 10_000
"""Lines beyond those that count before the file is written anew: half a megabyte."""

_log = logging.getLogger(__name__)


class KeptUsage:
    """``Usage`` with its file, which is read when the first login asks."""

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Args: path: of the file; None keeps nothing. clock: returns Unix time."""
        self._path = path
        self._clock = clock
        self._usage: Usage | None = None
        self._spare = 0

    def spend(self, login: str, recipients: int, limit: int) -> Answer:
        """Count so many recipients of a login, if ``limit`` has room for them."""
        now = self._clock()
        usage = self._usage = self._usage or self._read(now)
        answer = usage.ask(login, recipients, limit, now)
        if isinstance(answer, Granted):
            entry = Entry(slot(now), recipients, login)
            usage.add(entry, now)
            self._keep(entry, usage, now)
        return answer

    def _read(self, now: float) -> Usage:
        usage = Usage()
        for entry in self._lines():
            usage.add(entry, now)
        self._tidy(usage, now)
        return usage

    def _lines(self) -> Iterator[Entry]:
        try:
            text = self._path.read_text("utf-8", "replace") if self._path else ""
        except FileNotFoundError:
            return
        except OSError as error:
            _log.error("counts begin anew: %s", error)
            return
        for line in text.splitlines():
            began, _, rest = line.partition(" ")
            recipients, _, login = rest.partition(" ")
            if began.isdecimal() and recipients.isdecimal() and login:
                yield Entry(int(began), int(recipients), login)

    def _keep(self, entry: Entry, usage: Usage, now: float) -> None:
        self._spare += 1
        if self._spare > MAX_SPARE_LINES:
            self._tidy(usage, now)
        elif self._path:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(_line(entry))
            except OSError as error:
                _log.error("a count is kept in memory only: %s", error)

    def _tidy(self, usage: Usage, now: float) -> None:
        """Write the file anew with what counts."""
        self._spare = 0
        if self._path is None:
            return
        try:
            replace_text(self._path, "".join(map(_line, usage.entries(now))), mode=0o600)
        except OSError as error:
            _log.error("counts are kept in memory only: %s", error)


def _line(entry: Entry) -> str:
    return f"{entry.began} {entry.recipients} {entry.login}\n"
