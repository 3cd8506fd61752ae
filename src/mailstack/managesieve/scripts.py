"""What a session needs of the rest of the stack: scripts, a compiler, a check of logins.

Three seams, so that a session can be tested without any of them. Every call may raise
``StoreUnavailable`` ("try later"), which a session never turns into "no such script".
"""

from dataclasses import dataclass
from typing import Protocol

from mailstack.outcome import Outcome


@dataclass(frozen=True, slots=True)
class ScriptName:
    """One script of a user, as LISTSCRIPTS shows it."""

    name: str
    active: bool


class Scripts(Protocol):
    """One user's scripts in the datastore.

    Raises, each as mailstack.errors: ``DocumentMissing``, ``DocumentExists``, ``InvalidDocument``
    (a name or text that the model refuses), ``RevisionConflict`` and ``StoreUnavailable``.
    """

    async def names(self) -> list[ScriptName]: ...

    async def text(self, name: str) -> str: ...

    async def put(self, name: str, text: str) -> None:
        """Create or replace; an active script stays active."""

    async def delete(self, name: str) -> None: ...

    async def rename(self, old: str, new: str) -> None:
        """Whole or not at all; an active script stays active."""

    async def activate(self, name: str) -> None:
        """Make it the one in force; the empty name: none is."""


class Compiler(Protocol):
    """Says whether delivery could run a script."""

    async def __call__(self, text: str) -> None:
        """Return when it compiles.

        Raises:
            InvalidDocument: it does not; the text has the line and the compiler's words.
        """


class Authenticator(Protocol):
    """Checks a login."""

    async def __call__(self, login: str, password: str, address: str) -> Outcome[str]:
        """Found: right, with the user's address. NotFound: wrong. Unavailable: cannot tell.

        ``address`` is where the client is.
        """
