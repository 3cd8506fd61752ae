"""What the agent tells this service: one JSON file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mailstack.errors import ConfigError
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config:
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

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            ConfigError: it is missing, no JSON, or lacks something.
        """
        try:
            raw = json.loads(path.read_text())
            return cls(
                http=Endpoint(*raw["http"]),
                api=Endpoint(*raw["api"]),
                spamd=Endpoint(*raw["spamd"]),
                token_file=Path(raw["token_file"]),
                users=Path(raw["users"]),
                rules=Path(raw["rules"]),
                site_config=Path(raw["site_config"]),
                spamd_pid=Path(raw["spamd_pid"]),
                authenticated=bool(raw["authenticated"]),
                update_rules=bool(raw["update_rules"]),
                update_hour=int(raw["update_hour"]),
                check_every_s=float(raw["check_every_s"]),
                uid=int(raw["uid"]),
                gid=int(raw["gid"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"cannot be read: {error!r}", file=path) from error
