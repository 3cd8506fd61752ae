"""What the agent tells this service: one JSON file."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """Everything that varies between installations."""

    listen: Endpoint
    http: Endpoint
    """Health and metrics."""
    resolver: Endpoint
    cache: Path
    """Folder of the policies that are held to."""
    ca_file: Path
    dane: bool
    """Whether Postfix does DANE, which then comes first."""
    uid: int
    gid: int
    """The account to become; 0 stays."""
