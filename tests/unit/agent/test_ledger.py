"""The pages that name processes, and what they are good for after a crash."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from mailstack.agent import ledger
from mailstack.aio import proc


async def test_leftovers_are_ended(tmp_path: Path) -> None:
    """Processes on a page of this boot are ended, and the page goes."""
    argv = ["sleep", "600"]
    with subprocess.Popen(argv, start_new_session=True) as left:  # noqa: ASYNC220 - quick
        found = proc.entry(left.pid)
        assert found is not None
        page = write(tmp_path, f"{left.pid} {found.started}\n")
        ending = asyncio.ensure_future(ledger.end_leftovers(tmp_path))
        assert await asyncio.to_thread(left.wait, 10) == -signal.SIGTERM
        assert await ending == 1
    assert not page.exists()


async def test_a_stranger_with_the_same_pid_lives(tmp_path: Path) -> None:
    """A pid with another start is another process, and one of an earlier boot names nobody."""
    me = proc.entry(os.getsid(0)) or proc.entry(os.getpid())
    assert me is not None
    write(tmp_path, f"{me.pid} {me.started - 1}\n")
    assert await ledger.end_leftovers(tmp_path) == 0
    write(tmp_path, f"{me.pid} {me.started}\n", boot="another boot")
    assert await ledger.end_leftovers(tmp_path) == 0


async def test_a_page_cut_short(tmp_path: Path) -> None:
    """A page that cannot be read names nobody, and does not keep the stack from starting."""
    for text in ("", "12", "12 x\n", "\xff"):
        write(tmp_path, text)
        assert await ledger.end_leftovers(tmp_path) == 0


async def test_orphans_of_a_killed_supervisor(tmp_path: Path) -> None:
    """They are ended, unless another supervisor is there by now."""
    argv, lock_file = ["sleep", "600"], tmp_path / "lock"
    with subprocess.Popen(argv, start_new_session=True) as left:  # noqa: ASYNC220 - quick
        found = proc.entry(left.pid)
        assert found is not None
        write(tmp_path, f"{left.pid} {found.started}\n")
        lock_file.write_text("2\n")
        await ledger.end_orphans(tmp_path, lock_file, dead=1)
        assert left.poll() is None
        ending = asyncio.ensure_future(ledger.end_orphans(tmp_path, lock_file, dead=2))
        assert await asyncio.to_thread(left.wait, 60) == -signal.SIGTERM
        await ending


async def test_no_folder_yet(tmp_path: Path) -> None:
    """A new state has no leftovers."""
    assert await ledger.end_leftovers(tmp_path) == 0


def write(state: Path, lines: str, boot: str = "") -> Path:
    ledger.folder(state).mkdir(parents=True, exist_ok=True)
    page = ledger.folder(state) / "mta"
    page.write_text(f"{boot or ledger._boot()}\n{lines}", encoding="latin-1")
    return page
