"""One ManageSieve session: commands in, responses out, no sockets.

``Session.answer`` takes one command and returns what to send and what the connection has to do
next. States are those of RFC 5804 1.1: not authenticated (in the clear or under TLS), and
authenticated. Longer than most files here because it is one state machine.
"""

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mailstack import __version__
from mailstack.daemons.dovecot.facts import MAX_REDIRECTS
from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    MailstackError,
)
from mailstack.managesieve.scripts import Authenticator, Compiler, Scripts
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.protocols.managesieve import (
    Atom,
    Line,
    Malformed,
    Token,
    TooLarge,
    capabilities,
    response,
    string,
)

_log = logging.getLogger(__name__)

MAX_FAILURES: Final = 3
"""Wrong logins of one connection before it is closed."""

MAX_FAULTS: Final = 10
"""Commands that are none before the connection is closed."""


class Next(Enum):
    """What the connection does after a response."""

    READ = auto()
    START_TLS = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one user."""

    scripts: int
    script_octets: int


@dataclass(frozen=True, slots=True)
class Backends:
    """The rest of the stack, as a session sees it."""

    authenticate: Authenticator
    compile: Compiler
    scripts_of: Callable[[str], Scripts]
    extensions: str
    """Of sieve, separated by spaces, as delivery has them (RFC 5804 1.7, SIEVE)."""


_CODES: Final = {
    DocumentMissing: "NONEXISTENT",
    DocumentExists: "ALREADYEXISTS",
    InvalidDocument: "",
}
"""RFC 5804 1.3."""


class _Refuse(Exception):
    """Ends a command with NO."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


_Handler = Callable[[Sequence[Token]], Awaitable[bytes]]


