"""What Postfix tells is written down by whoever listens, within bounds."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.folder import state_folder
from tests.unit.reports.tls.datagrams import FAILURE, SUCCESS

from mailstack.reports.tls import journal
from mailstack.reports.tls.collector import Collector

NOW = 1_700_000_000


async def test_datagrams_are_written_down() -> None:
    """Each with when it came. The socket is for one account; what lay there before goes."""
    said: list[str] = []
    with state_folder() as folder:
        path, at = folder / "journal", folder / "socket"
        at.touch()  # of a run that was killed
        collector = Collector(path, said.append, lambda: NOW)
        with collector.listening(at, os.getuid(), os.getgid()):
            assert stat.S_IMODE(at.stat().st_mode) == 0o200
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as postfix:
                for datagram in (SUCCESS, FAILURE, b"a\nb"):
                    postfix.sendto(datagram, str(at))
            async with asyncio.timeout(60):
                while not path.exists() or len(list(journal.read(path))) < 3:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        assert list(journal.read(path)) == [
            (NOW, SUCCESS + b"\n"),
            (NOW, FAILURE + b"\n"),
            (NOW, b"a b\n"),
        ]
    assert said == []


async def test_who_takes_the_place_of_another() -> None:
    """Settings have changed: the new one listens before the old one has ended."""
    with state_folder() as folder:
        path, at = folder / "journal", folder / "socket"
        old, new = (Collector(path, print, lambda: NOW) for _ in range(2))
        me = os.getuid(), os.getgid()
        first, second = old.listening(at, *me), new.listening(at, *me)
        first.__enter__()
        with second:
            first.__exit__(None, None, None)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as postfix:
                postfix.sendto(SUCCESS, str(at))
            async with asyncio.timeout(60):
                while not path.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0)


def test_no_more_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner hears of it once; when there is room again, it goes on."""
    said: list[str] = []
    path = tmp_path / "journal"
    monkeypatch.setattr(journal, "MAX_OCTETS", 2 * len(SUCCESS))
    collector = Collector(path, said.append, lambda: NOW)
    for _ in range(5):
        collector.keep(SUCCESS)
    assert len(list(journal.read(path))) == 1
    assert said == ["handshakes are missing in TLS reports: nobody has counted for too long"]
    path.unlink()
    collector.keep(SUCCESS)
    assert len(list(journal.read(path))) == 1


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """The agent may be root: it writes into no file that somebody else names."""
    said: list[str] = []
    (tmp_path / "journal").symlink_to(tmp_path / "other")
    Collector(tmp_path / "journal", said.append).keep(SUCCESS)
    assert not (tmp_path / "other").exists()
    assert len(said) == 1


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    """A file that lost its end, or was written by nobody of ours."""
    path = tmp_path / "journal"
    path.write_bytes(b"x\n-1 y\n" + b"9" * 12 + b" z\n7 whole\n8 cut")
    assert list(journal.read(path)) == [(7, b"whole\n")]
