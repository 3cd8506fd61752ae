"""What the pages are made of: the server's name, its ports as clients see them, the owner."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """The same for every domain."""

    hostname: str
    email: str
    """Whom to tell of a fault of security."""
    imap: int
    imaps: int
    submission: int
    submissions: int
    mta_sts: str
    """``enforce``, ``testing`` or ``none``."""
    mta_sts_seconds: int
    shifted: bool = False
    """The ports are others than usual, so another web server may have the usual ones."""
