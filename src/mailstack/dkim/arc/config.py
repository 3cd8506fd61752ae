"""What the sealing milter is told: one JSON file, rendered by ``daemons/opendkim``."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """The whole file."""

    authserv_id: str
    """In whose name results are written."""
    domain: str
    """That seals: the primary one, of which the senders of forwarded mail are."""
    keys: Endpoint
    """couchmail's port that tells which key signs for a domain."""
    resolver: Endpoint
    secure: Path
    """Where the key that opens keys lies, and the one key of a stack without others."""
    selector: str
    """Of that one key."""
    uid: int
    gid: int
    idle_s: float = 60.0
    """Without a client; then the program ends."""