class Session:
    """The state of one connection."""

    def __init__(
        self, backends: Backends, limits: Limits, *, secure: bool = False, address: str = ""
    ) -> None:
        """``address`` is the client's."""
        self._backends = backends
        self._limits = limits
        self._secure = secure
        self._address = address
        self._user = ""
        self._scripts: Scripts | None = None
        self._pending_sasl = False
        self._failures = 0
        self._faults = 0
        self._open: dict[str, _Handler] = {
            "CAPABILITY": self._capability,
            "NOOP": self._noop,
            "AUTHENTICATE": self._authenticate,
        }
        self._authenticated: dict[str, _Handler] = {
            "HAVESPACE": self._havespace,
            "PUTSCRIPT": self._putscript,
            "CHECKSCRIPT": self._checkscript,
            "LISTSCRIPTS": self._listscripts,
            "SETACTIVE": self._setactive,
            "GETSCRIPT": self._getscript,
            "DELETESCRIPT": self._deletescript,
            "RENAMESCRIPT": self._renamescript,
            "UNAUTHENTICATE": self._unauthenticate,
        }

    @property
    def user(self) -> str:
        """The address that is logged in; empty: nobody is."""
        return self._user

    def greeting(self) -> bytes:
        """What the server says first, and again after STARTTLS (RFC 5804 1.7, 2.2)."""
        return self._capabilities() + response("OK", "mailstack ManageSieve ready")

    def secured(self) -> bytes:
        """TLS is up: forget what was said before, greet anew."""
        self._secure = True
        self._pending_sasl = False
        return self.greeting()

    async def answer(self, line: Line) -> tuple[bytes, Next]:
        """Carry out one command."""
        try:
            return await self._carry_out(line)
        except _Refuse as refusal:
            return response("NO", refusal.text, code=refusal.code), self._after_fault()
        except (DocumentMissing, DocumentExists, InvalidDocument) as error:
            return response("NO", str(error), code=_CODES[type(error)]), Next.READ
        except MailstackError as error:
            # The detail is for our log; the peer learns that it is not the script's fault.
            _log.warning("for %s: %s", self._user, error)
            return response("NO", "this cannot be done now", code="TRYLATER"), Next.READ

    async def _carry_out(self, line: Line) -> tuple[bytes, Next]:
        if self._pending_sasl:
            return await self._continue_sasl(line), self._after_login()
        if isinstance(line, Malformed):
            raise _Refuse(line.reason)
        return await self._dispatch(line)

    async def _dispatch(self, line: Sequence[Token]) -> tuple[bytes, Next]:
        if not line or not isinstance(line[0], Atom):
            raise _Refuse("a command is expected")
        name, arguments = line[0].text, line[1:]
        if name == "LOGOUT":
            return response("OK", "good bye"), Next.CLOSE
        if name == "STARTTLS":
            return self._starttls()
        if handler := self._open.get(name):
            return await handler(arguments), self._after_login()
        if handler := self._authenticated.get(name):
            if self._scripts is None:
                raise _Refuse("log in first")
            return await handler(arguments), Next.READ
        raise _Refuse(f"{name[:32]} is no command of this server")

    def _after_fault(self) -> Next:
        self._faults += 1
        return Next.CLOSE if self._faults >= MAX_FAULTS else self._after_login()

    def _after_login(self) -> Next:
        return Next.CLOSE if self._failures >= MAX_FAILURES else Next.READ

    # --- before the login -------------------------------------------------------------------

    def _capabilities(self) -> bytes:
        pairs: list[tuple[str, str | None]] = [
            ("IMPLEMENTATION", f"mailstack {__version__}"),
            ("SASL", "PLAIN" if self._secure and not self._user else ""),
            ("SIEVE", self._backends.extensions),
            ("MAXREDIRECTS", str(MAX_REDIRECTS)),
            ("VERSION", "1.0"),
            ("UNAUTHENTICATE", None),
        ]
        if not self._secure:
            pairs.append(("STARTTLS", None))
        if self._user:
            pairs.append(("OWNER", self._user))
        return capabilities(pairs)

    async def _capability(self, arguments: Sequence[Token]) -> bytes:
        _expect(arguments, 0)
        return self._capabilities() + response("OK")

    async def _noop(self, arguments: Sequence[Token]) -> bytes:
        if not arguments:
            return response("OK", "done")
        tag = _text(_expect(arguments, 1)[0])
        return response("OK", "done", code=f"TAG {string(tag).decode()}")

    def _starttls(self) -> tuple[bytes, Next]:
        if self._secure:
            raise _Refuse("TLS is on already")
        return response("OK", "begin TLS now"), Next.START_TLS

    async def _authenticate(self, arguments: Sequence[Token]) -> bytes:
        if self._user:
            raise _Refuse("somebody is logged in already")
        if not 1 <= len(arguments) <= 2 or _text(arguments[0]).upper() != "PLAIN":  # noqa: PLR2004
            raise _Refuse("the mechanism is PLAIN, with at most one response")
        if not self._secure:
            raise _Refuse("a password is taken only under TLS", "ENCRYPT-NEEDED")
        if len(arguments) == 1:
            self._pending_sasl = True
            return b'""\r\n'
        return await self._login(arguments[1])

    async def _continue_sasl(self, line: Line) -> bytes:
        self._pending_sasl = False
        if isinstance(line, Malformed) or len(line) != 1:
            # "*" abandons the exchange, and is no token of this grammar (RFC 5804 2.1).
            raise _Refuse("the login was abandoned")
        return await self._login(line[0])

    async def _login(self, token: Token) -> bytes:
        login, password = _plain(token)
        match await self._backends.authenticate(login, password, self._address):
            case Found(user):
                self._user = user
                self._scripts = self._backends.scripts_of(user)
                return response("OK", "logged in")
            case NotFound():
                self._failures += 1
                _log.warning("wrong login %r from %s", login, self._address)
                return response("NO", "wrong login or password")
            case Unavailable():
                return response("NO", "logins cannot be checked now", code="TRYLATER")

    # --- after it ---------------------------------------------------------------------------

    @property
    def _mine(self) -> Scripts:
        assert self._scripts is not None  # noqa: S101 - _dispatch has seen to it
        return self._scripts

    async def _unauthenticate(self, arguments: Sequence[Token]) -> bytes:
        _expect(arguments, 0)
        self._user, self._scripts = "", None
        return response("OK", "logged out")

    async def _havespace(self, arguments: Sequence[Token]) -> bytes:
        name, octets = _expect(arguments, 2)
        if not isinstance(octets, int):
            raise _Refuse("HAVESPACE takes a name and a number")
        await self._room_for(_name(name), octets)
        return response("OK", "there is room")

    async def _room_for(self, name: str, octets: int) -> None:
        if octets > self._limits.script_octets:
            raise _Refuse(
                f"a script has at most {self._limits.script_octets} octets", "QUOTA/MAXSIZE"
            )
        taken = {script.name for script in await self._mine.names()} | {name}
        if len(taken) > self._limits.scripts:
            raise _Refuse(f"there are {self._limits.scripts} scripts already", "QUOTA/MAXSCRIPTS")

    async def _putscript(self, arguments: Sequence[Token]) -> bytes:
        given, content = _expect(arguments, 2)
        name, text = _name(given), await self._compiled(content)
        await self._room_for(name, len(text.encode()))
        await self._mine.put(name, text)
        return response("OK", "stored")

    async def _checkscript(self, arguments: Sequence[Token]) -> bytes:
        await self._compiled(_expect(arguments, 1)[0])
        return response("OK", "the script is right")

    async def _compiled(self, content: Token) -> str:
        if isinstance(content, TooLarge):
            raise _Refuse(
                f"a script has at most {self._limits.script_octets} octets", "QUOTA/MAXSIZE"
            )
        text = _text(content)
        await self._backends.compile(text)
        return text

    async def _listscripts(self, arguments: Sequence[Token]) -> bytes:
        _expect(arguments, 0)
        lines = [
            string(script.name) + (b" ACTIVE" if script.active else b"") + b"\r\n"
            for script in await self._mine.names()
        ]
        return b"".join(lines) + response("OK")

    async def _setactive(self, arguments: Sequence[Token]) -> bytes:
        await self._mine.activate(_text(_expect(arguments, 1)[0]))
        return response("OK")

    async def _getscript(self, arguments: Sequence[Token]) -> bytes:
        text = (await self._mine.text(_name(_expect(arguments, 1)[0]))).encode()
        # Always a literal: a script is read more easily so, and clients expect it (RFC 5804 2.9).
        return b"{%d}\r\n%s\r\n" % (len(text), text) + response("OK")

    async def _deletescript(self, arguments: Sequence[Token]) -> bytes:
        name = _name(_expect(arguments, 1)[0])
        if any(script.active and script.name == name for script in await self._mine.names()):
            raise _Refuse("the active script cannot be deleted", "ACTIVE")
        await self._mine.delete(name)
        return response("OK", "deleted")

    async def _renamescript(self, arguments: Sequence[Token]) -> bytes:
        old, new = _expect(arguments, 2)
        await self._mine.rename(_name(old), _name(new))
        return response("OK", "renamed")


