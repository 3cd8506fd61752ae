"""What a pass over the reports is told: one JSON file, rendered by ``daemons/contentfilter``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint

INCOMING: Final = "incoming"
"""Folder of messages that may be reports about our domains."""
COPY: Final = ".eml"
"""Ends the name of a whole one."""


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """The whole file."""

    folder: Path
    """Holds all that is kept of reports."""
    resolver: Endpoint
    postfix: Endpoint
    """Takes the reports to send."""
    api: Endpoint
    """Says which domains are ours."""
    token_file: Path
    hostname: str
    domain: str
    """The primary one, in whose name reports are sent."""
    send: bool
    keep_days: int
    uid: int
    gid: int
