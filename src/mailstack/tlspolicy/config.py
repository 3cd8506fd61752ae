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
    resolver: Endpoint
    cache: Path
    """Folder of the policies that are held to."""
    ca_file: Path
    dane: bool
    """Whether Postfix does DANE, which then comes first."""
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
                resolver=Endpoint(*raw["resolver"]),
                cache=Path(raw["cache"]),
                ca_file=Path(raw["ca_file"]),
                dane=bool(raw["dane"]),
                uid=int(raw["uid"]),
                gid=int(raw["gid"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"cannot be read: {error!r}", file=path) from error
