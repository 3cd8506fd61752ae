"""The agent's life with its service: kept alive, configured, never worse off for a bad wish."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.agent.conftest import QUICK, Stage
from tests.unit.fake_daemon import BAD, DEADLY, SLEEPER, FakeDaemon, python, settings

from mailstack.agent.ledger import folder
from mailstack.agent.probes import Rhythm
from mailstack.aio import proc
from mailstack.daemons.contract import Command, Overrides, Site
from mailstack.errors import ConfigError, ServiceFailed
from mailstack.observe.health import ConfigState, State


def alive(pid: int | None) -> bool:
    found = proc.entry(pid or 0)
    return found is not None and found.alive


def program_of(pid: int | None) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


async def test_pid_is_the_program_itself(stage: Stage) -> None:
    """No wrapper stands between the agent and the daemon: the pid is the daemon's."""
    stage.daemon.processes = (python("print('up', flush=True); import time; time.sleep(600)"),)
    async with stage.healthy():
        await stage.changes.until(lambda: "up" in stage.lines)
        assert program_of(stage.health.pid) == sys.executable


async def test_main_process_killed(stage: Stage) -> None:
    """A killed daemon is started again, and the restart is counted."""
    async with stage.healthy():
        old = stage.kill()
        await stage.changes.until(lambda: stage.health.pid not in {old, None})
        await stage.until_healthy()
        assert stage.health.restarts == 1
        assert any("was ended by signal 9" in line for line in stage.lines)


async def test_companion_killed(stage: Stage) -> None:
    """A companion comes back by itself: sessions of the main process go on."""
    stage.daemon.processes = (SLEEPER, Command(("sleep", "599"), name="socat"))
    async with stage.healthy():
        main = stage.health.pid
        (companion,) = stage.health.sessions - {main}
        os.kill(companion, signal.SIGKILL)
        await stage.changes.until(
            lambda: len(stage.health.sessions) == 2 and companion not in stage.health.sessions
        )
        assert (stage.health.pid, stage.health.restarts) == (main, 1)


async def test_a_companion_is_exchanged(stage: Stage) -> None:
    """Another command line of a companion alone ends nothing else: its address has changed."""
    stage.daemon.processes = (SLEEPER, Command(("sleep", "599"), name="socat"))
    async with stage.healthy() as agent:
        main = stage.health.pid
        (companion,) = stage.health.sessions - {main}
        stage.daemon.processes = (SLEEPER, Command(("sleep", "598"), name="socat"))
        agent.look_again(settings("other"))
        await stage.changes.until(
            lambda: len(stage.health.sessions) == 2 and companion not in stage.health.sessions
        )
        await stage.changes.until(lambda: stage.daemon.reloads)
        assert (stage.health.pid, stage.health.restarts) == (main, 0)
        (exchanged,) = stage.health.sessions - {main}
        async with asyncio.timeout(10):
            while True:  # a process is for a moment a copy of the one that started it
                if "598" in command_line(exchanged):
                    break
                await asyncio.sleep(0.01)


async def test_stop_ends_the_whole_tree(stage: Stage) -> None:
    """Stopping leaves no process behind, be it a child or deaf to SIGTERM."""
    stage.daemon.processes = (
        python(
            "import os, signal, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = os.fork()\n"
            "if child: print(child, flush=True)\n"
            "time.sleep(600)",
            stop_timeout_s=0.1,
        ),
    )
    async with stage.healthy():
        await stage.changes.until(lambda: any(line.isdigit() for line in stage.lines))
        child = next(int(line) for line in stage.lines if line.isdigit())
        pids = {stage.health.pid, child}
        assert all(map(alive, pids))
    assert not any(map(alive, pids))
    assert stage.health.state is State.STOPPED
    assert list(folder(stage.state).iterdir()) == []


async def test_first_configuration_refused(stage: Stage) -> None:
    """A service does not start with a configuration that its checker refuses."""
    (stage.paths.overrides / "own.conf").write_text(BAD)
    with pytest.raises(ConfigError, match=r"own\.conf:1: fake: bad word"):
        await stage.build().run()
    assert stage.health.state is State.FAILED
    assert not stage.paths.conf.exists()
    assert stage.health.pid is None


