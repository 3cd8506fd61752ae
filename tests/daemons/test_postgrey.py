"""Real Postgrey behind our configuration: who is unknown comes again, who is listed need not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.daemons.stage import EXAMPLE, Running, commit, running, site_for, state_folder

from mailstack.aio.dialog import connect
from mailstack.daemons.contract import Overrides, ProbeFailed
from mailstack.daemons.postgrey import DAEMON
from mailstack.daemons.postgrey.text import GREYLISTED
from mailstack.errors import ConfigError
from mailstack.settings import Settings

DELAY_S = 1


@asynccontextmanager
async def postgrey(overrides: Overrides | None = None) -> AsyncIterator[Running]:
    chosen = Settings.model_validate({**EXAMPLE, "greylist": {"delay": DELAY_S}})
    with state_folder() as state:
        site = site_for(DAEMON, state, offset=4000, settings=chosen)
        async with running(DAEMON, site, overrides) as stage:
            yield stage


async def ask(stage: Running, *, client: str = "198.51.100.7", name: str = "mx.a.example") -> str:
    """Ask as Postfix would about one delivery; returns the action."""
    question = {
        "request": "smtpd_access_policy",
        "client_address": client,
        "client_name": name,
        "sender": "carol@remote.example",
        "recipient": "bob@example.org",
        "instance": "1",
    }
    text = "".join(f"{key}={value}\n" for key, value in question.items())
    async with connect(stage.site.addresses["postgrey.policy"]) as dialog:
        await dialog.send_raw(f"{text}\n".encode())
        return (await dialog.line()).removeprefix("action=")


async def test_unknown_sender_is_delayed_then_accepted() -> None:
    """The first try is put off; after the delay the same triplet passes, from the same network."""
    async with postgrey() as stage:
        assert await ask(stage) == f"DEFER_IF_PERMIT {GREYLISTED}"
        await asyncio.sleep(DELAY_S + 1)  # it counts whole seconds
        assert (await ask(stage, client="198.51.100.9")).startswith("PREPEND X-Greylist: delayed")


async def test_memory_survives_a_restart() -> None:
    """What was seen is on disk: a restart does not delay everybody anew."""
    with state_folder() as state:
        chosen = Settings.model_validate({**EXAMPLE, "greylist": {"delay": DELAY_S}})
        site = site_for(DAEMON, state, offset=4000, settings=chosen)
        async with running(DAEMON, site) as stage:
            await ask(stage)
        await asyncio.sleep(DELAY_S + 1)
        async with running(DAEMON, site) as stage:
            assert (await ask(stage)).startswith("PREPEND")


async def test_whitelists_are_read_on_reload() -> None:
    """The owner's list counts beside the package's, and a reload is enough."""
    async with postgrey() as stage:
        assert (await ask(stage)).startswith("DEFER_IF_PERMIT")
        await commit(DAEMON, stage.site, {"whitelist_clients": "a.example\n"})
        await DAEMON.reload(stage.site, stage.pid)
        async with asyncio.timeout(60):
            while await ask(stage) != "DUNNO":
                pass


async def test_whitelisted_network() -> None:
    """A listed network is never delayed."""
    async with postgrey({"whitelist_clients": "# partner\n198.51.100.0/24\n"}) as stage:
        assert await ask(stage) == "DUNNO"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"whitelist_clients": "ok.example\n/mail[0-9/\n"},
            r"whitelist_clients:2: '/mail\[0-9/': Perl says: Unmatched \[",
        ),
        (
            {"whitelist_recipients": "two words\n"},
            r"whitelist_recipients:1: 'two words': more than one word",
        ),
    ],
)
async def test_broken_whitelists_are_refused(overrides: Overrides, message: str) -> None:
    """An expression that would end Postgrey is refused with its file and line."""
    with state_folder() as state, pytest.raises(ConfigError, match=message):
        await commit(DAEMON, site_for(DAEMON, state, offset=4000), overrides)


async def test_probe_fails_when_nobody_listens() -> None:
    """Without Postgrey the probe says what it tried."""
    with state_folder() as state:
        site = site_for(DAEMON, state, offset=4001)
        with pytest.raises(ProbeFailed, match=r"policy at 127\.0\.0\.1:14031"):
            await DAEMON.probe(site)
