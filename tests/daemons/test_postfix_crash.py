"""Real Postfix keeps what it accepted, whichever way it ends."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest
from tests.daemons.mail_stage import MailStage, mail_stage
from tests.daemons.stage import start

from mailstack.aio.command import run
from mailstack.daemons.contract import ProbeFailed
from mailstack.daemons.postfix import DAEMON, queue

HELLO = "From: carol@remote.example\nTo: bob@example.org\nSubject: kept\n\nhello\n"


async def test_accepted_mail_survives_a_kill() -> None:
    """After SIGKILL a new Postfix starts on the same queue and delivers what was accepted."""
    async with mail_stage() as stage:
        stage.peers.delivery = "451 4.3.0 not now"
        assert (await stage.send(HELLO)).startswith("250 ")
        await stage.delivered()
        await _deferred(stage)
        await _replace_killed(stage)
        stage.peers.delivery = "250 2.0.0 delivered"
        await run(("postqueue", "-c", str(stage.postfix.site.paths.conf), "-f"))
        assert "Subject: kept" in await stage.delivered()


async def test_an_outage_of_the_datastore_is_soon_forgotten() -> None:
    """While lookups fail the probe says so; afterwards no smtpd repeats its remembered 451."""
    async with mail_stage(overrides={"master.cf": "smtpd/pass/max_idle = 1s\n"}) as stage:
        stage.peers.lookups_fail = True
        with pytest.raises(ProbeFailed, match="451"):
            await DAEMON.probe(stage.postfix.site)
        stage.peers.lookups_fail = False
        await _forgotten(stage)
        assert (await stage.send(HELLO)).startswith("250 ")


async def _deferred(stage: MailStage) -> None:
    """Wait until the one message is counted as one that waits for another try."""
    async with asyncio.timeout(60):
        while True:
            waiting = await queue.look(stage.postfix.site)
            if waiting.deferred:
                break
            await asyncio.sleep(0.1)
    assert waiting.messages == 1
    assert 0 <= time.time() - waiting.oldest < 600


async def _replace_killed(stage: MailStage) -> None:
    """Kill master alone, as the kernel does when memory is short, and start another."""
    (killed,) = stage.postfix.processes
    os.kill(killed.pid, signal.SIGKILL)
    await killed.wait()
    (command,) = DAEMON.commands(stage.postfix.site)
    stage.postfix.processes[:] = [await start(command)]
    await stage.postfix.healthy()


async def _forgotten(stage: MailStage) -> None:
    """Wait until the probe holds. Each question keeps an smtpd, so there is a pause between."""
    async with asyncio.timeout(60):
        while True:
            with suppress(ProbeFailed):
                return await DAEMON.probe(stage.postfix.site)
            await asyncio.sleep(1.5)  # longer than an idle smtpd stays here; ours stays 10 s
