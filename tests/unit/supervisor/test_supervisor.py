"""All services of a small made-up topology below one supervisor: order, failure, changes."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.agent.conftest import QUICK
from tests.unit.fake_daemon import BAD, Changes, FakeDaemon, python, settings

from mailstack.agent import ledger
from mailstack.agent.site import Place
from mailstack.agent.state import lay_out
from mailstack.aio import proc
from mailstack.errors import ConfigError, MailstackError, ServiceFailed
from mailstack.observe.health import State
from mailstack.settings import Settings
from mailstack.supervisor import metrics
from mailstack.supervisor.control import Board, Event
from mailstack.supervisor.supervisor import Supervisor
from mailstack.topology.model import Link, Port, Service, Topology

SMALL = Topology(
    services=(
        Service("store", "keeps", ports=(Port("dict", 2001, "lookups"),)),
        Service("mta", "sends", ports=(Port("smtp", 2025, "mail"),), after=("store",)),
        Service("grey", "delays", ports=(Port("policy", 2030, "greylisting"),)),
    ),
    links=(Link("mta", "store", "dict", "lookups"), Link("mta", "grey", "policy", "greylisting")),
)
ALL = ("store", "mta", "grey")


class Recorder(Board):
    """Keeps every event."""

    def __init__(self) -> None:
        super().__init__()
        self.events_told: list[Event] = []
        self.changes = Changes()

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.events_told.append(event)
        self.changes()

    def states(self, *wanted: str) -> list[str]:
        """``service state`` of each event whose state is one of ``wanted``, in order."""
        return [
            f"{event['service']} {event['state']}"
            for event in self.events_told
            if event.get("state") in wanted
        ]


@dataclass
class Machine:
    """One supervisor with three fake daemons."""

    state: Path
    daemons: dict[str, FakeDaemon] = field(default_factory=dict)
    board: Recorder = field(default_factory=Recorder)
    wanted: Settings | ConfigError = field(default_factory=settings)
    supervisor: Supervisor = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.daemons = {name: FakeDaemon(name) for name in ALL}
        (self.state / "mailstack.toml").write_text("")
        lay_out(self.state / "s", ALL)

    def start(self) -> None:
        self.supervisor = Supervisor(
            Place(SMALL, self.state / "s"),
            settings(),
            self._reread,
            self.state / "mailstack.toml",
            self.daemons,
            lambda _, line: self.board.changes(line),
            rhythm=QUICK,
            board=self.board,
        )
        self.task = asyncio.ensure_future(self.supervisor.run())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        """Start, wait until all is healthy, and stop whatever happens."""
        self.start()
        try:
            await self.board.changes.until(lambda: self.has("started"))
            yield self.supervisor
        finally:
            await self.stop()

    async def stop(self) -> None:
        self.supervisor.control.stop()
        with suppress(MailstackError):
            await self.task

    def has(self, key: str) -> bool:
        return any(key in event for event in self.board.events_told)

    def _reread(self) -> Settings:
        if isinstance(self.wanted, ConfigError):
            raise self.wanted
        return self.wanted


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)  # pytest closes its own folders to others
    return Machine(tmp_path)


async def test_starts_in_order(machine: Machine) -> None:
    """A service starts when what it needs is healthy; all else at the same time."""
    machine.daemons["store"].sick = "not yet"
    machine.start()
    await machine.board.changes.until(lambda: "grey healthy" in machine.board.states("healthy"))
    assert machine.board.states("healthy") == ["grey healthy"]
    assert "mta starting" not in machine.board.states("starting")
    machine.daemons["store"].sick = ""
    await machine.board.changes.until(lambda: machine.has("started"))
    assert machine.board.states("healthy") == ["grey healthy", "store healthy", "mta healthy"]
    await machine.stop()


async def test_stops_in_reverse_order(machine: Machine) -> None:
    """A service stops after those that need it, and nothing runs afterwards."""
    async with machine.running() as supervisor:
        pids = [one["pid"] for one in services(supervisor).values()]
    stopped = machine.board.states("stopped")
    assert stopped.index("mta stopped") < stopped.index("store stopped")
    assert sorted(stopped) == ["grey stopped", "mta stopped", "store stopped"]
    left = [found for pid in pids if (found := proc.entry(pid)) is not None and found.alive]
    assert left == []


def services(supervisor: Supervisor) -> dict[str, Any]:
    answer = json.loads(json.dumps(supervisor.status()))
    return answer["services"]  # type: ignore[no-any-return]


async def test_a_failed_start_stops_everything(machine: Machine) -> None:
    """One service that does not come up fails the whole start, with its reason."""
    (machine.state / "s" / "overrides" / "mta" / "own.conf").write_text(BAD)
    machine.start()
    with pytest.raises(ConfigError, match=r"mta/own\.conf:1: fake: bad word"):
        await machine.task
    assert {"store stopped", "grey stopped"} <= set(machine.board.states("stopped"))
    assert machine.board.states("failed") == ["mta failed"]


async def test_a_defect_of_a_package_is_a_failed_start(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even an exception that nobody expected stops everything in order, and is told."""
    monkeypatch.setattr(
        machine.daemons["mta"], "render", lambda *_: settings().model_dump()["port"]
    )
    machine.start()
    with pytest.raises(ServiceFailed, match="mta: KeyError: 'port'"):
        await machine.task


