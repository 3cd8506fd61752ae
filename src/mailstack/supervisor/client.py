"""The other end of the supervisor's socket, for commands: plain blocking calls."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mailstack.agent.state import check_name, supervisor_lock
from mailstack.aio import lock
from mailstack.errors import ServiceFailed
from mailstack.supervisor.control import MAX_LINE, path

_TIMEOUT_S: Final = 10.0
"""For one answer; the supervisor's slowest takes some 50 ms."""


def is_running(state: Path) -> bool:
    """Whether a supervisor holds ``state``."""
    return lock.is_held(supervisor_lock(state))


def status(state: Path) -> dict[str, Any] | None:
    """Ask for the status; None when no supervisor runs.

    Raises:
        ServiceFailed: it runs, and does not answer.
    """
    connection = connect(state)
    if connection is None:
        return None
    with connection:
        ask(connection, "status")
        for event in events(connection, _TIMEOUT_S):
            return event
    raise ServiceFailed("the supervisor closed the connection without an answer")


def connect(state: Path) -> socket.socket | None:
    """Connect to the supervisor; None when none runs."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(str(path(state)))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except PermissionError as error:
        connection.close()
        raise ServiceFailed("only root may ask the supervisor", advice="use sudo") from error
    except OSError as error:
        connection.close()
        check_name(state)  # a path that is too long for a socket has no number of its own
        raise ServiceFailed(f"the supervisor cannot be asked: {error}") from error
    return connection


def ask(connection: socket.socket, what: str) -> None:
    connection.sendall(json.dumps({"do": what}).encode() + b"\n")


def events(connection: socket.socket, timeout_s: float) -> Iterator[dict[str, Any]]:
    """Yield each line that arrives, until the supervisor closes.

    Raises:
        ServiceFailed: nothing came for ``timeout_s``.
    """
    connection.settimeout(timeout_s)
    with connection.makefile("rb") as lines, suppress(ConnectionResetError):
        try:
            while line := lines.readline(MAX_LINE):
                yield json.loads(line)
        except TimeoutError as error:
            raise ServiceFailed(f"the supervisor said nothing for {timeout_s:g} s") from error
