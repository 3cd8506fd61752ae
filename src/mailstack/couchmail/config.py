"""What couchmail is told when it starts: one JSON file, rendered by ``daemons/couchmail``.

Owners do not write it; their settings are in ``mailstack.toml``. It is strict all the same, because
the service checks a new file with this very loader before it comes into force.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailstack.errors import ConfigError
from mailstack.topology.model import Endpoint


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


PortName = Literal["domains", "mailboxes", "aliases", "dict", "api"]
"""As the topology names them."""


class Config(_Part):
    """The whole file."""

    listen: Annotated[dict[PortName, Endpoint], Field(min_length=5, description="All five.")]
    database: Path = Field(description="The SQLite store.")
    marker: Path = Field(
        description="File that says that there was a store once. It lies outside the store's "
        "volume, so that a volume that is not mounted is told from a first start."
    )
    socket: Path = Field(description="The API's unix socket, for root and the service's account.")
    token_file: Path = Field(description="Holds the bearer token of the API on TCP.")
    uid: int = Field(ge=0, description="Account to become when started as root.")
    gid: int = Field(ge=0)
    owner_email: str = Field(description="Gets what is sent to postmaster@ and abuse@.")
    primary_domain: str = Field(description="Created at the start unless it exists.")
    delimiter: str = Field(min_length=1, max_length=1)
    lookup_processes: int = Field(
        default=0,
        ge=0,
        le=16,
        description="That answer lookups; 0: two, on two processors or more.",
    )
    max_connections: int = Field(
        default=1000,
        ge=1,
        description="Of each port, in each process. Postfix opens one for each of its own "
        "processes, some 100 to 200.",
    )
    idle_s: float = Field(
        default=600.0,
        gt=0,
        description="A silent connection is closed after once to twice this time. Postfix reuses "
        "its connections for up to its max_idle of 100 s, and opens a new one where it finds "
        "one closed.",
    )
    grace_s: float = Field(
        default=5.0, gt=0, description="For open requests to end when the service stops."
    )


def load(path: Path) -> Config:
    """Read the file.

    Raises:
        ConfigError: it cannot be read, is no JSON, or a field is missing, wrong or unknown.
    """
    try:
        return Config.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigError(f"{place}: {first['msg']}", file=path) from error