async def test_later_configuration_refused(stage: Stage) -> None:
    """The old configuration stays in force, and everybody can see that another was wanted."""
    async with stage.healthy():
        pid, before = stage.health.pid, stage.in_force()
        stage.override(BAD)
        await stage.changes.until(lambda: stage.health.config.state is ConfigState.REFUSED)
        assert (stage.health.pid, stage.in_force()) == (pid, before)
        assert "own.conf:1: fake: bad word" in stage.health.config.reason
        assert any("configuration refused" in line for line in stage.lines)
        assert stage.health.state is State.HEALTHY
        stage.override("good\n")
        await stage.changes.until(lambda: stage.health.config.state is ConfigState.ACCEPTED)
        await stage.changes.until(lambda: stage.daemon.reloads)
        assert stage.health.config.refusals == 1
        assert "good" in stage.in_force()


async def test_reload_keeps_the_process(stage: Stage) -> None:
    """Where the daemon can reload, its process and with it the open sessions stay."""
    async with stage.healthy():
        pid = stage.health.pid
        stage.override("good\n")
        await stage.changes.until(lambda: stage.daemon.reloads)
        assert stage.daemon.reloads == [pid]
        assert stage.health.pid == pid
        assert stage.health.restarts == 0


async def test_a_change_outlives_the_process_that_was_to_take_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the new configuration is checked: the next process begins with that."""
    check, killed = stage.daemon.check, list[int]()

    async def slow(site: Site, folder: Path, overrides: Overrides) -> None:
        if not killed:
            killed.append(stage.kill())
            await asyncio.Event().wait()  # until the end of the process ends it
        await check(site, folder, overrides)

    async with stage.healthy():
        monkeypatch.setattr(stage.daemon, "check", slow)
        stage.override("good\n")
        await stage.changes.until(lambda: stage.health.pid not in {*killed, None} and killed)
        await stage.until_healthy()
        assert "good" in stage.in_force()


async def test_an_override_that_is_removed_is_in_force_no_more(stage: Stage) -> None:
    """The folder in force has all that is wanted then, and one file more."""
    stage.daemon.apart = True
    override = stage.paths.conf / "overrides" / "own.conf"
    async with stage.healthy() as agent:
        stage.override("good\n")
        await stage.changes.until(lambda: len(stage.daemon.reloads) == 1)
        assert override.exists()
        (stage.paths.overrides / override.name).unlink()
        agent.look_again(settings())
        await stage.changes.until(lambda: len(stage.daemon.reloads) == 2)
        assert not override.exists()


async def test_another_resolver_is_prepared_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver's pod that comes back elsewhere is named where the daemon looks, at a reload."""
    async with stage.healthy() as agent:
        prepared: list[str] = []
        monkeypatch.setattr(stage.daemon, "prepare", lambda site: prepared.append(site.resolver))
        agent.make_site = lambda *at: replace(stage._site(*at), resolver="192.0.2.53")
        agent.look_again(settings())
        await stage.changes.until(lambda: stage.daemon.reloads)
        assert prepared == ["192.0.2.53"]


@pytest.mark.parametrize("why", ["the daemon says so", "another command line"])
async def test_restart_where_a_reload_would_not_do(stage: Stage, why: str) -> None:
    """A new command line, or a change that the daemon reads only at its start, restarts it."""
    async with stage.healthy() as agent:
        pid = stage.health.pid
        if why == "the daemon says so":
            stage.daemon.restarts = True
            agent.look_again(settings("other"))
        else:
            stage.daemon.processes = (Command(("sleep", "601")),)
            agent.look_again(settings())
        await stage.changes.until(lambda: stage.health.pid not in {pid, None})
        await stage.until_healthy()
        assert (stage.health.restarts, stage.daemon.reloads) == (0, [])


