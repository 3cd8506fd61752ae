"""A real Dovecot tells the trainer who has moved mail into Spam, or from there into the Inbox."""

import asyncio
import imaplib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.daemons.mailbox_clients import ANN, HAM, deliver, dovecot, with_imap
from tests.daemons.stage import Running, state_folder

from mailstack.aio.http import Answer, HttpServer, Request
from mailstack.daemons.dovecot import DAEMON
from mailstack.errors import MissingProgram
from mailstack.topology.model import Endpoint
from mailstack.trainer.reports import user_of

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

MESSAGE = HAM.encode()
Work = Callable[[imaplib.IMAP4], None]


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@dataclass(slots=True)
class Trainer:
    """Plays the trainer: writes down whom it was told of."""

    told: list[str] = field(default_factory=list)
    willing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Answer:
        await self.willing.wait()
        assert (request.method, request.path) == ("POST", ("moved",))
        self.told.append(user_of(request.body))
        return Answer(202)

    async def heard(self, times: int) -> None:
        """Wait until it was told of Ann so often."""
        async with asyncio.timeout(60):
            while len(self.told) < times:  # noqa: ASYNC110 - another process tells
                await asyncio.sleep(0.01)
        assert self.told == [ANN] * times


@asynccontextmanager
async def stage(state: Path) -> AsyncIterator[tuple[Running, Trainer, asyncio.Server]]:
    """Dovecot, with a trainer beside it."""
    trainer = Trainer()
    trainer.willing.set()
    server = await asyncio.start_server(HttpServer(trainer.answer).serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    addresses = {"trainer.moved": Endpoint("127.0.0.1", port)}
    async with server, dovecot(state, addresses=addresses) as (running, _):
        yield running, trainer, server


def upload(folder: str) -> Work:
    """Append a message to ``folder``."""

    def work(client: imaplib.IMAP4) -> None:
        status, data = client.append(folder, "", "", MESSAGE)
        assert status == "OK", data

    return work


def take(command: str, source: str, target: str) -> Work:
    """MOVE or COPY all messages of ``source`` to ``target``."""

    def work(client: imaplib.IMAP4) -> None:
        client.select(source)
        status, data = client.uid(command, "1:*", target)
        assert status == "OK", data

    return work


@pytest.mark.parametrize(
    "correction",
    [
        [take("MOVE", "INBOX", "Spam")],
        [take("COPY", "INBOX", "Spam")],
        [take("COPY", "Archive", "Spam")],
        [upload("Spam")],
    ],
    ids=["move", "copy", "copy from elsewhere", "upload"],
)
async def test_into_spam(state: Path, correction: list[Work]) -> None:
    """What a user calls spam is told at once."""
    async with stage(state) as (dovecot_, trainer, _):
        for prepare in (upload("INBOX"), upload("Archive")):
            await with_imap(dovecot_.site, prepare)
        for work in correction:
            await with_imap(dovecot_.site, work)
        await trainer.heard(1)


@pytest.mark.parametrize("command", ["MOVE", "COPY"])
async def test_out_of_spam(state: Path, command: str) -> None:
    """What a user takes back is told at once."""
    async with stage(state) as (dovecot_, trainer, _):
        await deliver(dovecot_.site, ANN, message=f"X-Spam-Flag: YES\r\n{HAM}")
        await with_imap(dovecot_.site, take(command, "Spam", "INBOX"))
        await trainer.heard(1)


async def test_no_corrections(state: Path) -> None:
    """Emptying Spam, sorting good mail, and delivery are none."""
    async with stage(state) as (dovecot_, trainer, _):
        for _ in range(2):
            await deliver(dovecot_.site, ANN, message=f"X-Spam-Flag: YES\r\n{HAM}")
            await deliver(dovecot_.site, ANN)
        for command in ("COPY", "MOVE"):
            await with_imap(dovecot_.site, take(command, "Spam", "Trash"))
            await with_imap(dovecot_.site, take(command, "INBOX", "Archive"))
        await with_imap(dovecot_.site, upload("INBOX"))
        # Events come in order: were there one of these, it would be here before this one.
        await with_imap(dovecot_.site, upload("Spam"))
        await trainer.heard(1)


async def test_a_hundred_at_once(state: Path) -> None:
    """Each message of a large move is told, and the move waits for none of it."""
    async with stage(state) as (dovecot_, trainer, _):

        def work(client: imaplib.IMAP4) -> None:
            for _ in range(100):
                upload("INBOX")(client)
            take("MOVE", "INBOX", "Spam")(client)

        await with_imap(dovecot_.site, work)
        await trainer.heard(100)


@pytest.mark.parametrize("how", ["is down", "hangs"])
async def test_without_the_trainer_the_move_succeeds(state: Path, how: str) -> None:
    """A trainer that is not there, or says nothing, is no matter of the user's."""
    async with stage(state) as (dovecot_, trainer, server):
        if how == "is down":
            server.close()
        else:
            trainer.willing.clear()
        for work in (upload("INBOX"), take("MOVE", "INBOX", "Spam")):
            async with asyncio.timeout(8):
                await with_imap(dovecot_.site, work)

        def left(client: imaplib.IMAP4) -> None:
            assert client.select("Spam")[1] == [b"1"]
            assert client.select("INBOX")[1] == [b"0"]

        await with_imap(dovecot_.site, left)
        assert not dovecot_.said("Error: sieve")
        trainer.willing.set()
