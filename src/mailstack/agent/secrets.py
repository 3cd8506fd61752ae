"""The stack's own secrets, made once and never overwritten: ``STATE/secure``.

The folder lets everybody pass and nobody list (0711); each file is 0600 and belongs to the account
that reads it. Keys are made by a short-lived process of its own (``keys.py``): cryptography would
stay in the memory of a process that lives for months.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailstack.aio import command
from mailstack.aio.files import replace_text
from mailstack.dkim.master import MASTER, new_master
from mailstack.errors import ServiceFailed
from mailstack.settings import Settings

PASSABLE: Final = 0o711
PRIVATE: Final = 0o600
DKIM: Final = "dkim.private"
CERTIFICATE: Final = "tls/fullchain.pem"
TLS_KEY: Final = "tls/privkey.pem"
TOKEN: Final = "api.token"  # noqa: S105 - the name of its file
IMAP_MASTER: Final = "imap.master"
"""The trainer's password for every mailbox; Dovecot is given its digest."""
_TIMEOUT_S: Final = 60.0
"""For two keys; an RSA key takes 0.1 s, on a small busy machine some seconds."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Numbers of the accounts that read a secret; 0 is root, who reads for the daemon."""

    dkim: int = 0
    token: int = 0


async def ensure(folder: Path, settings: Settings, owners: Owners) -> None:
    """Make what is missing in ``folder``; leave alone what is there, but for its owner.

    Raises:
        ServiceFailed: keys could not be made.
    """
    await make_missing(folder, settings)
    # each time, not only when made: a package that is installed anew may bring another number
    for name in (DKIM, MASTER):
        os.chown(folder / name, owners.dkim, -1)
    os.chown(folder / TOKEN, owners.token, -1)


async def make_missing(folder: Path, settings: Settings) -> None:
    """Make what is missing in ``folder``, owned by whoever we are; leave alone what is there.

    Raises:
        ServiceFailed: keys could not be made.
    """
    for made in (folder, folder / "tls"):
        made.mkdir(parents=True, exist_ok=True)
        made.chmod(PASSABLE)
    for name in (TOKEN, IMAP_MASTER):
        if not (folder / name).exists():
            text = secrets.token_urlsafe(32) + "\n"
            replace_text(folder / name, text, mode=PRIVATE, durable=True)
    if not (folder / MASTER).exists():
        replace_text(folder / MASTER, new_master(), mode=PRIVATE, durable=True)
    wanted = _missing_keys(folder)
    if wanted:
        await _make_keys(folder, wanted, settings)


def _missing_keys(folder: Path) -> list[str]:
    """Return the kinds of key to make.

    A certificate without its key, or the reverse, is kept: that is the owner's work in progress,
    and the daemons' checkers will say what is wrong.
    """
    missing = [] if (folder / DKIM).exists() else ["dkim"]
    if not (folder / CERTIFICATE).exists() and not (folder / TLS_KEY).exists():
        missing.append("tls")
    return missing


async def _make_keys(folder: Path, kinds: list[str], settings: Settings) -> None:
    names = [settings.hostname, settings.domain]
    argv = [sys.executable, "-m", "mailstack.agent.keys", str(folder), ",".join(kinds), *names]
    finished = await command.run(argv, timeout_s=_TIMEOUT_S, env=_import_path())
    if finished.status != 0:
        last = finished.output.strip().rpartition("\n")[2]
        raise ServiceFailed(f"the keys in {folder} could not be made: {last}")


def _import_path() -> Mapping[str, str]:
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
