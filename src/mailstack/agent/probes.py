"""When to ask a daemon whether it does its work, and what to make of the answers."""

import asyncio
from dataclasses import dataclass

from mailstack.daemons.contract import Daemon, NotReady, Outspoken, ProbeFailed, Site


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between probes, and how many failures mean that a daemon hangs.

    A daemon that has stopped answering is restarted after at most
    ``every_s + hung_after * (timeout_s + retry_s)``: 42 s. Faster would restart what is merely
    busy, and a restart under load makes the load worse.
    """

    first_s: float = 0.05
    """Between tries while it starts, so that the start takes no longer than the daemon does."""
    slowest_first_s: float = 0.25
    """What that grows to: some probes are a process of their own."""
    every_s: float = 15.0
    retry_s: float = 1.0
    timeout_s: float = 8.0
    hung_after: int = 3
    start_s: float = 60.0
    """From start to the first success."""
    stable_s: float = 10.0
    """Healthy for so long, an earlier crash is forgotten by the backoff."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a daemon is not healthy."""

    reason: str
    hangs: bool = True
    """False: it answers, and only its own work is impossible; restarting it would cure nothing."""


async def ask(daemon: Daemon, site: Site, timeout_s: float) -> Wrong | None:
    """Probe once; return None when it is healthy, else what is wrong.

    A cancellation that comes with the last octet of an answer can be lost in a probe:
    asyncio.wait_for of Python 3.11 drops it, and dnspython uses that. It is found again here, or
    the service could not be stopped.
    """
    wrong = await _ask(daemon, site, timeout_s)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return wrong


async def remark(daemon: Daemon, site: Site, timeout_s: float) -> str:
    """Ask a healthy daemon what its owner should know; most have nothing to say."""
    if not isinstance(daemon, Outspoken):
        return ""
    try:
        async with asyncio.timeout(timeout_s):
            return await daemon.remark(site)
    except TimeoutError:
        return ""


async def _ask(daemon: Daemon, site: Site, timeout_s: float) -> Wrong | None:
    try:
        async with asyncio.timeout(timeout_s):
            await daemon.probe(site)
    except TimeoutError:
        return Wrong(f"no answer within {timeout_s:g} s")
    except NotReady as error:
        return Wrong(str(error), hangs=False)
    except ProbeFailed as error:
        return Wrong(str(error))
    except OSError as error:
        return Wrong(f"{error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - a defect of one probe must not end the whole stack
        return Wrong(f"the probe itself failed: {type(error).__name__}: {error}")
    return None
