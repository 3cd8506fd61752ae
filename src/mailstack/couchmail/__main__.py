"""``python -m mailstack.couchmail --config FILE``: the service, in the foreground.

Started as root it becomes its account once everything is imported and read that only root may
read; files and sockets are made by the account. Nothing is imported after that (aio/privileges.py).
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import uvloop

from mailstack.aio import privileges
from mailstack.couchmail import preload, processes, service
from mailstack.couchmail.config import Config, load
from mailstack.errors import ConfigError, MailstackError
from mailstack.observe.log import configure
from mailstack.program.run import config_file

log = logging.getLogger(__name__)

__all__ = ["main", "preload"]

PRIVATE = 0o077
"""What this service makes holds password hashes: for its own account only."""


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    configure()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    status = 0
    try:
        config = load(config_file())
        token = read_token(config.token_file)
        os.umask(PRIVATE)
        privileges.drop(config.uid, config.gid)
        group = processes.start(config, processes.wanted(config), token)
        uvloop.run(_serve(config, token, group))
    except* MailstackError as errors:
        for error in errors.exceptions:
            print(f"couchmail: {error}", file=sys.stderr)  # noqa: T201 - the one line for a person
        status = 1
    return status


def read_token(path: Path) -> str:
    """Read the API's bearer token.

    Raises:
        ConfigError: there is none, or it is too short to be a secret.
    """
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the API's token cannot be read: {error}", file=path) from error
    if len(token) < 32:  # noqa: PLR2004 - 128 bits in hexadecimal
        raise ConfigError(
            "the API's token is shorter than 32 characters",
            file=path,
            advice="remove the file; the next start makes a new one",
        )
    return token


async def _serve(config: Config, token: str, group: processes.Processes) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await service.serve(config, token, stop, _started, group)


def _started(ports: Mapping[str, int]) -> None:
    # What lives now lives as long as the process; the collector need not look at it again.
    gc.collect()
    gc.freeze()
    log.info("listening: %s", ", ".join(f"{name} {port}" for name, port in ports.items()))


if __name__ == "__main__":
    sys.exit(main())
