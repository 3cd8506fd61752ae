"""The supervisor as a process of its own, started by ``mailstack up --detach``.

``python -m mailstack.supervisor --config FILE --state DIR --starter FD [--set KEY=VALUE]…``. It
imports neither the command line's libraries nor cryptography: it lives for months, and its memory
is part of the stack's.
"""

import argparse
import asyncio
import logging
import socket
import sys
from contextlib import suppress
from functools import partial
from json import dumps
from pathlib import Path

import uvloop

from mailstack.agent import ledger
from mailstack.agent.options import Options
from mailstack.agent.state import supervisor_lock
from mailstack.daemons import registry
from mailstack.errors import MailstackError
from mailstack.supervisor.control import Event
from mailstack.supervisor.logs import OWN, FileHandler, Logs
from mailstack.supervisor.nursery import Nursery
from mailstack.supervisor.start import set_up_process, supervise


def main() -> int:
    """Run until stopped; return the exit code."""
    arguments = _parse()
    set_up_process()
    for service in registry.PACKAGES:
        registry.daemon(service)  # imported before the fork, so that it is shared
    nursery = Nursery.begin(
        not_for_it=() if arguments.starter is None else [arguments.starter],
        orphaned=partial(_end_orphans, arguments.state),
    )
    log = arguments.state / "log" / "supervisor.log"
    logging.basicConfig(level=logging.INFO, handlers=[FileHandler(log)])
    options = Options(arguments.config, arguments.state, arguments.set)
    starter = socket.socket(fileno=arguments.starter) if arguments.starter is not None else None
    logs = Logs(options.state)
    try:
        uvloop.run(supervise(options, partial(_write, logs, starter), starter, nursery.spawn))
    except MailstackError as error:
        logging.getLogger("mailstack").error("%s", error)  # noqa: TRY400 - a sentence, no traceback
        _tell(starter, {"failed": str(error)})
        return 1
    return 0


def _end_orphans(state: Path, supervisor: int) -> None:
    asyncio.run(ledger.end_orphans(state, supervisor_lock(state), supervisor))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mailstack.supervisor")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--starter", type=int, help="descriptor of a connected socket")
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


def _write(logs: Logs, starter: socket.socket | None, service: str, line: str) -> None:
    logs.write(service, line)
    if service == OWN:
        _tell(starter, {"note": line})


def _tell(starter: socket.socket | None, event: Event) -> None:
    """Tell whoever waits for the start, unless the conversation has begun: then it does that."""
    if starter is not None:
        with suppress(OSError):
            starter.sendall(dumps(event).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
