"""Every error that crosses a module's border.

MailstackError              one line for a person: what, why, what to do
├── ConfigError             the owner's file or setting is wrong; names file and line
├── InvalidDocument         a document breaks a rule of the model; nothing was written
├── DocumentExists          a document of that name is there already
├── DocumentMissing         no document of that name
├── RevisionConflict        the document changed since it was read (HTTP 412)
├── WriteRefused            one of several writes was refused, so none was done; says which
├── StoreUnavailable        the datastore cannot answer now; becomes ``Unavailable`` in directory/
│   └── StoreMissing        its file is not where it was: a volume is not mounted, or it is lost
├── MissingProgram          a daemon is not installed and cannot be installed
└── ServiceFailed           a service did not start, did not become healthy, or died for good
ProtocolError               a peer broke a protocol; its connection is closed
"""

from pathlib import Path

__all__ = [
    "ConfigError",
    "DocumentExists",
    "DocumentMissing",
    "InvalidDocument",
    "MailstackError",
    "MissingProgram",
    "ProtocolError",
    "RevisionConflict",
    "ServiceFailed",
    "StoreMissing",
    "StoreUnavailable",
    "WriteRefused",
]


class MailstackError(Exception):
    """An error a person can act on. ``str()`` is one line: what, why, and what to do."""

    def __init__(self, what: str, *, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}" if self.advice else self.what


class ConfigError(MailstackError):
    """A file or setting of the owner is wrong. Shown as ``file:line: what; advice``."""

    def __init__(
        self, what: str, *, file: Path | None = None, line: int | None = None, advice: str = ""
    ) -> None:
        super().__init__(what, advice=advice)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}:"
        place += "" if self.line is None else f"{self.line}:"
        return f"{place} {super().__str__()}" if place else super().__str__()


class InvalidDocument(MailstackError):
    """A document breaks a rule of the model, alone or together with what is stored."""


class DocumentExists(MailstackError):
    """A document of that type and name is stored already."""


class DocumentMissing(MailstackError):
    """No document of that type and name is stored."""


class RevisionConflict(MailstackError):
    """The document changed after it was read: read it again, then write."""


class WriteRefused(MailstackError):
    """One of several writes was refused, so none was done.

    ``number`` counts from 0 in the order they were given; ``error`` says why.
    """

    def __init__(self, number: int, error: MailstackError) -> None:
        super().__init__(error.what, advice=error.advice)
        self.number = number
        self.error = error


class StoreUnavailable(MailstackError):
    """The datastore cannot answer now (down, slow, locked, corrupt). Try again later."""


class StoreMissing(StoreUnavailable):
    """The file of the datastore is not there. Never a reason to begin with an empty one."""


class MissingProgram(MailstackError):
    """A daemon's program is not installed, and could not be installed."""


class ServiceFailed(MailstackError):
    """A service did not start, did not become healthy in time, or keeps dying."""


class ProtocolError(Exception):
    """A peer broke a protocol's grammar or limits. The text is for our log."""
