"""What the agent tells the trainer: one JSON file, rendered by ``daemons/trainer``."""

from dataclasses import dataclass
from pathlib import Path

from mailstack.program.config import Rendered
from mailstack.topology.model import Endpoint


@dataclass(frozen=True, slots=True)
class Learning:
    """The owner's settings that bear on learning."""

    threshold: float
    """Score from which a message is spam, for users who have not set their own."""
    enough: int
    """Ham, and spam, that must be learnt before a user's database counts; SpamAssassin is told
    the same number."""
    grace_s: float
    """A younger message is not learnt yet: its user may not have looked at it."""
    max_octets: int
    """A larger message is not learnt; it is not scanned either."""
    hour: int
    """Of the local day, when the night's training begins."""
    users_at_once: int


@dataclass(frozen=True, slots=True)
class Config(Rendered):
    """Everything that varies between installations."""

    listen: Endpoint
    moved: Endpoint
    """Where Dovecot reports; nothing else can be asked there."""
    api: Endpoint
    imaps: Endpoint
    spamd: Endpoint
    keeper: Endpoint
    """The service that keeps the databases of spamd."""
    token_file: Path
    master_user: str
    master_file: Path
    """The master user's password."""
    certificate: Path
    """Dovecot's, which is compared with what Dovecot shows."""
    ledger: Path
    learning: Learning
    uid: int
    gid: int
    """The account to become; 0 stays."""
