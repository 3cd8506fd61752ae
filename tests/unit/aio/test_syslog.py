"""Lines of programs that know syslog(3) only."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.aio import private_log
from mailstack.aio.syslog import Syslog, line


@pytest.mark.parametrize(
    ("datagram", "text"),
    [
        (b"<22>Nov 28 03:24:17 opendkim[123]: 4jb: key found", "info: 4jb: key found"),
        (b"<19>Nov  8 03:24:17 opendkim[123]: no: colon", "error: no: colon"),
        (b"<20>opendkim: without a time\n\0", "warning: without a time"),
        (b"<22>plain words", "info: plain words"),
        (b"no priority", "no priority"),
        (b"", ""),
    ],
)
def test_level_and_text(datagram: bytes, text: str) -> None:
    """The level is a word; time, name and number are somebody else's to add."""
    assert line(datagram) == text


@given(st.binary(max_size=300))
def test_anything_may_arrive(datagram: bytes) -> None:
    """No datagram is an error."""
    assert isinstance(line(datagram), str)


async def test_a_datagram_is_a_line(tmp_path: Path) -> None:
    """What is sent is heard, also when the socket is closed right afterwards."""
    heard: list[str] = []
    syslog = Syslog.listen(tmp_path / "log.sock", heard.append)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
        program.connect(str(tmp_path / "log.sock"))
        program.send(b"<22>one")
        async with asyncio.timeout(5):
            while not heard:  # noqa: ASYNC110 - the loop has to turn
                await asyncio.sleep(0)
        program.send(b"<22>two")
    syslog.close()
    assert heard == ["info: one", "info: two"]
    assert not (tmp_path / "log.sock").exists()


SAYS = "import syslog, os; open('/dev/null', 'w').close(); syslog.syslog('hello')"


async def test_the_program_has_a_log_of_its_own(tmp_path: Path) -> None:
    """Its /dev/log is our socket; without the right to mount it just runs."""
    heard: list[str] = []
    syslog = Syslog.listen(tmp_path / "log.sock", heard.append)
    launcher = [sys.executable, "-I", "-S", private_log.__file__, str(tmp_path / "log.sock"), "--"]
    child = await asyncio.create_subprocess_exec(
        *launcher, sys.executable, "-c", SAYS, stderr=subprocess.PIPE
    )
    _, complaint = await child.communicate()
    syslog.close()
    assert child.returncode == 0
    if complaint:
        assert os.geteuid() != 0, complaint
        assert complaint.startswith(b"no /dev/log of its own")
    else:
        assert [said for said in heard if "hello" in said]
