"""What the signing milter is told: one JSON file, rendered by ``daemons/opendkim``."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """The whole file."""

    keys: Endpoint
    """couchmail's port that tells which key signs for a domain."""
    secure: Path
    """Where the key that opens keys lies."""
    daemon_name: str
    """What Postfix calls its services whose mail is signed."""
    uid: int
    gid: int
    idle_s: float = 60.0
    """Without a client; then the program ends."""
