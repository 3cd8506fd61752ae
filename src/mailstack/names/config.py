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
    api: Endpoint
    token_file: Path
    certificate: Path
    key: Path
    hostname: str
    email: str
    mta_sts: str
    mta_sts_seconds: int
    port_offset: int
    """By which the public ports are shifted."""
    requests_per_minute: int
    """Of one client; 0: no limit. Likewise the next."""
    connections_per_client: int
    uid: int
    gid: int
    """The account to become; 0 stays."""
