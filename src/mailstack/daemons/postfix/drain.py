"""Before Postfix stops for good in this place: take no new mail, send what can be sent.

New sessions are told to come again (421, RFC 5321 3.8), which another server does, and a mail
program shows as a moment's trouble. Sessions under way go on. What is left in the queue after the
patience stays on its volume, and the next Postfix that has the volume sends it.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mailstack.aio import command, proc
from mailstack.aio.files import replace_text
from mailstack.daemons.contract import Paths
from mailstack.errors import ServiceFailed

PATIENCE_S: Final = 60.0
"""Below what an engine waits before it kills (terminationGracePeriodSeconds)."""
_STEP_S: Final = 0.2
_BUSY: Final = ("maildrop", "incoming", "active")
"""Queues of what is on its way now. "deferred" has been tried, and waits for its time."""
_REFUSE: Final = """
# Draining: who comes now is told to come again.
smtpd_delay_reject = no
smtpd_client_restrictions = check_client_access static:{421 4.3.2 This server is going down}
mua_client_restrictions = $smtpd_client_restrictions
"""


async def drain(paths: Paths, say: Callable[[str], None], patience_s: float = PATIENCE_S) -> None:
    """Refuse, flush, and wait until nothing is under way, or for ``patience_s``.

    Raises:
        ServiceFailed: no Postfix runs there.
    """
    spool = paths.data / "spool"
    master = _master(spool)
    _refuse(paths.conf / "main.cf")
    os.kill(master, signal.SIGHUP)
    await command.run(["postqueue", "-c", str(paths.conf), "-f"])
    say("draining: new sessions are refused, the queue is being sent")
    try:
        async with asyncio.timeout(patience_s):
            while left := _under_way(spool, master):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(_STEP_S)
    except TimeoutError:
        say(f"{left} sessions and messages are left; what is queued stays on its volume")
    else:
        say("drained")


def _master(spool: Path) -> int:
    try:
        pid = int((spool / "pid" / "master.pid").read_text("ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError) as error:
        raise ServiceFailed(f"no Postfix runs with the queue {spool}") from error
    return pid


def _refuse(main_cf: Path) -> None:
    """Append to the configuration in force: it is not needed again, the agent renders the next."""
    text = main_cf.read_text("utf-8")
    if _REFUSE not in text:
        replace_text(main_cf, text + _REFUSE)


def _under_way(spool: Path, master: int) -> int:
    """Count sessions of clients, and messages that are being handled."""
    sessions = [
        found
        for found in proc.everything().values()
        if found.parent == master and found.alive and proc.name(found.pid) == "smtpd"
    ]
    messages = [path for queue in _BUSY for path in (spool / queue).rglob("*") if path.is_file()]
    return len(sessions) + len(messages)
