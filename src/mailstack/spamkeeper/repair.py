"""Finds damaged databases and puts a sound one in their place, while spamd goes on scanning.

spamd itself takes a damaged database for an empty one, or learns into the wreck. So each is looked
at when it changed since the last look: first the copies are tried, the newest first; when none is
sound the user begins anew. Each damage is said once, as it is repaired on the spot.
"""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailstack.spamkeeper import database
from mailstack.spamkeeper.database import Busy, learnt, locked
from mailstack.spamkeeper.folders import Users
from mailstack.spamkeeper.metrics import KeeperMetrics
from mailstack.spamkeeper.sdbm import Damaged, Sdbm
from mailstack.spamkeeper.snapshots import NoSnapshot, Snapshots

MAX_REPUTATION: Final = 16 * 1024**2
"""Octets of TxRep's file, which nothing else bounds; a hundred thousand senders fit."""

_log = logging.getLogger(__name__)


class Repair:
    """Looks at every database that changed. Blocks; call it in a thread."""

    def __init__(self, users: Users, snapshots: Snapshots, metrics: KeeperMetrics) -> None:
        self._users = users
        self._snapshots = snapshots
        self._metrics = metrics
        self._seen: dict[str, tuple[int, ...]] = {}

    def changed(self) -> list[str]:
        """Return the keys whose database changed since it was last looked at."""
        stamps = {key: database.stamp(self._users.database(key)) for key in self._users.trained()}
        self._seen = {key: stamp for key, stamp in self._seen.items() if key in stamps}
        return [key for key, stamp in stamps.items() if self._seen.get(key) != stamp]

    def look_at(self, key: str) -> int:
        """Check one user's data; return how many tokens the database holds."""
        folder = self._users.database(key)
        try:
            with locked(folder):
                stamp = database.stamp(folder)
                found = learnt(folder)
        except Damaged as error:
            self._mend(key, str(error))
            self._seen[key] = database.stamp(folder)
            return 0
        except (Busy, FileNotFoundError):
            return 0  # next time
        self._seen[key] = stamp
        self._check_reputation(self._users.reputation(key))
        return found.tokens

    def _mend(self, key: str, why: str) -> None:
        self._metrics.damaged.counts[()] += 1
        for copy in self._snapshots.of(key):
            with suppress(NoSnapshot):
                found = self._snapshots.restore(key, copy.name)
                _log.error(
                    "the Bayes database of %s was damaged (%s): copy %s is back, %d ham, %d spam",
                    *(key, why, copy.name, found.nham, found.nspam),
                )
                return
        self._snapshots.empty(key)
        _log.error(
            "the Bayes database of %s was damaged (%s): it begins anew, as there is no copy",
            key,
            why,
        )

    def _check_reputation(self, path: Path) -> None:
        """TxRep makes its file anew when it is missing, and it is no great loss."""
        try:
            found = Sdbm.read(path)
            found.check()
        except FileNotFoundError:
            return
        except Damaged as error:
            _log.error("what senders did before is forgotten for %s: %s", path.parent.name, error)
        else:
            if len(found.pages) <= MAX_REPUTATION:
                return
        for end in (".pag", ".dir"):
            path.with_name(path.name + end).unlink(missing_ok=True)
