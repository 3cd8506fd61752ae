"""How a program of ours starts, is told to reload, and ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from mailstack.errors import ConfigError
from mailstack.program.run import execute, told_to_stop, until


def arguments(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Have been called so."""
    monkeypatch.setattr(sys, "argv", ["program", *words])


def test_the_file_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the status is 0 when it ends by itself."""
    seen: list[Path] = []

    async def run(file: Path) -> None:
        seen.append(file)

    arguments(monkeypatch, "--config", str(tmp_path))
    assert execute("program", run) == 0
    assert seen == [tmp_path]


@pytest.mark.parametrize("error", [ConfigError("is wrong"), OSError("is wrong")])
def test_one_line_when_it_cannot_start(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the name of the program, and the status 1."""

    async def run(_: Path) -> None:
        raise error

    arguments(monkeypatch, "--config", "x")
    assert execute("program", run) == 1
    assert capsys.readouterr().err == "program: is wrong\n"


def test_other_arguments(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are none of a service."""

    async def run(_: Path) -> None:
        raise AssertionError

    arguments(monkeypatch, "--help")
    assert execute("program", run) == 1
    assert "say --config FILE" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop(number: signal.Signals) -> None:
    """Both signals do."""
    stop = told_to_stop()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(stop.wait(), 60)


async def test_told_to_reload(caplog: pytest.LogCaptureFixture) -> None:
    """What is refused is logged, and the program goes on."""
    reloaded = asyncio.Event()
    answers = iter([ConfigError("is wrong"), None])

    def reload() -> None:
        reloaded.set()
        if error := next(answers):
            raise error

    stop = told_to_stop(reload)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(reloaded.wait(), 60)
        reloaded.clear()
    assert "goes on as before: is wrong" in caplog.text
    assert not stop.is_set()


async def test_work_until_stop() -> None:
    """It is cancelled, and that is no error."""
    stop, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(until(stop, work()))
        await begun.wait()
        stop.set()
    assert ended.is_set()


async def test_work_that_fails() -> None:
    """Its error ends the program."""

    async def work() -> None:
        raise OSError("is gone")

    with pytest.raises(OSError, match="is gone"):
        await until(asyncio.Event(), work())