async def test_status_is_the_contract(machine: Machine) -> None:
    """``status --json`` has exactly the keys that others rely on, and numbers that are true."""
    async with machine.running() as supervisor:
        answer = supervisor.status()
        assert set(answer) == {"healthy", "services", "supervisor"}
        assert answer["healthy"] is True
        one = services(supervisor)["mta"]
        contract = {"state", "pid", "rss_kib", "pss_kib", "restarts", "ports", "since", "config"}
        assert contract <= set(one)
        assert one["state"] == "healthy"
        assert one["ports"] == {"smtp": 2025}
        assert one["config"]["state"] == "accepted"
        found = proc.entry(one["pid"])
        assert found is not None
        assert found.alive
        assert 0 < one["pss_kib"] <= one["rss_kib"]


async def test_memory_is_that_of_the_whole_tree(machine: Machine) -> None:
    """Children count: a service's memory is its processes', not its main process's alone."""
    machine.daemons["grey"].processes = (
        python("import os, time; os.fork(); print('forked', flush=True); time.sleep(600)"),
    )
    async with machine.running() as supervisor:
        one = services(supervisor)["grey"]
        await machine.board.changes.until(
            lambda: services(supervisor)["grey"]["rss_kib"] > proc.memory(one["pid"]).rss_kib
        )


async def test_a_changed_setting_reaches_every_service(machine: Machine) -> None:
    """The settings file is followed while the stack runs."""
    async with machine.running():
        machine.wanted = settings("renamed")
        (machine.state / "mailstack.toml").write_text("# changed")
        await machine.board.changes.until(
            lambda: all(daemon.reloads for daemon in machine.daemons.values())
        )
        conf = machine.state / "s" / "conf" / "mta" / "current" / "main.conf"
        assert conf.read_text().startswith("project renamed")


async def test_an_override_reaches_its_service_alone(machine: Machine) -> None:
    """A file in one folder changes one service."""
    async with machine.running():
        (machine.state / "s" / "overrides" / "grey" / "own.conf").write_text("patience")
        await machine.board.changes.until(lambda: machine.daemons["grey"].reloads)
        assert not machine.daemons["mta"].reloads
        assert not machine.daemons["store"].reloads


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (ConfigError("unknown setting 'smpt'", file=Path("mailstack.toml"), line=3), "toml:3"),
        (
            Settings.model_validate(
                {"email": "o@example.com", "domain": "example.com", "listen": {"port_offset": 1}}
            ),
            "cannot change while the stack runs",
        ),
        (
            Settings.model_validate(
                {"email": "o@example.com", "domain": "example.com", "acme": {"enabled": True}}
            ),
            "acme.enabled cannot change while the stack runs",
        ),
    ],
    ids=["broken", "moved ports", "another service"],
)
async def test_a_bad_settings_file_is_refused(
    machine: Machine, wanted: Settings | ConfigError, reason: str
) -> None:
    """Settings that cannot be taken change nothing, and each service shows why."""
    async with machine.running() as supervisor:
        machine.wanted = wanted
        (machine.state / "mailstack.toml").write_text("# changed")

        def refused() -> bool:
            shown = [one["config"] for one in services(supervisor).values()]
            return all(reason in config["reason"] for config in shown)

        await machine.board.changes.until(refused)
        text = metrics.path(machine.state / "s").read_text()
        assert 'mailstack_config_refused{service="mta"} 1' in text
        assert 'mailstack_service_healthy{service="mta"} 1' in text


async def test_a_later_death_is_not_the_end(machine: Machine) -> None:
    """Once all has been healthy, one dying service is restarted and the others go on."""
    async with machine.running() as supervisor:
        mta = supervisor._agents["mta"].around.health
        assert mta.pid is not None
        pids = {name: one["pid"] for name, one in services(supervisor).items()}
        proc.kill_all(
            [found for found in [proc.entry(mta.pid)] if found is not None], signal.SIGKILL
        )
        await machine.board.changes.until(
            lambda: mta.state is State.HEALTHY and mta.pid not in {pids["mta"], None}
        )
        after = {name: one["pid"] for name, one in services(supervisor).items()}
        assert (after["store"], after["grey"]) == (pids["store"], pids["grey"])
        assert services(supervisor)["mta"]["restarts"] == 1


async def test_leftovers_of_a_killed_supervisor(machine: Machine) -> None:
    """What ran when the supervisor was killed is found by the pages it kept, and ended."""
    async with machine.running() as supervisor:
        pid = services(supervisor)["mta"]["pid"]
        assert str(pid) in (ledger.folder(machine.state / "s") / "mta").read_text()
        assert await ledger.end_leftovers(machine.state / "s", "mta") == 1
        found = proc.entry(pid)
        assert found is None or not found.alive
