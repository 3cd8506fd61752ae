"""What the agent tells this service: one JSON file."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """Everything that varies between installations."""

    http: Endpoint
    api: Endpoint
    spamd: Endpoint
    token_file: Path
    users: Path
    rules: Path
    site_config: Path
    """spamd's configuration in force, with which new rules are tried."""
    spamd_pid: Path
    authenticated: bool
    """SPF and DKIM are asked, so that welcome senders can be held to them."""
    update_rules: bool
    update_hour: int
    check_every_s: float
    """Between two looks at the databases that changed."""
    uid: int
    gid: int
    """The account to become; 0 stays."""
