"""The master user of a real Dovecot: every mailbox over IMAP, and nothing else."""

import asyncio
import base64
import imaplib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from tests.daemons.mailbox_clients import (
    ANN,
    PASSWORD,
    add_user,
    deliver,
    dovecot,
    trusting,
    with_imap,
)
from tests.daemons.stage import Running, state_folder

from mailstack.aio.command import run
from mailstack.aio.dialog import connect
from mailstack.daemons.dovecot import DAEMON, master
from mailstack.errors import MissingProgram

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

SECRET = "a secret of the stack"
QUICK = {"quick.conf": "auth_failure_delay = 0\n"}
STAR = "a*trainer@example.org"
"""Of a user whose address looks like the login of a master user."""

T = TypeVar("T")


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        secret = folder / "secure" / master.SECRET
        secret.parent.mkdir(mode=0o711)
        secret.write_text(f"{SECRET}\n")
        secret.chmod(0o600)
        yield folder


@asynccontextmanager
async def with_ann(state: Path, **overrides: str) -> AsyncIterator[Running]:
    """A running Dovecot with two mailboxes."""
    files = {f"{name}.conf": text for name, text in overrides.items()}
    async with dovecot(state, {**QUICK, **files}) as (stage, store):
        add_user(store, STAR)
        yield stage


async def as_master(
    stage: Running, work: Callable[[imaplib.IMAP4], T], address: str = ANN, secret: str = SECRET
) -> T:
    """Open the mailbox of ``address`` as the trainer does, and run ``work``."""
    response = master.sasl_plain(address, secret)
    return await asyncio.to_thread(lambda: with_plain(stage, response, work))


def with_plain(stage: Running, response: bytes, work: Callable[[imaplib.IMAP4], T]) -> T:
    """Log in with a SASL PLAIN response, and run ``work``."""
    port = stage.site.addresses["dovecot.imaps"].port
    client = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=trusting(), timeout=60)
    try:
        client.authenticate("PLAIN", lambda _: response)
        return work(client)
    finally:
        client.shutdown()


def inbox(client: imaplib.IMAP4) -> int:
    """Messages in the Inbox."""
    _, data = client.select("INBOX", readonly=True)
    assert data[0] is not None
    return int(data[0])


async def test_the_master_user_reads_every_mailbox(state: Path) -> None:
    """One password opens any user's mailbox, also that of an address with a star in it."""
    async with with_ann(state) as stage:
        await deliver(stage.site, ANN)
        await deliver(stage.site, ANN, STAR)
        assert await as_master(stage, inbox) == 2
        assert await as_master(stage, inbox, STAR) == 1
        assert await with_imap(stage.site, inbox, STAR, PASSWORD) == 1


@pytest.mark.parametrize(
    ("address", "secret", "code"),
    [
        (ANN, "wrong", "AUTHENTICATIONFAILED"),
        ("nobody@example.org", SECRET, "AUTHORIZATIONFAILED"),
        (master.NAME, SECRET, "AUTHENTICATIONFAILED"),
    ],
)
async def test_wrong_logins_of_the_master_user(
    state: Path, address: str, secret: str, code: str
) -> None:
    """A wrong password is told from a mailbox that there is not; the master user has none."""
    async with with_ann(state) as stage:
        with pytest.raises(imaplib.IMAP4.error, match=code):
            await as_master(stage, inbox, address, secret)


async def test_only_from_inside(state: Path) -> None:
    """The right password from another address than the stack's own is refused."""
    response = base64.b64encode(master.sasl_plain(ANN, SECRET)).decode()
    async with with_ann(state) as stage:
        imaps = stage.site.addresses["dovecot.imaps"]
        for source, verdict in (("127.0.0.9", "NO [AUTHENTICATIONFAILED]"), ("127.0.0.1", "OK")):
            reader, writer = await asyncio.open_connection(
                imaps.host, imaps.port, ssl=trusting(), local_addr=(source, 0)
            )
            await reader.readline()
            writer.write(f"a AUTHENTICATE PLAIN {response}\r\n".encode())
            answer = (await reader.readuntil(b"a ") + await reader.readline()).decode()
            assert f"a {verdict}" in answer
            writer.close()
            await writer.wait_closed()


async def test_only_for_imap(state: Path) -> None:
    """Nobody sends mail or edits scripts with it, whichever way the user is named."""
    logins = (f"{ANN}\0{master.NAME}", f"\0{ANN}*{master.NAME}", f"\0{master.NAME}")
    responses = [base64.b64encode(f"{login}\0{SECRET}".encode()).decode() for login in logins]
    async with with_ann(state) as stage:
        questions = [(s, r) for s in ("smtp", "sieve", "lmtp") for r in responses]
        # At once: Dovecot takes its time to refuse each.
        verdicts = await asyncio.gather(*(ask_sasl(stage, *question) for question in questions))
        assert {verdict[:6] for verdict in verdicts} == {"FAIL\t1"}


async def ask_sasl(stage: Running, service: str, response: str) -> str:
    """The verdict on a SASL PLAIN response at the port for Postfix and ManageSieve."""
    async with connect(stage.site.addresses["dovecot.sasl"], timeout_s=60) as dialog:
        await dialog.send_raw(b"VERSION\t1\t1\nCPID\t4711\n")
        while await dialog.line() != "DONE":
            pass
        question = f"AUTH\t1\tPLAIN\tservice={service}\tsecured\tresp={response}\n"
        await dialog.send_raw(question.encode())
        return await dialog.line()


async def test_users_do_not_become_each_other(state: Path) -> None:
    """A user's own password opens nobody else's mailbox."""
    response = f"{STAR}\0{ANN}\0{PASSWORD}".encode()
    async with with_ann(state) as stage:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            await asyncio.to_thread(lambda: with_plain(stage, response, inbox))
        assert await with_imap(stage.site, inbox) == 0


async def test_the_secret_stays_where_it_is(state: Path) -> None:
    """What Dovecot reads is a digest, for its auth process alone; no log and no output has it."""
    async with with_ann(state, verbose="auth_verbose = yes\n") as stage:
        await as_master(stage, inbox)
        with pytest.raises(imaplib.IMAP4.error):
            await as_master(stage, inbox, secret="wrong")
        file = master.users_file(stage.site)
        assert file.stat().st_mode & 0o777 == 0o640
        assert file.parent.stat().st_mode & 0o777 == 0o750
        shown = await run(["doveconf", "-P", "-c", str(stage.site.paths.conf / "dovecot.conf")])
        digest = file.read_text().partition("}")[2].strip()
        assert digest
        for text in (shown.output, "\n".join(stage.output)):
            assert SECRET not in text
            assert digest not in text


async def test_without_a_secret_there_is_no_master_user(state: Path) -> None:
    """Dovecot starts all the same; the empty password opens nothing."""
    (state / "secure" / master.SECRET).unlink()
    async with with_ann(state) as stage:
        for secret in ("", SECRET):
            with pytest.raises(imaplib.IMAP4.error):
                await as_master(stage, inbox, secret=secret)
        assert master.users_file(stage.site).stat().st_size == 0
