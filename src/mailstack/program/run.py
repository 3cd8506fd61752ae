"""How each program of ours runs: its arguments, its account, its signals, its end.

A program is a ``__main__`` with a function ``main``, which the supervisor's nursery calls as well.
It hands a coroutine to ``execute`` that reads the file, opens ports, calls ``settle``, and serves
until ``told_to_stop``.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 - needed after root is given up, as the next one
import encodings.idna  # noqa: F401 - for names of hosts
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from mailstack.aio.privileges import drop
from mailstack.errors import ConfigError, MailstackError, ServiceFailed
from mailstack.observe import log

Run = Callable[[Path], Coroutine[Any, Any, None]]
Work = Coroutine[Any, Any, None]

_log = logging.getLogger(__name__)


class HasAccount(Protocol):
    """What every configuration says: the numbers to become; 0 stays."""

    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...


def execute(
    name: str, run: Run, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> int:
    """Run to the end. The exit status is 1 with one line when it cannot start."""
    log.configure()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(run(config_file()))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    return 0


def config_file() -> Path:
    """Return the one argument there is: ``--config FILE``, JSON, as rendered.

    Raises:
        ServiceFailed: there are other ones.
    """
    match sys.argv[1:]:
        case ["--config", file]:
            return Path(file)
    raise ServiceFailed("the arguments are not understood", advice="say --config FILE")


def settle(account: HasAccount, groups: tuple[int, ...] = ()) -> None:
    """Become the account, once all ports are open that only root may open.

    What is imported by then stays: the collector need not look at it each time.

    Raises:
        ServiceFailed: root remains within reach.
    """
    drop(account.uid, account.gid, groups)
    gc.collect()
    gc.freeze()


def told_to_stop(reload: Callable[[], None] | None = None) -> asyncio.Event:
    """Return what SIGTERM and SIGINT set. SIGHUP calls ``reload``, which may raise ConfigError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, _reload, reload)
    return stop


def _reload(reload: Callable[[], None]) -> None:
    try:
        reload()
    except ConfigError as error:
        _log.error("goes on as before: %s", error)
    else:
        _log.info("reads its configuration anew")


async def until(stop: asyncio.Event, work: Work) -> None:
    """Run ``work``, and cancel it at ``stop``. What ends it before is raised."""
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
