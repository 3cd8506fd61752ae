"""Where the services' lines go on one machine: a file each, and a stream that one may watch."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailstack.observe.log import LogFile, Stream

OWN = "mailstack: "
"""How the agent's own remarks begin (agent/output.py): they belong into supervisor.log too."""


@dataclass(slots=True)
class Logs:
    """Files open on first use, so that nothing is written before the state folder is checked."""

    state: Path
    stream: Stream | None = None
    _files: dict[str, LogFile] = field(default_factory=dict)

    def write(self, service: str, line: str) -> None:
        """Take one line of ``service``; never fails, never waits."""
        if service not in self._files:
            self._files[service] = LogFile(self.state / "log" / f"{service}.log")
        self._files[service].write(line)
        if self.stream is not None:
            self.stream.write(service, line)
        elif line.startswith(OWN):
            logging.getLogger("mailstack").info("%s: %s", service, line.removeprefix(OWN))

    def lost(self) -> Mapping[str, int]:
        """Return the lines that could not be written, by service."""
        return {name: file.lost for name, file in self._files.items()}
