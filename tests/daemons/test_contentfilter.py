"""The content filter between real spamd and real Dovecot."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.daemons.filter_stage import (
    GTUBE,
    HEADER,
    FilterStage,
    begin,
    filter_stage,
    filtering,
    metric,
    postfix,
    resume,
    send,
    stopped,
    until_scanning,
)
from tests.daemons.stage import commit, running, state_folder

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import own_or_shared
from mailstack.contentfilter.service import Service
from mailstack.daemons.contentfilter import DAEMON
from mailstack.daemons.contentfilter.control import Contentfilter
from mailstack.daemons.contentfilter.render import FILE
from mailstack.daemons.contract import Command, ProbeFailed, Site
from mailstack.errors import MissingProgram

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[FilterStage]:
    with state_folder() as state:
        try:
            async with filter_stage(state) as stage:
                yield stage
        except MissingProgram as missing:
            pytest.skip(str(missing))


@pytest_asyncio.fixture(loop_scope="module")
async def stage(shared: FilterStage) -> FilterStage:
    """Empty mailboxes for each test."""
    await shared.forget_mail()
    return shared


async def test_ham_and_spam(stage: FilterStage) -> None:
    """Ham goes to the Inbox with its verdict; GTUBE is flagged and goes to Spam."""
    async with filtering(stage) as filter_:
        lmtp = filter_.site.addresses["contentfilter.lmtp"]
        assert (await send(lmtp, "at noon?", "bob@example.org"))[0].startswith("250")
        assert (await send(lmtp, GTUBE, "carol@example.org"))[0].startswith("250")
    ((ham_folder, ham),) = await stage.mail("bob@example.org")
    ((spam_folder, spam),) = await stage.mail("carol@example.org")
    assert ham_folder == "INBOX"
    assert "X-Spam-Status: No, score=" in ham
    assert "X-Spam-Flag: YES" not in ham
    assert spam_folder == "Spam"
    assert "X-Spam-Flag: YES" in spam
    assert "GTUBE" in spam.partition("X-Spam-Status:")[2][:300]


async def test_one_return_path(stage: FilterStage) -> None:
    """The sender that spamd is told does not stand in the message twice."""
    async with filtering(stage) as filter_:
        await send(filter_.site.addresses["contentfilter.lmtp"], "hi", "bob@example.org")
    ((_, text),) = await stage.mail("bob@example.org")
    assert text.count("Return-Path: <alice@example.net>") == 1


async def test_forged_verdicts_do_not_survive(stage: FilterStage) -> None:
    """A message that calls itself spam goes to the Inbox."""
    async with (
        filtering(stage) as filter_,
        postfix(filter_.site.addresses["contentfilter.lmtp"]) as dialog,
    ):
        await begin(dialog, "bob@example.org")
        await dialog.send_raw(f"X-Spam-Flag: YES\r\n{HEADER}hi\r\n.\r\n".encode())
        assert (await dialog.reply()).startswith("250")
    ((folder, text),) = await stage.mail("bob@example.org")
    assert folder == "INBOX"
    assert "X-Spam-Flag" not in text


async def test_each_recipient_has_a_verdict(stage: FilterStage) -> None:
    """One message, two recipients with different rules: spam for one, not for the other."""
    stage.prefer("tolerant@example.org", "required_score 2000\n")
    await commit(DAEMON, stage.site())
    config = Config.read(stage.site().paths.conf / FILE)
    own = Filter(config, FilterMetrics(), own_or_shared({"tolerant@example.org"}, "+"))
    DAEMON.prepare(stage.site())
    service, stop = Service(own), asyncio.Event()
    await service.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run(stop))
        await service.serving.wait()
        lmtp = stage.site().addresses["contentfilter.lmtp"]
        replies = await send(lmtp, GTUBE, "bob@example.org", "tolerant+tag@example.org")
        stop.set()
    assert [reply[:3] for reply in replies] == ["250", "250"]
    ((_, bobs),) = await stage.mail("bob@example.org")
    ((_, tolerants),) = await stage.mail("tolerant@example.org")
    assert "X-Spam-Flag: YES" in bobs
    assert "required=2000.0" in tolerants
    assert "X-Spam-Flag: YES" not in tolerants


async def test_unknown_users_are_dovecots_word(stage: FilterStage) -> None:
    """Dovecot refuses a recipient: its own reply, and nothing is scanned."""
    async with (
        filtering(stage) as filter_,
        postfix(filter_.site.addresses["contentfilter.lmtp"]) as dialog,
    ):
        await dialog.ask("MAIL FROM:<alice@example.net>")
        assert (await dialog.ask("RCPT TO:<nobody@example.org>")).startswith("550 5.1.1")
        assert (await dialog.ask("DATA")).startswith("503")


async def test_memory_is_bounded(stage: FilterStage) -> None:
    """A message of 60 MB goes through without being in memory, and arrives whole."""
    line = "0123456789" * 7 + "\r\n"
    lines = 60_000_000 // len(line)
    async with filtering(stage) as filter_:
        async with postfix(filter_.site.addresses["contentfilter.lmtp"], 120) as dialog:
            await begin(dialog, "bob@example.org")
            await dialog.send_raw(HEADER.encode())
            for _ in range(lines // 1000):
                await dialog.send_raw((line * 1000).encode())
            await dialog.send_raw(b".\r\n")
            assert (await dialog.reply()).startswith("250")
        peak = _status(filter_.pid, "VmHWM")
    ((_, text),) = await stage.mail("bob@example.org")
    assert text.count(line.strip()) == lines // 1000 * 1000
    assert "X-Spam-Status: No, unscanned (size 57" in text
    assert peak < 60 * 1024, f"{peak} KiB"


async def test_a_killed_filter_loses_nothing(stage: FilterStage) -> None:
    """Kill -9 during a scan: the client got no 250, nothing is delivered, nothing is left over."""
    async with filtering(stage) as filter_:
        lmtp = filter_.site.addresses["contentfilter.lmtp"]
        with stopped(stage.spamd):
            async with postfix(lmtp) as dialog:
                await begin(dialog, "bob@example.org")
                await dialog.send_raw(f"{HEADER}{'x' * 70}\r\n.\r\n".encode())
                await until_scanning(filter_.site)
                os.kill(filter_.pid, signal.SIGKILL)
                with pytest.raises(OSError, match=r"closed|reset"):
                    await dialog.reply()
    assert await stage.mail("bob@example.org") == []
    assert not os.listdir(stage.site().paths.run / "spool")  # noqa: PTH208 - a look into a folder
    async with filtering(stage):
        assert (await send(lmtp, "again", "bob@example.org"))[0].startswith("250")
    assert len(await stage.mail("bob@example.org")) == 1


async def test_spamd_is_killed_during_a_scan(stage: FilterStage) -> None:
    """The child that scans is killed: the message is deferred, or scanned by its successor."""
    async with filtering(stage) as filter_:
        lmtp = filter_.site.addresses["contentfilter.lmtp"]
        with stopped(stage.spamd):
            async with postfix(lmtp) as dialog:
                await begin(dialog, "bob@example.org")
                await dialog.send_raw(f"{HEADER}x\r\n.\r\n".encode())
                await until_scanning(filter_.site)
                for child in _children(stage.spamd.pid):
                    os.kill(child, signal.SIGKILL)
                resume(stage.spamd)
                answer = await dialog.reply()
        assert answer[:3] in ("250", "451")
        assert len(await stage.mail("bob@example.org")) == (answer[:3] == "250")
        assert (await send(lmtp, "again", "carol@example.org"))[0].startswith("250")


async def test_dovecots_process_is_killed_during_a_scan(stage: FilterStage) -> None:
    """Nothing was handed over yet: begun again on another connection, delivered once."""
    async with filtering(stage) as filter_:
        with stopped(stage.spamd):
            async with postfix(filter_.site.addresses["contentfilter.lmtp"]) as dialog:
                await begin(dialog, "bob@example.org")
                await dialog.send_raw(f"{HEADER}x\r\n.\r\n".encode())
                await until_scanning(filter_.site)
                _kill_lmtp(stage)
                resume(stage.spamd)
                answer = await dialog.reply()
    assert answer.startswith("250")
    assert len(await stage.mail("bob@example.org")) == 1


async def test_dovecots_process_is_killed_in_a_message(stage: FilterStage) -> None:
    """It dies while it takes the message: 451 and nothing in the mailbox, or 250 and one."""
    async with filtering(stage) as filter_:
        lmtp = filter_.site.addresses["contentfilter.lmtp"]
        async with postfix(lmtp, 60) as dialog:
            await begin(dialog, "bob@example.org")
            await dialog.send_raw(HEADER.encode())
            await dialog.send_raw(b"0123456789\r\n" * 1_000_000 + b".\r\n")
            _kill_lmtp(stage)
            answer = await dialog.reply()
    assert answer[:3] in ("250", "451")
    assert len(await stage.mail("bob@example.org")) == (answer[:3] == "250")


async def test_it_gives_up_root_and_imports_nothing_afterwards(stage: FilterStage) -> None:
    """It runs as its own account, and needs no file of the interpreter any more."""
    site = stage.site()
    async with running(_Guarded(), site) as filter_:
        lmtp = site.addresses["contentfilter.lmtp"]
        assert (await send(lmtp, GTUBE, "bob@example.org"))[0].startswith("250")
        assert (await send(lmtp, "x" * 70 + "\r\n", "bob@example.org"))[0].startswith("250")
        assert (await send(lmtp, ("x" * 70 + "\r\n") * 40_000, "bob@example.org"))[0][:3] == "250"
        assert await metric(site, "mailstack_filter_messages_total") == 3
        if os.geteuid() == 0:
            assert _status(filter_.pid, "Uid") == site.account.uid
        os.kill(filter_.pid, signal.SIGHUP)
        assert (await send(lmtp, "x", "bob@example.org"))[0].startswith("250")
    assert not filter_.said("LATE"), filter_.output


async def test_a_bad_file_is_not_read(stage: FilterStage) -> None:
    """SIGHUP with a file that is none: it goes on as before, and says why."""
    async with filtering(stage) as filter_:
        (filter_.site.paths.conf / FILE).write_text('{"hostnam": 1}')
        await DAEMON.reload(filter_.site, filter_.pid)
        async with asyncio.timeout(60):
            while not filter_.said("goes on as before"):  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.02)
        lmtp = filter_.site.addresses["contentfilter.lmtp"]
        assert (await send(lmtp, "x", "bob@example.org"))[0].startswith("250")


async def test_the_probe_sees_a_dead_filter(stage: FilterStage) -> None:
    """Nobody listens: the probe fails and says so."""
    with pytest.raises(ProbeFailed, match="does not answer"):
        await DAEMON.probe(stage.site())


GUARD = """
import sys
from mailstack.aio import privileges
real = privileges.drop
def drop(*account):
    real(*account)
    sys.addaudithook(
        lambda event, args: event == "import" and print("LATE", args[0], file=sys.stderr)
    )
privileges.drop = drop
from mailstack.contentfilter.__main__ import main
sys.exit(main())
"""


class _Guarded(Contentfilter):
    """Says which modules are imported too late."""

    def commands(self, site: Site) -> Sequence[Command]:
        (command,) = super().commands(site)
        argv = [sys.executable, "-c", GUARD, *command.argv[-2:]]
        return [replace(command, argv=argv)]


def _status(pid: int, name: str) -> int:
    """A number of proc(5)'s status file."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise KeyError(name)


def _children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kill_lmtp(stage: FilterStage) -> None:
    """Kill -9 every process of Dovecot that takes mail."""
    for process in _children(stage.dovecot.pid):
        if Path(f"/proc/{process}/comm").read_text().strip() == "lmtp":
            os.kill(process, signal.SIGKILL)
