"""Where lines go on one machine: a file per service in STATE/log, and a stream that one may watch.

What the agents and the supervisor say themselves is logged, too: in the background that is
``supervisor.log``, the one file to read when something did not come up.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.agent.output import REMARK
from mailstack.observe.log import LogFile, Stream

OWN: Final = "mailstack"
"""In place of a service: the supervisor's own lines."""
_LOGGER: Final = logging.getLogger("mailstack")


@dataclass(slots=True)
class Logs:
    """Files are opened on first use, so that nothing is written before the folder is checked."""

    state: Path
    stream: Stream | None = None
    _files: dict[str, LogFile] = field(default_factory=dict)

    def write(self, service: str, line: str) -> None:
        """Take one line of ``service``; never fails, never waits."""
        if service == OWN:
            _LOGGER.info("%s", line)
            return
        if service not in self._files:
            self._files[service] = LogFile(self.state / "log" / f"{service}.log")
        self._files[service].write(line)
        if self.stream is not None:
            self.stream.write(service, line)
        elif line.startswith(REMARK):
            _LOGGER.info("%s: %s", service, line.removeprefix(REMARK))


class FileHandler(logging.Handler):
    """Puts what is logged into a file with a bounded size."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.file = LogFile(path)
        self.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        for line in self.format(record).splitlines():
            self.file.write(line)
