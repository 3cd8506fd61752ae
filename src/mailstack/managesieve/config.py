"""What the agent tells this service: one JSON file."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.managesieve.session import Limits
from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """Everything that varies between installations."""

    listen: Endpoint
    http: Endpoint
    """Health and metrics."""
    sasl: Endpoint
    api: Endpoint
    token_file: Path
    certificate: Path
    key: Path
    limits: Limits
    extensions: str
    uid: int
    gid: int
    """The account to become; 0 stays."""
    balanced: Endpoint | None = None
    """Where load balancers connect, which name the client (PROXY protocol); None: there is none."""
    proxy_networks: tuple[str, ...] = ()
    """Of these."""
