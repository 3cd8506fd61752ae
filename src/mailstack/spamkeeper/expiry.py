"""Forgets the oldest tokens of a database that has grown large, as spamd would within a scan.

local.cf has ``bayes_auto_expire 0``: no message waits for housekeeping. SpamAssassin's own program
does it here, with spamd's configuration and under the same lock, one database at a time. It keeps
three quarters of ``bayes_expiry_max_db_size`` (150,000 tokens, some 8 MiB). Source: sa-learn(1p).
"""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mailstack.aio import command
from mailstack.spamkeeper import database
from mailstack.spamkeeper.folders import PREFS, Users

MAX_TOKENS: Final = 165_000
"""A tenth above what SpamAssassin aims at, so that not every night has something to forget."""
PAUSE_S: Final = 12 * 3600.0
"""Between two tries at one database; there may be nothing that is old enough."""
_TIMEOUT_S: Final = 600.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Expiry:
    """Of every user's database."""

    users: Users
    site_config: Path
    rules: Path
    _tried: dict[str, float] = field(default_factory=dict)

    def due(self, key: str, tokens: int) -> bool:
        last = self._tried.get(key)
        return tokens > MAX_TOKENS and (last is None or time.monotonic() - last >= PAUSE_S)

    async def run(self, key: str) -> None:
        """Do it once; a failure is said, and tried again after the pause."""
        self._tried[key] = time.monotonic()
        try:
            finished = await command.run(self._argv(key), timeout_s=_TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            _log.error("old tokens of %s stay: %r", key, error)
            return
        words = finished.output.strip().rpartition("\n")[2]
        say = _log.error if finished.status else _log.info
        say("old tokens of %s: %s", key, words or "forgotten")

    def _argv(self, key: str) -> tuple[str, ...]:
        return (
            *("sa-learn", "--force-expire"),
            f"--dbpath={self.users.database(key) / database.NAME}",
            f"--prefspath={self.users.database(key).parent / PREFS}",
            f"--siteconfigpath={self.site_config}",
            f"--configpath={self.rules}",
        )