def _expect(arguments: Sequence[Token], count: int) -> Sequence[Token]:
    if len(arguments) != count:
        raise _Refuse(f"this command takes {count} arguments, not {len(arguments)}")
    return arguments


def _text(token: Token) -> str:
    """A string argument. Scripts and names are UTF-8 (RFC 5804 1.2, 1.6)."""
    if not isinstance(token, bytes):
        raise _Refuse("a string is expected")
    try:
        return token.decode()
    except UnicodeDecodeError:
        raise _Refuse("not UTF-8") from None


def _name(token: Token) -> str:
    name = _text(token)
    if not name:
        raise _Refuse("a script has a name")
    return name


def _plain(token: Token) -> tuple[str, str]:
    """Login and password of a SASL PLAIN response (RFC 4616 2), which has three parts."""
    try:
        parts = base64.b64decode(_text(token), validate=True).decode().split("\0")
    except (binascii.Error, UnicodeDecodeError):
        raise _Refuse("the response is not base64 of UTF-8") from None
    if len(parts) != 3 or not parts[1]:  # noqa: PLR2004 - authzid, authcid, password
        raise _Refuse("the response is not one of PLAIN")
    authorize_as, login, password = parts
    if authorize_as not in ("", login):
        raise _Refuse("nobody may act for somebody else here")
    return login, password
