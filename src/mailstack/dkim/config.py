"""What the keeper of DKIM keys is told: one JSON file, rendered by ``daemons/opendkim``."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.dkim.rotation import Rules
from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """The whole file."""

    api: Endpoint
    resolver: Endpoint
    secure: Path
    """Where master key, token and TSIG key lie."""
    rules: Rules
    update_server: Endpoint | None
    update_zone: str
    tsig_name: str
    tsig_algorithm: str
    uid: int
    gid: int
