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
                listen=Endpoint(*raw["listen"]),
                http=Endpoint(*raw["http"]),
                api=Endpoint(*raw["api"]),
                token_file=Path(raw["token_file"]),
                certificate=Path(raw["certificate"]),
                key=Path(raw["key"]),
                hostname=str(raw["hostname"]),
                email=str(raw["email"]),
                mta_sts=str(raw["mta_sts"]),
                mta_sts_seconds=int(raw["mta_sts_seconds"]),
                port_offset=int(raw["port_offset"]),
                uid=int(raw["uid"]),
                gid=int(raw["gid"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"cannot be read: {error!r}", file=path) from error
