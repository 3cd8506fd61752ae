"""Where spamd finds a user: folders that are named by keys, below ``data/spamd/users``.

    bayes → sitet/bayes                 the site's profile, for everybody else (``SPAMD_PATTERN``);
                                        no preferences: what local.cf says
    KEY/user_prefs, bayes → ...         how the user's mail is scanned; bayes leads to ../KEYt/bayes
                                        or ../sitet/bayes. What senders did before (TxRep) is here
    KEYt/user_prefs, bayes → N, N/      learns into the user's own database
    KEYt/snapshots/N/                   copies of that database
    KEYn/user_prefs                     scans without Bayes
    .gone/                              renamed away, about to be removed

Links and preferences follow from the datastore and can be made anew at any time; the databases are
the data. A name that is no key never becomes a path.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailstack.aio.files import holds, point_link, replace_text
from mailstack.model.spamkey import SITE, is_key, plain_profile, training_profile
from mailstack.spamkeeper import database, prefs

SPAMD_PATTERN: Final = "%x"
"""Below the users' folder, for ``--virtual-config-dir``: the folder of that name if it has
preferences; else, as our names hold no domain, the users' folder itself, which is the site's
profile. So whoever is unknown is scanned like everybody, and nothing is made for them."""

PREFS: Final = "user_prefs"
BAYES: Final = "bayes"
SNAPSHOTS: Final = "snapshots"
_GONE: Final = ".gone"
_PRIVATE: Final = 0o700
_OWN: Final = 0o600


class Users:
    """The users' folder. Every method blocks for a few calls of the kernel."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the site's profile and its database, and end removals that were cut short."""
        self.root.mkdir(mode=_PRIVATE, exist_ok=True)
        self._clear_gone()
        self.make_database(SITE, prefs.SITE_TRAINING)
        self._link(self.root, f"{training_profile(SITE)}/{BAYES}")

    def keys(self) -> set[str]:
        """Return the keys of all users who have a folder of any kind."""
        names = (entry.name for entry in os.scandir(self.root) if entry.is_dir())
        found = (name.removesuffix("t").removesuffix("n") for name in names)
        return {key for key in found if key != SITE and is_key(key)}

    def trained(self) -> Iterator[str]:
        """Yield the keys that have a database, the site's too."""
        for key in sorted({*self.keys(), SITE}):
            if self.has_database(key):
                yield key

    def has_database(self, key: str) -> bool:
        return self.database(key).exists()

    def database(self, key: str) -> Path:
        """Return the folder of the database: a link to the one in use."""
        return self._folder(training_profile(key)) / BAYES

    def snapshots(self, key: str) -> Path:
        return self._folder(training_profile(key)) / SNAPSHOTS

    def reputation(self, key: str) -> Path:
        """Return where TxRep keeps what senders did before, without the ends of its files."""
        return self._folder(key) / "tx-reputation"

    def scan_by(self, key: str, text: str | None, *, own_bayes: bool) -> None:
        """Have ``key`` scanned by these preferences; None: like everybody else."""
        folder = self._folder(key)
        if text is None:
            # first the preferences: from that moment spamd takes the site's
            (folder / PREFS).unlink(missing_ok=True)
            self._remove(folder)
            return
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        source = key if own_bayes else SITE
        self._link(folder, f"../{training_profile(source)}/{BAYES}")
        self._write(folder, text)

    def make_database(self, key: str, text: str, plain: str | None = None) -> None:
        """Make the training profile, with an empty database if there is none yet."""
        folder = self._folder(training_profile(key))
        folder.mkdir(mode=_PRIVATE, exist_ok=True)
        if not (folder / BAYES).exists():
            (folder / "1").mkdir(mode=_PRIVATE, exist_ok=True)
            (folder / "1" / database.MUTEX).touch(_OWN)
            self._link(folder, "1")
        self._write(folder, text)
        if plain is not None:
            other = self._folder(plain_profile(key))
            other.mkdir(mode=_PRIVATE, exist_ok=True)
            self._write(other, plain)

    def forget(self, key: str) -> bool:
        """Remove all there is of a user. Return whether there was anything."""
        if key == SITE:
            raise ValueError("the site's own database belongs to no user")
        names = (key, training_profile(key), plain_profile(key))
        removed = [self._remove(self._folder(name)) for name in names]
        return any(removed)

    def _folder(self, name: str) -> Path:
        if not is_key(name.removesuffix("t").removesuffix("n")):
            raise ValueError(f"{name!r} is no key")
        return self.root / name

    def _link(self, folder: Path, target: str) -> None:
        link = folder / BAYES
        if not (link.is_symlink() and link.readlink() == Path(target)):
            point_link(link, target)

    def _write(self, folder: Path, text: str) -> None:
        if not holds(folder, {PREFS: text}):
            replace_text(folder / PREFS, text, mode=_OWN)

    def _remove(self, folder: Path) -> bool:
        """Rename away first: what spamd opens afterwards is not there."""
        gone = self.root / _GONE
        gone.mkdir(mode=_PRIVATE, exist_ok=True)
        try:
            folder.rename(gone / f"{folder.name}.{secrets.token_hex(4)}")
        except FileNotFoundError:
            return False
        self._clear_gone()
        return True

    def _clear_gone(self) -> None:
        with suppress(FileNotFoundError):
            for entry in list(os.scandir(self.root / _GONE)):
                shutil.rmtree(entry.path, ignore_errors=True)
