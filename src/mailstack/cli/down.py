"""``mailstack down``: stop the stack and wait until it has stopped."""

import sys
import time
from pathlib import Path
from typing import Final

from mailstack.agent.state import supervisor_lock
from mailstack.aio import lock, proc
from mailstack.cli.invocation import Invocation
from mailstack.cli.progress import Progress
from mailstack.errors import ServiceFailed
from mailstack.supervisor import client

_SILENCE_S: Final = 60.0
"""Longest time between two services that stop; the slowest may take 30 s to finish its work."""
_EXIT_S: Final = 10.0
"""From the last event to the end of the supervisor."""
_POLL_S: Final = 0.01


def down(invocation: Invocation) -> None:
    """Stop everything; nothing to do is fine, too.

    Raises:
        ServiceFailed: it does not stop.
    """
    connection = client.connect(invocation.state)
    if connection is None:
        _end_leftovers(invocation.state)
        return
    began, supervisor = time.monotonic(), lock.holder(supervisor_lock(invocation.state))
    with connection, Progress(sys.stdout) as progress:
        client.ask(connection, "stop")
        for event in client.events(connection, _SILENCE_S):
            if event.get("state") in {"stopped", "failed"}:
                seconds = time.monotonic() - began
                progress.service(event["service"], event["state"], event["reason"], seconds)
    _wait_for_the_end_of(supervisor)
    sys.stdout.write("Stopped.\n")


def _wait_for_the_end_of(supervisor: int) -> None:
    deadline = time.monotonic() + _EXIT_S
    while (found := proc.entry(supervisor)) is not None and found.alive:
        if time.monotonic() > deadline:
            raise ServiceFailed("the supervisor has stopped all services, but does not end")
        time.sleep(_POLL_S)


def _end_leftovers(state: Path) -> None:
    """End what a supervisor that was killed has left behind."""
    import asyncio  # noqa: PLC0415 - only when it is needed

    from mailstack.agent.ledger import end_leftovers  # noqa: PLC0415

    if client.is_running(state):
        raise ServiceFailed("the supervisor runs, but does not answer yet", advice="try again")
    ended = asyncio.run(end_leftovers(state))
    left = f" Ended {ended} processes that it had left behind." if ended else ""
    sys.stdout.write(f"The stack does not run.{left}\n")
