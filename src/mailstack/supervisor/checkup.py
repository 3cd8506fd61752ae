"""``mailstack doctor`` by the clock: a child that ends again, so that the supervisor stays small.

It gives what it found to couchmail, where ``status`` and Prometheus read it; what is not well it
also says, line by line, for the supervisor's log. On a cluster a CronJob runs the same command.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Final

from mailstack.agent.options import Options
from mailstack.aio import command
from mailstack.errors import ConfigError

_TIMEOUT_S: Final = 900.0
_OFF_S: Final = 3600.0
"""After that the settings are read again."""
_MAX_LINES: Final = 50
"""Of one examination that are logged."""
_SOURCE: Final = Path(__file__).parents[2]
_LOG: Final = logging.getLogger("mailstack")


async def repeat(options: Options) -> None:
    """Examine every ``doctor.every_hours`` until cancelled."""
    while True:
        hours = _hours(options)
        await asyncio.sleep(hours * 3600 if hours else _OFF_S)
        if hours:
            await examine(options)


def _hours(options: Options) -> int:
    try:
        return options.settings().doctor.every_hours
    except ConfigError:
        return 0  # said by every agent already; the next look comes in an hour


async def examine(options: Options) -> None:
    """Run it once, and log all that it says: findings, and what hindered it."""
    sets = [f"--set={pair}" for pair in options.sets]
    places = [f"--config={os.fspath(options.config.absolute())}", f"--state={options.state}"]
    argv = [sys.executable, "-P", "-m", "mailstack.cli", *places, *sets, "doctor", "--scheduled"]
    try:
        done = await command.run(argv, timeout_s=_TIMEOUT_S, env={"PYTHONPATH": str(_SOURCE)})
    except (OSError, TimeoutError) as error:
        _LOG.warning("doctor: %s", str(error) or "did not end in time")
        return
    lines = done.output.splitlines()
    for line in lines[:_MAX_LINES]:
        _LOG.warning("%s", line)
    if len(lines) > _MAX_LINES:
        _LOG.warning("doctor: %d more lines", len(lines) - _MAX_LINES)
