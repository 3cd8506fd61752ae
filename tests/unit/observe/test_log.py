"""Log files with a bounded size, and the stream for a person."""

import io
import logging
import re
from pathlib import Path

import pytest

from mailstack.observe.log import LogFile, Stream, configure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_has_its_time(tmp_path: Path) -> None:
    """Every line begins with the time in UTC, so that lines of several services can be merged."""
    log = LogFile(tmp_path / "postfix.log")
    log.write("connect from unknown")
    log.close()
    text = (tmp_path / "postfix.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z connect from unknown\n", text)


def test_rotation_bounds_the_size(tmp_path: Path) -> None:
    """A full file gets a number, the oldest goes, and no line is lost or torn in between."""
    log = LogFile(tmp_path / "a.log", max_octets=100, keep=2)
    for number in range(20):
        log.write(f"line {number}")
    log.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.log", "a.log.1", "a.log.2"]
    kept = "".join((tmp_path / name).read_text() for name in reversed(names))
    numbers = [int(n) for n in re.findall(r"line (\d+)\n", kept)]
    assert numbers == list(range(numbers[0], 20))
    assert all((tmp_path / name).stat().st_size <= 100 for name in names)


def test_goes_on_in_an_old_file(tmp_path: Path) -> None:
    """A new start appends, and counts what is there already."""
    (tmp_path / "a.log").write_text("x" * 90 + "\n")
    log = LogFile(tmp_path / "a.log", max_octets=100)
    log.write("one")
    log.write("two")
    log.close()
    assert (tmp_path / "a.log.1").exists()
    assert "two" in (tmp_path / "a.log").read_text()


def test_full_disk_costs_lines_only() -> None:
    """What cannot be written is counted, and nobody waits or fails."""
    log = LogFile(Path("/dev/full"))
    log.write("lost")
    log.write("lost too")
    assert log.lost == 2
    log.close()


def test_stream_names_the_service() -> None:
    """In a pipe: plain lines, the names in a column."""
    out = io.StringIO()
    stream = Stream(["postfix", "spamd"], out)
    stream.write("spamd", "ready")
    assert out.getvalue() == "spamd   | ready\n"


def test_stream_is_coloured_on_a_terminal() -> None:
    """On a terminal each service has its colour."""
    out = Terminal()
    Stream(["postfix", "spamd"], out).write("spamd", "ready")
    assert out.getvalue() == "\x1b[32mspamd  \x1b[0m | ready\n"


def test_a_peer_cannot_write_to_the_terminal() -> None:
    """Control characters that a peer had a daemon log do not reach the terminal."""
    out = Terminal()
    Stream([], out).write("postfix", "HELO \x1b[2J\x07\x7f\tx")
    assert out.getvalue() == "postfix | HELO �[2J��\tx\n"


def test_our_programs_log_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A program of ours adds neither time nor name: who reads its output adds both."""
    configure()
    logging.getLogger("anything").info("ready on %s", "40580")
    assert capsys.readouterr().err == "INFO: ready on 40580\n"
