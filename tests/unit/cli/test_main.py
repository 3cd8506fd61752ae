"""Exit codes and the one line on standard error."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from mailstack import __version__
from mailstack.cli import app as tree
from mailstack.cli.__main__ import globals_first, run
from mailstack.errors import MailstackError

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line whose ``down`` raises what a test gives."""

    def call(error: BaseException, *arguments: str) -> tuple[int, str]:
        app = typer.Typer()

        @app.command()
        def command() -> None:
            raise error

        monkeypatch.setattr(tree, "import_module", lambda _: SimpleNamespace(app=app))
        return run([*arguments, "down"]), capsys.readouterr().err

    return call


def test_an_error_is_one_line(raising: Run) -> None:
    """An error for a person is printed as one line, and the exit code is 1."""
    error = MailstackError("the stack\nis not running", advice="start it with 'mailstack up'")
    assert raising(error) == (
        1,
        "mailstack: the stack is not running; start it with 'mailstack up'\n",
    )


def test_an_unexpected_error_is_logged(raising: Run, tmp_path: Path) -> None:
    """No traceback reaches a person: it goes into the state folder's log, and the line says so."""
    (tmp_path / "log").mkdir()
    status, line = raising(ZeroDivisionError("division by zero"), "--state", str(tmp_path))
    log = tmp_path / "log" / "cli.log"
    assert status == 1
    assert line == (
        f"mailstack: unexpected ZeroDivisionError: division by zero; details are in {log}\n"
    )
    assert "Traceback" in log.read_text()


def test_an_unexpected_error_without_a_state_folder(raising: Run, tmp_path: Path) -> None:
    """Where the state folder does not exist yet, the details go to a temporary file."""
    _, line = raising(ZeroDivisionError("x"), f"--state={tmp_path}/none")
    log = Path(line.rsplit(" ", 1)[1].strip())
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


def test_interrupted(raising: Run) -> None:
    """Ctrl-C ends with 130 and without words."""
    assert raising(KeyboardInterrupt()) == (130, "")


def test_an_exit_code_is_kept(raising: Run) -> None:
    """A command that ends by itself decides its exit code."""
    assert raising(typer.Exit(1)) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nosuch"], "No such command 'nosuch'; see mailstack --help"),
        (["dwon"], "No such command 'dwon'. Did you mean 'down', 'domain'?; see mailstack --help"),
        (["init"], "Missing argument 'DOMAIN'; see mailstack init --help"),
        (["init", "example.org"], "Missing option '--email'; see mailstack init --help"),
        (["--stat"], "No such option: --stat (Possible options: --set, --state); see mailstack"),
    ],
)
def test_wrong_usage(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage is one line that names the help to read, and the exit code is 2."""
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"mailstack: {line}")
    assert told.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["user"]])
def test_no_command_prints_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever types nothing is shown what there is."""
    assert run(arguments) == 2
    assert "Usage" in "".join(capsys.readouterr())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the version, and nothing else happens."""
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"mailstack {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "ordered"),
    [
        (["up", "--state", "x", "--detach"], ["--state", "x", "up", "--detach"]),
        (["up", "--set=a=b"], ["--set=a=b", "up"]),
        (["--set", "a=1", "up", "--set", "a=2"], ["--set", "a=1", "--set", "a=2", "up"]),
        (["sieve", "put", "--", "--state"], ["sieve", "put", "--", "--state"]),
        (["up", "--state"], ["--state", "up"]),
    ],
)
def test_global_options_may_stand_anywhere(typed: list[str], ordered: list[str]) -> None:
    """--config, --state and --set are moved before the command; what follows -- is left alone."""
    assert globals_first(typed) == ordered


def test_a_reader_that_has_seen_enough() -> None:
    """``mailstack … | head`` prints no complaint about the closed pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "mailstack.cli", "--version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""


def test_an_interrupted_process(tmp_path: Path) -> None:
    """Ctrl-C while a command waits for input: 130, and no traceback."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED_IN_IMPORT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, b"")


INTERRUPTED_IN_IMPORT = """
import sys, shutil
from mailstack.cli.__main__ import run

def wait(source, target):
    print("waiting", flush=True)
    source.read()

shutil.copyfileobj = wait
sys.exit(run(["--state", sys.argv[1], "import", "-"]))
"""
"""Says when it reads standard input, so that the signal meets it there."""
