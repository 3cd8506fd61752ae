"""Play the transcripts of tests/dialogs/managesieve against a session, and against the server.

``C:`` is a line of the client, ``S:`` one of the server, ``S*`` the greeting unread, ``=`` is TLS,
``login ADDRESS`` is STARTTLS and a login, ``closed`` means that the server hangs up.
"""

import base64
from pathlib import Path

import pytest

from mailstack import __version__
from mailstack.errors import DocumentExists, DocumentMissing, InvalidDocument, StoreUnavailable
from mailstack.managesieve.scripts import ScriptName, Scripts
from mailstack.managesieve.session import Backends, Limits, Next, Session
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols.managesieve import CommandReader

DIALOGS = sorted((Path(__file__).parents[2] / "dialogs" / "managesieve").glob("*.txt"))
LIMITS = Limits(scripts=2, script_octets=64)


class MemoryScripts:
    """The scripts of one user, without a datastore."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._active = ""

    def _known(self, name: str) -> str:
        if name not in self._texts:
            raise DocumentMissing(f"no script '{name}'")
        return name

    async def names(self) -> list[ScriptName]:
        return [ScriptName(name, name == self._active) for name in sorted(self._texts)]

    async def text(self, name: str) -> str:
        return self._texts[self._known(name)]

    async def put(self, name: str, text: str) -> None:
        self._texts[name] = text

    async def delete(self, name: str) -> None:
        del self._texts[self._known(name)]

    async def rename(self, old: str, new: str) -> None:
        if new in self._texts:
            raise DocumentExists(f"there is a script '{new}'")
        self._texts[new] = self._texts.pop(self._known(old))
        self._active = new if self._active == old else self._active

    async def activate(self, name: str) -> None:
        self._active = self._known(name) if name else ""


class BrokenScripts(MemoryScripts):
    """A datastore that does not answer."""

    async def names(self) -> list[ScriptName]:
        raise StoreUnavailable("down")

    async def text(self, name: str) -> str:
        raise StoreUnavailable(f"down, so nobody knows of {name}")


async def authenticate(login: str, password: str, address: str) -> Outcome[str]:
    """The password is "password"; Dovecot is down for down@."""
    del address
    if login.startswith("down@"):
        return Unavailable("down")
    return Found(login) if password == "password" else NotFound()


async def compile_script(text: str) -> None:
    """Refuse one word, as sievec would."""
    if "bogus" in text:
        raise InvalidDocument("line 1: unknown command 'bogus'")


def make_session(address: str = "192.0.2.9", *, secure: bool = False) -> Session:
    """A session of its own world."""
    stored: dict[str, Scripts] = {"broken@a.example": BrokenScripts()}
    return Session(
        Backends(
            authenticate=authenticate,
            compile=compile_script,
            scripts_of=lambda user: stored.setdefault(user, MemoryScripts()),
            extensions="fileinto vacation",
        ),
        LIMITS,
        address=address,
        secure=secure,
    )


def read(transcript: Path) -> list[str]:
    """The lines of a transcript, comments apart."""
    return [line for line in transcript.read_text().splitlines() if not line.startswith("#")]


class Player:
    """Plays a transcript, and keeps what the server still has to say."""

    def __init__(self) -> None:
        self.session = make_session()
        self.commands = CommandReader(LIMITS.script_octets)
        self.said = self.session.greeting().decode()
        self.after = Next.READ

    async def play(self, lines: list[str]) -> None:
        for line in lines:
            await self._step(line)

    async def _step(self, line: str) -> None:
        match line[:2]:
            case "C:":
                await self._send(line[3:])
            case "S:":
                expected = (
                    line[3:].replace("VERSION", __version__, 1)
                    if "mailstack V" in line
                    else line[3:]
                )
                got, _, self.said = self.said.partition("\r\n")
                assert got == expected
            case "S*":
                self.said = ""
            case "= " | "=":
                assert self.after is Next.START_TLS
                self.said = self.session.secured().decode()
            case "lo":
                await self._log_in(line.split()[1])
            case "cl":
                assert self.after is Next.CLOSE

    async def _send(self, text: str) -> None:
        assert self.said == "", "the server said more than the transcript has"
        for line in self.commands.feed(text.encode() + b"\r\n"):
            said, self.after = await self.session.answer(line)
            self.said += said.decode()

    async def _log_in(self, user: str) -> None:
        self.session.secured()
        response = base64.b64encode(f"\0{user}\0password".encode()).decode()
        await self._send(f'AUTHENTICATE "PLAIN" "{response}"')
        self.said = ""


@pytest.mark.parametrize("lines", [read(path) for path in DIALOGS], ids=lambda _: "")
async def test_dialog(lines: list[str]) -> None:
    """The server says exactly what the transcript says."""
    player = Player()
    await player.play(lines)
    assert player.said == ""


def test_there_are_dialogs() -> None:
    """A folder that moved must not look like success."""
    assert len(DIALOGS) >= 7
