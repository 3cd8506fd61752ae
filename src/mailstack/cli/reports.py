"""What ``mailstack reports`` reads and starts: the folder of reports, and a pass over it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mailstack.cli.invocation import Invocation
from mailstack.errors import MailstackError, ServiceFailed
from mailstack.reports import kept

SERVICE: Final = "contentfilter"
ADVICE: Final = "run it as root where the content filter runs, after 'mailstack up'"
_TIMEOUT_S: Final = 3600.0


def folder(invocation: Invocation) -> Path:
    """Where all that is kept of reports lies.

    Raises:
        MailstackError: not here, or not for this account.
    """
    found = invocation.state / "data" / SERVICE / "usage" / "reports"
    try:
        next(found.iterdir(), None)
    except PermissionError as error:
        raise MailstackError(f"{found} may not be read", advice=ADVICE) from error
    except OSError as error:
        raise MailstackError(f"there is no {found}", advice=ADVICE) from error
    return found


def sent(invocation: Invocation, domain: str) -> list[kept.Sent]:
    """What became of the last reports, the newest last; of one domain, or of all.

    Raises:
        MailstackError: it cannot be read.
    """
    try:
        found = kept.load(folder(invocation)).sent
    except (OSError, ValueError) as error:
        raise MailstackError(f"what was sent cannot be read: {error}", advice=ADVICE) from error
    return [one for one in found if domain in ("", one.domain)]


def sent_fields(one: kept.Sent) -> dict[str, Any]:
    """For ``--json``: times are ISO 8601."""
    times = {name: iso(getattr(one, name)) for name in ("at", "begin", "end")}
    return {**asdict(one), **times}


def iso(moment: int) -> str:
    """A Unix time as people and programs read it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def send_now(invocation: Invocation) -> tuple[list[str], bool]:
    """Start a pass that sends what there is so far; what it did, and whether something waits.

    Raises:
        MailstackError: it cannot be started, or failed.
    """
    config = invocation.state / "conf" / SERVICE / "current" / "reports.json"
    if not os.access(config, os.R_OK):
        raise MailstackError(f"{config} cannot be read", advice=ADVICE)
    argv = (sys.executable, "-m", "mailstack.reports", "--config", str(config), "--now")
    environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceFailed("the reports are not sent within an hour") from error
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise ServiceFailed(words[-1], advice=ADVICE)
    *said, last = done.stdout.splitlines()
    return said, bool(json.loads(last)["waiting"])
