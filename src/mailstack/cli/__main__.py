"""Run a command; turn what happens into an exit code and at most one line on standard error.

0 done · 1 it failed · 2 wrong usage · 130 interrupted. A traceback never reaches a person: an
error that nobody expected goes into a log, and the line says which.
"""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import typer
from typer.exceptions import TyperException

from mailstack.cli.app import app
from mailstack.cli.invocation import DEFAULT_STATE
from mailstack.errors import MailstackError

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

_GLOBAL = ("--config", "--state", "--set")


def main() -> None:
    """Entry point of ``mailstack`` and of ``python -m mailstack.cli``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 has no tick mark
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough (``| head``); the interpreter must not flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    ordered = globals_first(arguments)
    try:
        status = typer.main.get_command(app).main(
            ordered, prog_name="mailstack", standalone_mode=False
        )
    except typer.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except TyperException as error:
        return _say_usage(error)
    except MailstackError as error:
        return _say(str(error))
    except Exception as error:  # noqa: BLE001 - the last place that can keep a traceback from a person
        return _say(f"unexpected {type(error).__name__}: {error}; details are in {_log(ordered)}")
    return status if isinstance(status, int) else 0


def globals_first(arguments: Sequence[str]) -> list[str]:
    """Move the global options in front of the command, wherever they stand before ``--``."""
    front, rest = [], []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _GLOBAL:
            front += [word, *_next(words)]
        elif word.startswith(tuple(f"{option}=" for option in _GLOBAL)):
            front.append(word)
        else:
            rest.append(word)
    return front + rest


def _next(words: Iterator[str]) -> list[str]:
    return [word for word in (next(words, None),) if word is not None]


def _say(line: str, status: int = 1) -> int:
    sys.stderr.write(f"mailstack: {' '.join(line.split())}\n")
    return status


def _say_usage(error: TyperException) -> int:
    context = getattr(error, "ctx", None)
    if error.format_message() == "" and context is not None:
        sys.stderr.write(context.get_help())  # the command needs arguments and got none
        return error.exit_code
    where = context.command_path if context is not None else "mailstack"
    return _say(f"{error.format_message().rstrip('.')}; see {where} --help", error.exit_code)


def _log(arguments: Sequence[str]) -> Path:
    """Keep the details of an unexpected error; return the file that has them."""
    text = f"{datetime.now(UTC).isoformat()} {list(arguments)}\n{traceback.format_exc()}\n"
    path = _state(arguments) / "log" / "cli.log"
    try:
        with path.open("a") as log:
            log.write(text)
    except OSError:
        handle, name = tempfile.mkstemp(prefix="mailstack-", suffix=".log")
        with open(handle, "w") as log:  # noqa: PTH123 - mkstemp gives a descriptor
            log.write(text)
        return Path(name)
    return path


def _state(arguments: Sequence[str]) -> Path:
    """Find the state folder without the parser, which may be what failed."""
    pairs = pairwise(arguments)
    named = [value for option, value in pairs if option == "--state"]
    named += [word.partition("=")[2] for word in arguments if word.startswith("--state=")]
    return Path(named[-1] if named else DEFAULT_STATE).absolute()


if __name__ == "__main__":
    main()
