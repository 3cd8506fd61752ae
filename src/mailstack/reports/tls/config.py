"""What a pass over TLS reports is told: one JSON file, rendered by ``daemons/postfix``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint

KEPT: Final = "reports"
"""Folder, beside the socket and the journal, of what is kept; the pass's own."""


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """The whole file."""

    folder: Path
    """Holds the journal, and ``KEPT``."""
    resolver: Endpoint
    postfix: Endpoint
    """Takes the reports that go by mail."""
    ca_file: Path
    hostname: str
    domain: str
    """The primary one, in whose name reports are sent."""
    account: str
    """Whose process the pass becomes, if it starts as root."""
