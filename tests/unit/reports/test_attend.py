"""The agent's task starts a pass when there is something to do, and not all the time."""

import asyncio
from pathlib import Path

import pytest

from mailstack.aio import command
from mailstack.aio.command import Finished
from mailstack.identity.tally import JOURNAL, MAX_OCTETS
from mailstack.reports import attend
from mailstack.reports.attend import Attendant
from mailstack.reports.config import INCOMING

DONE, WAITS = (f'{{"waiting": {waiting}, "numbers": "reports 1"}}' for waiting in ("false", "true"))


class Passes:
    """Stands for the program that is started."""

    def __init__(self, folder: Path, *finished: Finished) -> None:
        self.folder = folder
        self.finished = list(finished)
        self.begun = asyncio.Event()
        self.said: list[str] = []

    async def run(self, argv: tuple[str, ...], **_: object) -> Finished:
        assert argv[1:3] == ("-m", "mailstack.reports")
        for file in (*(self.folder / INCOMING).iterdir(), *self.folder.glob(JOURNAL)):
            file.unlink()
        self.begun.set()
        await asyncio.sleep(0)
        return self.finished.pop(0) if self.finished else Finished(0, f"{DONE}\n")

    async def until_begun(self) -> None:
        """Run the task until a pass begins."""
        attendant = Attendant(self.folder / "config", self.folder, self.said.append)
        task = asyncio.create_task(attendant.run())
        async with asyncio.timeout(60):
            await self.begun.wait()
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(attend, "LOOK_S", 0.01)
    (tmp_path / INCOMING).mkdir()
    return tmp_path


async def test_a_copy_is_read_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits an hour for a report that has come in."""
    passes = Passes(folder)
    monkeypatch.setattr(command, "run", passes.run)
    (folder / INCOMING / "1.eml").touch()
    await passes.until_begun()


async def test_much_is_counted_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the journal is full."""
    passes = Passes(folder)
    monkeypatch.setattr(command, "run", passes.run)
    (folder / JOURNAL).write_bytes(b"x" * (MAX_OCTETS // 2 + 1))
    await passes.until_begun()


async def test_the_hour_is_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass comes by itself."""
    passes = Passes(folder)
    monkeypatch.setattr(command, "run", passes.run)
    monkeypatch.setattr(attend, "EVERY_S", 0.0)
    await passes.until_begun()


@pytest.mark.parametrize(
    ("finished", "again", "said"),
    [
        (Finished(0, f"{DONE}\n"), False, []),
        (Finished(0, f"a report of x\n{WAITS}\n"), True, ["a report of x"]),
        (Finished(1, "reports: no such file\n"), True, ["reports: no such file"]),
    ],
)
async def test_what_a_pass_says(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    finished: Finished,
    again: bool,  # noqa: FBT001 - of a table
    said: list[str],
) -> None:
    """Its lines go to the log; what failed or waits is tried again sooner."""
    passes = Passes(folder, finished)
    monkeypatch.setattr(command, "run", passes.run)
    told: list[str] = []
    attendant = Attendant(folder / "config", folder, passes.said.append, told.append)
    assert await attendant._pass() == again
    assert passes.said == said
    assert told == ([] if finished.status else ["reports 1"])