async def test_unchanged_files_change_nothing(stage: Stage) -> None:
    """A file that was touched, or changed in a way that renders the same, reaches no daemon."""
    async with stage.healthy() as agent:
        checks = stage.daemon.checks
        agent.look_again(settings())
        stage.override(BAD)
        await stage.changes.until(lambda: stage.health.config.state is ConfigState.REFUSED)
        assert stage.daemon.checks == checks + 1
        assert not stage.daemon.reloads


async def test_configuration_that_kills_is_taken_back(stage: Stage) -> None:
    """What passes the checker and then kills the daemon is taken back, with the daemon's words."""
    async with stage.healthy():
        before = stage.in_force()
        stage.daemon.restarts = True
        stage.override(DEADLY)
        await stage.changes.until(lambda: stage.health.config.state is ConfigState.REFUSED)
        await stage.until_healthy()
        assert stage.in_force() == before
        assert "it is deadly" in stage.health.config.reason


async def test_death_at_first_start_is_final(stage: Stage) -> None:
    """A service that dies again and again before it was ever healthy fails, with its last words."""
    stage.daemon.sick = "not yet"
    stage.daemon.processes = (python("raise SystemExit('no such database')"),)
    with pytest.raises(ServiceFailed, match=r"fake exited with status 1: no such database.*\.log"):
        await stage.build().run()
    assert stage.health.state is State.FAILED


async def test_never_healthy_is_final(tmp_path: Path) -> None:
    """A service that runs and never answers its probe fails, with what the probe saw."""
    rhythm = Rhythm(first_s=0.005, start_s=0.05)
    stage = Stage(tmp_path, FakeDaemon(sick="421 not now"), rhythm)
    with pytest.raises(ServiceFailed, match=r"not healthy within 0\.05 s: 421 not now"):
        await stage.build().run()


async def test_missing_program_is_final(stage: Stage) -> None:
    """A program that cannot be executed is an early death with the reason in it."""
    stage.daemon.sick = "not yet"
    stage.daemon.processes = (Command(("no-such-program-of-ours",)),)
    with pytest.raises(ServiceFailed, match="no-such-program-of-ours"):
        await stage.build().run()


async def test_hung_daemon_is_restarted(stage: Stage) -> None:
    """A daemon that runs but does not answer is ended and started again."""
    async with stage.healthy():
        pid = stage.health.pid
        stage.daemon.sick = "no answer"
        await stage.changes.until(lambda: stage.health.state is State.RESTARTING)
        assert stage.health.reason == "hangs: no answer"
        stage.daemon.sick = ""
        await stage.until_healthy()
        assert stage.health.pid != pid
        assert not alive(pid)


async def test_no_restart_while_its_needs_are_down(stage: Stage) -> None:
    """A daemon that is sick because another is down keeps running: a restart would cure nothing."""
    stage.needs_are_healthy = lambda: False
    async with stage.healthy():
        pid = stage.health.pid
        stage.daemon.sick = "lookup failed"
        probes = len(stage.lines)
        await stage.changes.until(lambda: len(stage.lines) > probes + QUICK.hung_after + 2)
        assert (stage.health.state, stage.health.pid) == (State.UNHEALTHY, pid)
        stage.daemon.sick = ""
        await stage.until_healthy()
        assert stage.health.restarts == 0


async def test_second_start_does_not_ask_the_checker(stage: Stage) -> None:
    """What this very version has accepted starts at once; a new version is asked again."""
    for expected, release in ((1, (1, 0)), (1, (1, 0)), (2, (1, 1))):
        stage.daemon.release = release
        async with stage.running():
            await stage.changes.until(lambda: stage.health.state is State.HEALTHY)
            assert stage.daemon.checks == expected


def _children() -> set[int]:
    """Processes of this test run; other tests may have some that last as long as it."""
    ours = os.getpid()
    return {one.pid for one in proc.everything().values() if one.parent == ours and one.alive}


async def test_cancelled_while_starting(stage: Stage) -> None:
    """A stop that arrives in the middle of a start leaves no process either."""
    before = _children()
    for moment in range(12):
        task = asyncio.ensure_future(stage.build().run())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [proc.name(pid) for pid in _children() - before] == []
