"""Real spamd and real Dovecot with the filter between, and clients of it for the tests."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.daemons.dict_server import dict_server
from tests.daemons.mailbox_clients import add_user
from tests.daemons.stage import EXAMPLE, Running, make_certificate, running, site_for

from mailstack.aio.command import run
from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contentfilter import DAEMON as CONTENTFILTER
from mailstack.daemons.contract import Site
from mailstack.daemons.dovecot import DAEMON as DOVECOT
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint

OFFSET = 3000
USERS = ("bob@example.org", "tolerant@example.org", "carol@example.org")
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HEADER = (
    "From: Alice <alice@example.net>\r\nTo: bob@example.org\r\nSubject: hello\r\n"
    "Date: Sat, 28 Nov 2026 02:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n\r\n"
)


@dataclass
class FilterStage:
    state: Path
    settings: Settings
    dovecot: Running
    spamd: Running

    def site(self) -> Site:
        return site_for(CONTENTFILTER, self.state, offset=OFFSET, settings=self.settings)

    async def mail(self, user: str) -> list[tuple[str, str]]:
        """Every message of a user: its folder and its text, as Dovecot reads it."""
        output = await self._doveadm("fetch", "-u", user, "mailbox text", "ALL")
        messages = output.split("mailbox: ")[1:]
        return [(folder, text) for folder, _, text in (m.partition("\ntext:\n") for m in messages)]

    async def forget_mail(self) -> None:
        """Empty every mailbox."""
        for user in USERS:
            await self._doveadm("expunge", "-u", user, "mailbox", "*", "ALL")

    async def _doveadm(self, *arguments: str) -> str:
        conf = self.dovecot.site.paths.conf / "dovecot.conf"
        done = await run(["doveadm", "-c", str(conf), *arguments])
        assert done.status == 0, done.output
        return done.output

    def prefer(self, user: str, rules: str) -> None:
        """Give a user rules of their own."""
        folder = self.state / "data/spamd/users" / spam_key(Address(user))
        folder.mkdir()
        (folder / "user_prefs").write_text(rules)
        for path in (folder, folder / "user_prefs"):
            os.chown(path, self.spamd.site.account.uid, self.spamd.site.account.gid)


@asynccontextmanager
async def filter_stage(state: Path) -> AsyncIterator[FilterStage]:
    """Dovecot and spamd as they are rendered for a stack."""
    make_certificate(state)
    (state / "secure" / "api.token").write_text("t" * 64)
    settings = Settings.model_validate({**EXAMPLE, "spam": {"network_tests": False}})
    async with dict_server() as store:
        for user in USERS:
            add_user(store, user)
        lookups = {"couchmail.dict": Endpoint("127.0.0.1", store.port)}
        dovecot = site_for(DOVECOT, state, offset=OFFSET, settings=settings, addresses=lookups)
        spamd = site_for(SPAMD, state, offset=OFFSET, settings=settings)
        async with running(DOVECOT, dovecot) as mailboxes, running(SPAMD, spamd) as scanner:
            yield FilterStage(state, settings, mailboxes, scanner)


@asynccontextmanager
async def filtering(stage: FilterStage) -> AsyncIterator[Running]:
    """The filter as a service of the stack runs it."""
    async with running(CONTENTFILTER, stage.site()) as found:
        yield found


@asynccontextmanager
async def postfix(endpoint: Endpoint, timeout_s: float = 60) -> AsyncIterator[Dialog]:
    """A client past its LHLO."""
    async with connect(endpoint, timeout_s=timeout_s) as dialog:
        assert (await dialog.reply()).startswith("220")
        assert (await dialog.ask("LHLO mx.test")).startswith("250")
        yield dialog


async def begin(dialog: Dialog, *recipients: str) -> None:
    """Up to the message."""
    assert (await dialog.ask("MAIL FROM:<alice@example.net>")).startswith("250")
    for recipient in recipients:
        assert (await dialog.ask(f"RCPT TO:<{recipient}>")).startswith("250")
    assert (await dialog.ask("DATA")).startswith("354")


async def send(endpoint: Endpoint, text: str, *recipients: str) -> list[str]:
    """A whole message; the reply for each recipient."""
    async with postfix(endpoint) as dialog:
        await begin(dialog, *recipients)
        await dialog.send_raw(f"{HEADER}{text}\r\n.\r\n".encode())
        return [await dialog.reply() for _ in recipients]


async def metric(site: Site, name: str) -> float:
    """One number of the filter."""
    async with connect(site.addresses["contentfilter.http"]) as dialog:
        await dialog.send("GET /metrics HTTP/1.0\r\n")
        while True:
            line = await dialog.line()
            if line.startswith(name):
                return float(line.rpartition(" ")[2])


async def until_scanning(site: Site) -> None:
    """Until spamd was asked."""
    async with asyncio.timeout(60):
        while await metric(site, "mailstack_filter_scans ") == 0:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


@contextmanager
def stopped(daemon: Running) -> Iterator[None]:
    """The daemon exists but does nothing, its children likewise."""
    os.killpg(os.getpgid(daemon.pid), signal.SIGSTOP)
    try:
        yield
    finally:
        resume(daemon)


def resume(daemon: Running) -> None:
    """The daemon goes on."""
    os.killpg(os.getpgid(daemon.pid), signal.SIGCONT)
