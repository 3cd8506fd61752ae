"""What the filter is told: the JSON that ``daemons/contentfilter`` renders from the settings."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered

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
class Config(Rendered):
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
    reports: Path | None = None
    """Folder of what other domains are told; None: nothing."""
    incoming: Path | None = None
    """Folder of what they may have told us; None: nobody reads it."""
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
    quarantine: str = "spam"
    """What becomes of what is to be quarantined: ``spam`` or ``accept``."""
    trusted_forwarders: tuple[str, ...] = ()
    """Domains whose ARC seals speak for what they forward."""
    token_file: Path | None = None
    """Holds the API's token."""
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    """The account to become; 0 stays."""
    timeouts: Timeouts = Timeouts()
