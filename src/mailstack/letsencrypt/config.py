"""What the agent tells this service: one JSON file, for the resident process and for each order."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """Everything that varies between installations."""

    listen: Endpoint
    http: Endpoint
    """Health, metrics, renewal on demand."""
    port_offset: int
    """By which the public ports are shifted."""
    api: Endpoint
    token_file: Path
    resolver: Endpoint
    hostname: str
    domain: str
    """The primary one."""
    email: str
    directory: str
    ca_file: str
    challenge: str
    renew_at: float
    update_server: Endpoint | None
    update_zone: str
    tsig_file: Path
    tsig_name: str
    tsig_algorithm: str
    tls: Path
    """Folder of the certificate in force, on one machine."""
    secret: str
    """Name of the Secret that holds it, on a cluster."""
    kept: Path
    """Account, what was made, what was planned."""
    pages: Path
    """What is shown on port 80 while an order runs: a file for each token."""
    errands: Path
    """Socket at which the agent has an order done."""
    uid: int
    gid: int
    """The account to become; 0 stays."""
