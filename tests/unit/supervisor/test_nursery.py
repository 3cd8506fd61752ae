"""Copies of the nursery are programs like those that were started anew.

Each test runs in a process of its own: what forks must have no thread and no event loop.
"""

import json
import os
import select
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from mailstack.aio import proc
from mailstack.topology.stack import STACK

SOURCE = Path(__file__).parents[3] / "src"
DRIVER = """
import asyncio, json, logging, os, signal, sys
from mailstack.aio import process, prctl
from mailstack.supervisor.nursery import Nursery

prctl.become_subreaper()
mine = os.open("/dev/null", os.O_RDONLY)
nursery = Nursery.begin([mine], lambda pid: print("orphaned", pid, file=sys.stderr, flush=True))
lines = asyncio.Queue()

async def start(*words):
    argv = [sys.executable, "-m", "example", *words]
    env = {"PYTHONPATH": os.environ["PYTHONPATH"], "MARK": "yes"}
    return await process.start(argv, on_line=lines.put_nowait, env=env, spawn=nursery.spawn)

async def heard():
    return json.loads(await asyncio.wait_for(lines.get(), 60))

def tell(**facts):
    print(json.dumps(facts), flush=True)

async def story():
"""
PROGRAM = """
import json, os, signal, sys
from importlib import import_module
from pathlib import Path

def main():
    facts = {
        "argv": sys.argv,
        "shown": Path("/proc/self/cmdline").read_text().rstrip("\\0").split("\\0"),
        "session": os.getsid(0) == os.getpid(),
        "parent": os.getppid(),
        "mark": os.environ.get("MARK"),
        "secret": os.environ.get("SECRET"),
        "files": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
        "input": sys.stdin.read(),
        "place": os.getcwd(),
        "signals": [signal.getsignal(n) is d for n, d in (
            (signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler))],
    }
    print(json.dumps(facts), flush=True)
    if "wait" in sys.argv:
        signal.pause()
    if "fail" in sys.argv:
        raise ValueError("a fault")
    return 3
"""


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A program with a ``main``, as ours have."""
    folder = tmp_path / "example"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(PROGRAM)
    return tmp_path


def drive(story: str, folder: Path) -> subprocess.Popen[str]:
    """Begin a nursery, and do what ``story`` says."""
    body = indent(dedent(story), "    ")
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"{DRIVER}{body}\nasyncio.run(story())"],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{folder}", "SECRET": "of the shell"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(story: str, folder: Path) -> tuple[dict[str, Any], str]:
    """Return the facts that ``story`` tells, and what was logged."""
    done = drive(story, folder)
    output, errors = done.communicate(timeout=120)
    assert done.returncode == 0, errors
    return json.loads(output), errors


def test_a_copy_is_like_a_program_started_anew(example: Path) -> None:
    """With its own session, arguments, environment and files; its status arrives."""
    facts, _ = told(
        """
        one = await start("--config", "file")
        tell(program=await heard(), status=await one.wait(), us=os.getpid())
        """,
        example,
    )
    assert facts["status"] == 3
    assert facts["program"] == {
        "argv": ["example", "--config", "file"],
        "shown": [sys.executable, "-m", "example", "--config", "file"],
        "session": True,
        "parent": facts["us"],
        "mark": "yes",
        "secret": None,
        "files": [0, 1, 2],
        "input": "",
        "place": "/",
        "signals": [True, True],
    }


def test_it_is_stopped_like_another(example: Path) -> None:
    """By SIGTERM, and several live side by side."""
    facts, _ = told(
        """
        some = [await start("wait") for _ in range(3)]
        for _ in some:
            await heard()
        tell(statuses=[await one.stop(60) for one in some])
        """,
        example,
    )
    assert facts["statuses"] == [-15] * 3


def test_a_fault_is_printed(example: Path) -> None:
    """And ends that copy only."""
    facts, _ = told(
        """
        one = await start("fail")
        await heard()
        status, words = await one.wait(), ""
        while not words.startswith("ValueError"):
            words = await asyncio.wait_for(lines.get(), 60)
        again = await start()
        await heard()
        tell(words=words, statuses=[status, await again.wait()])
        """,
        example,
    )
    assert facts == {"words": "ValueError: a fault", "statuses": [1, 3]}


def test_what_is_no_program_of_ours(example: Path) -> None:
    """It is started as usual."""
    facts, _ = told(
        """
        one = await process.start(["echo", "1"], on_line=lines.put_nowait, spawn=nursery.spawn)
        tell(heard=await heard(), status=await one.wait())
        """,
        example,
    )
    assert facts == {"heard": 1, "status": 0}


def test_without_a_nursery(example: Path) -> None:
    """Programs start as usual when it is killed, and that is said once."""
    (example / "example" / "__main__.py").write_text(f"{PROGRAM}\nsys.exit(main())\n")
    facts, errors = told(
        """
        os.kill(nursery.pid, signal.SIGKILL)
        os.waitpid(nursery.pid, 0)
        some = [await start(), await start()]
        told = [await heard() for _ in some]
        tell(statuses=[await one.wait() for one in some], mark=told[0]["mark"])
        """,
        example,
    )
    assert facts == {"statuses": [3, 3], "mark": "yes"}
    assert errors.count("the nursery is given up") == 1


def test_nothing_outlives_a_killed_supervisor(example: Path) -> None:
    """Neither the nursery nor its copies."""
    story = drive(
        """
        one = await start("wait")
        await heard()
        tell(pids=[nursery.pid, one.pid])
        await asyncio.Event().wait()
        """,
        example,
    )
    assert story.stdout is not None
    pids = json.loads(story.stdout.readline())["pids"]
    watched = [os.pidfd_open(pid) for pid in pids]
    story.kill()
    _, errors = story.communicate()
    assert f"orphaned {story.pid}" in errors
    for pid, descriptor in zip(pids, watched, strict=True):
        assert ended(descriptor), proc.entry(pid)
        os.close(descriptor)


def ended(descriptor: int) -> bool:
    """Wait for the end of a process."""
    return bool(select.select([descriptor], [], [], 60)[0])


def test_each_program_has_a_main() -> None:
    """The nursery calls it, where ``python -m`` runs the module."""
    for service in STACK.services:
        name = f"mailstack.{service.name}.__main__"
        if (SOURCE / "mailstack" / service.name / "__main__.py").exists():
            assert callable(import_module(name).main), name
