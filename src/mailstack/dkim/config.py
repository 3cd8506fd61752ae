"""What the keeper of DKIM keys is told: one JSON file, rendered by ``daemons/opendkim``."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailstack.dkim.rotation import Rules
from mailstack.errors import ConfigError
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Config:
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

    @classmethod
    def read(cls, file: Path) -> "Config":
        """Read the file.

        Raises:
            ConfigError: it cannot be read, or is not what is rendered.
        """
        try:
            return cls.of(json.loads(file.read_bytes()))
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"is not what was rendered: {error!r}", file=file) from error

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Config":
        """Take over what was decoded."""
        rules = {**fields["rules"], "algorithms": tuple(fields["rules"]["algorithms"])}
        server = fields["update_server"]
        return cls(
            **{
                **fields,
                "api": Endpoint(*fields["api"]),
                "resolver": Endpoint(*fields["resolver"]),
                "secure": Path(fields["secure"]),
                "rules": Rules(**rules),
                "update_server": Endpoint(*server) if server else None,
            }
        )
