"""A changed certificate: seen, checked, and brought into force without a restart."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.unit.agent.conftest import Stage
from tests.unit.fake_daemon import BAD, PATIENCE_S, FakeDaemon, settings

from mailstack.agent import keys
from mailstack.agent.secrets import CERTIFICATE, TLS_KEY
from mailstack.agent.watch import certificate_folders, changes
from mailstack.aio.files import point_link, replace_text
from mailstack.daemons import certificate
from mailstack.daemons.contract import Site
from mailstack.observe.health import ConfigState

HOST = "mail.example.com"


class Serving(FakeDaemon):
    """A daemon that has a certificate."""

    def prepare(self, site: Site) -> None:
        super().prepare(site)
        certificate.prepare(site)


@pytest.fixture
def serving(tmp_path: Path) -> Stage:
    """An agent whose daemon has a certificate."""
    one = Stage(tmp_path, daemon=Serving())
    (one.paths.secure / "tls").mkdir(parents=True)
    give(one)
    return one


def give(stage: Stage, *, key: str = "", text: str = "") -> str:
    """Replace both files by rename; return the certificate."""
    made_key, made = keys.self_signed([HOST])
    replace_text(stage.paths.secure / TLS_KEY, key or made_key)
    replace_text(stage.paths.secure / CERTIFICATE, text or made)
    return text or made


def in_force(stage: Stage) -> str:
    return (stage.paths.tls / certificate.CERTIFICATE).read_text()


async def test_a_new_one_is_a_reload(serving: Stage) -> None:
    """The process stays, and with it the sessions, even where a configuration would restart it."""
    serving.daemon.restarts = True
    async with serving.healthy() as agent:
        pid, new = serving.health.pid, give(serving)
        agent.look_again(settings())
        await serving.changes.until(lambda: any("(reloaded)" in line for line in serving.lines))
        assert in_force(serving) == new
        assert (serving.daemon.reloads, serving.health.pid) == ([pid], pid)
        assert "mailstack: another certificate passed its check" in serving.lines


async def test_half_a_pair_is_refused(serving: Stage) -> None:
    """The old pair stays, everybody sees why, and the second file cures it."""
    before, key = in_force_source(serving), keys.self_signed([HOST])
    async with serving.healthy() as agent:
        replace_text(serving.paths.secure / CERTIFICATE, key[1])
        agent.look_again(settings())
        await serving.changes.until(lambda: serving.health.config.state is ConfigState.REFUSED)
        assert "does not belong to privkey.pem" in serving.health.config.reason
        assert any("does not belong to privkey.pem" in line for line in serving.lines)
        assert (in_force(serving), serving.daemon.reloads) == (before, [])
        replace_text(serving.paths.secure / TLS_KEY, key[0])
        agent.look_again(settings())
        await serving.changes.until(lambda: serving.daemon.reloads)
        assert serving.health.config.state is ConfigState.ACCEPTED
        assert in_force(serving) == key[1]


def in_force_source(stage: Stage) -> str:
    return (stage.paths.secure / CERTIFICATE).read_text()


async def test_each_comes_into_force_by_itself(serving: Stage) -> None:
    """A refused override does not hold a certificate up, nor the reverse."""
    async with serving.healthy() as agent:
        new = give(serving)
        serving.override(BAD)
        await serving.changes.until(lambda: serving.daemon.reloads)
        assert in_force(serving) == new
        assert "bad word" in serving.health.config.reason
        give(serving, key="none")
        serving.override("good\n")
        await serving.changes.until(lambda: len(serving.daemon.reloads) == 2)
        assert "good" in serving.in_force()
        assert "is no pair" in serving.health.config.reason
        assert in_force(serving) == new
        assert agent.around.health.restarts == 0


async def test_one_that_came_while_nothing_ran(serving: Stage) -> None:
    """A start takes the new pair; a bad one does not prevent it."""
    async with serving.healthy():
        pass
    new = give(serving)
    async with serving.healthy():
        await serving.changes.until(lambda: in_force(serving) == new)
    give(serving, key="none")
    async with serving.healthy():
        await serving.changes.until(lambda: serving.health.config.state is ConfigState.REFUSED)
        assert in_force(serving) == new


async def test_files_replaced_by_rename_are_seen(serving: Stage, tmp_path: Path) -> None:
    """The watcher tells of a certificate as it tells of an override."""
    folders = certificate_folders(serving.paths.secure)
    async with aclosing(changes(tmp_path / "mailstack.toml", folders)) as told:
        seen = asyncio.ensure_future(anext(told))
        async with asyncio.timeout(PATIENCE_S):
            while not seen.done():
                give(serving)  # again: the watch begins in its own time
                await asyncio.wait({seen}, timeout=0.3)


async def test_the_exchange_of_a_mounted_secret_is_seen(tmp_path: Path) -> None:
    """The kubelet points ``..data`` at another folder; the files themselves are links."""
    secure = tmp_path / "secure"
    for number in range(2):
        (secure / f"..{number}" / "tls").mkdir(parents=True)
    point_link(secure / "..data", "..0")
    (secure / "tls").symlink_to("..data/tls")
    folders = certificate_folders(secure)
    async with aclosing(changes(tmp_path / "mailstack.toml", folders)) as told:
        seen = asyncio.ensure_future(anext(told))
        async with asyncio.timeout(PATIENCE_S):
            number = 0
            while not seen.done():
                number = 1 - number
                point_link(secure / "..data", f"..{number}")
                await asyncio.wait({seen}, timeout=0.3)
