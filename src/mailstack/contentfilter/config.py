"""What the filter is told: the JSON that ``daemons/contentfilter`` renders from the settings.

Plain dataclasses instead of ``mailstack.settings``: those are checked already, and pydantic would
double the memory of this program.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from mailstack.errors import ConfigError

Address = tuple[str, int]
"""Host and port. The host ``all`` means every address of the machine."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Every one is below Postfix's own wait at that place (lmtp(8), 3.7)."""

    idle: float = 300.0
    """For the next command or piece of message; Postfix keeps a connection two seconds."""
    connect: float = 10.0
    """To the mailbox server, greeting and LHLO included."""
    command: float = 60.0
    """For the mailbox server's answers before the message; it looks users up meanwhile."""
    delivery: float = 300.0
    """For its answers after the message, quota and sieve included; Postfix waits 600 s, of
    which ``scan_timeout_s`` may be used up."""
    shutdown: float = 20.0
    """For transactions under way when told to stop."""


@dataclass(frozen=True, slots=True)
class Config:
    """All the filter needs to know."""

    hostname: str
    """Said in greetings, and written by the mailbox server into its Received field."""
    listen: Address
    http: Address
    mailboxes: Address
    """The mailbox server's LMTP."""
    spamd: Address
    spool: Path
    """Folder of large messages. Files in it have no name: nothing is left over."""
    policy: Address | None = None
    """Where Postfix asks how much a login may send; None: nowhere."""
    usage: Path | None = None
    """File of what logins have sent; None: a restart forgets."""
    max_recipients_per_day: int = 0
    """Of one login; 0: no limit."""
    enabled: bool = True
    on_failure: str = "defer"
    max_scan_octets: int = 1024**2
    scan_timeout_s: float = 120.0
    scans_at_once: int = 2
    max_message_octets: int = 100 * 1024**2
    max_recipients: int = 1000
    max_connections: int = 64
    """Postfix opens 20 to one destination (default_destination_concurrency_limit)."""
    memory_octets: int = 1024**2
    """A message up to this size stays in memory."""
    delimiter: str = "+"
    couchmail: Address | None = None
    """Its API says who has a spam profile of their own; without it, nobody has."""
    aliases: Address | None = None
    """Its tables of aliases and senders, by socketmap; needed by the milter."""
    milter: Address | None = None
    """Where Postfix asks before the queue; None: it does not."""
    check_from: bool = True
    """Refuse users' messages whose From field is not one of their addresses."""
    reject_score: float | None = None
    """Refuse messages that are at least so much spam to every recipient."""
    resolver: Address | None = None
    """Answers DNS, for the milter to tell who sent a message; None: it does not look."""
    enforce_dmarc: bool = True
    """Do with what fails DMARC what its author's domain asks for; else it is only written down."""
    trusted_forwarders: tuple[str, ...] = ()
    """Domains whose ARC seals speak for what they forward."""
    token_file: Path | None = None
    """Holds the API's token."""
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """The account to become; 0 stays."""
    timeouts: Timeouts = Timeouts()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read the rendered document.

        Raises:
            ConfigError: an unknown or a missing name; the text names it.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(document) - known):
            raise ConfigError(f"unknown name {unknown[0]!r}", advice="render the file anew")
        try:
            return cls(**{name: _typed(name, value) for name, value in document.items()})
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error), advice="render the file anew") from error


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON enters here
    match name:
        case (
            "listen"
            | "http"
            | "policy"
            | "mailboxes"
            | "spamd"
            | "couchmail"
            | "aliases"
            | "milter"
            | "resolver"
        ):
            host, port = value
            return (str(host), int(port))
        case "spool" | "usage" | "token_file":
            return Path(value)
        case "groups" | "trusted_forwarders":
            return tuple(value)
        case "timeouts":
            return Timeouts(**value)
        case _:
            return value


def load(path: Path) -> Config:
    """Read the configuration file.

    Raises:
        ConfigError: it cannot be read or is not what ``daemons/contentfilter`` renders.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", file=path) from error
    if not isinstance(document, dict):
        raise ConfigError("is not a JSON object", file=path, advice="render the file anew")
    try:
        return Config.parse(document)
    except ConfigError as error:
        raise ConfigError(error.what, file=path, advice=error.advice) from error
