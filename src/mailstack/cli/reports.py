"""What ``mailstack reports`` reads and starts: what is kept of reports we send, and passes over it.

Reports of DMARC are the content filter's, those of TLS Postfix's; in a cluster each has its own
container, and a command in one of them sees what is there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from mailstack.cli.invocation import Invocation
from mailstack.errors import MailstackError, ServiceFailed
from mailstack.reports import kept
from mailstack.reports.tls import kept as tls_kept

SERVICE: Final = "contentfilter"
"""Whose folder and passes are those of DMARC."""
ADVICE: Final = "run it as root where the content filter or Postfix runs, after 'mailstack up'"
_TIMEOUT_S: Final = 3600.0

Sent: TypeAlias = kept.Sent | tls_kept.Sent


@dataclass(frozen=True, slots=True)
class Kind:
    """Reports of one kind."""

    name: str
    service: str
    folder: str
    """Below the service's data."""
    config: str
    module: str
    load: Callable[[Path], Sequence[Sent]]


KINDS: Final = (
    Kind(
        "dmarc",
        SERVICE,
        "usage/reports",
        "reports.json",
        "mailstack.reports",
        lambda folder: kept.load(folder).sent,
    ),
    Kind(
        "tls",
        "postfix",
        "spool/tlsrpt/reports",
        "tls-reports.json",
        "mailstack.reports.tls",
        lambda folder: tls_kept.load(folder).sent,
    ),
)


def sent(invocation: Invocation, domain: str) -> list[tuple[str, Sent]]:
    """What became of the last reports, the newest last, with their kinds; of one domain, or all.

    Raises:
        MailstackError: it cannot be read.
    """
    data = invocation.state / "data"
    places = [(kind, data / kind.service / kind.folder) for kind in KINDS]
    try:
        here = [(kind, folder) for kind, folder in places if folder.is_dir()]
        found = [(kind.name, one) for kind, folder in here for one in kind.load(folder)]
    except (OSError, ValueError) as error:
        raise MailstackError(f"what was sent cannot be read: {error}", advice=ADVICE) from error
    if not here:
        raise MailstackError(f"there is no {places[0][1]}", advice=ADVICE)
    wanted = [(kind, one) for kind, one in found if domain in ("", one.domain)]
    return sorted(wanted, key=lambda pair: pair[1].at)


def sent_fields(kind: str, one: Sent) -> dict[str, Any]:
    """For ``--json``: times are ISO 8601."""
    times = {name: iso(getattr(one, name)) for name in ("at", "begin", "end")}
    return {"kind": kind, **asdict(one), **times}


def sent_row(kind: str, one: Sent) -> tuple[str, ...]:
    """For a table."""
    counted = one.messages if isinstance(one, kept.Sent) else one.sessions
    return (iso(one.at), kind, one.domain, one.to, str(counted), one.outcome, one.identity)


def iso(moment: int) -> str:
    """A Unix time as people and programs read it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def send_now(invocation: Invocation) -> tuple[list[str], bool]:
    """Start passes that send what there is so far; what they did, and whether something waits.

    Raises:
        MailstackError: they cannot be started, or failed.
    """
    conf = invocation.state / "conf"
    configs = [(kind.module, conf / kind.service / "current" / kind.config) for kind in KINDS]
    here = [(module, config) for module, config in configs if os.access(config, os.R_OK)]
    if not here:
        raise MailstackError(f"{configs[0][1]} cannot be read", advice=ADVICE)
    done = [_pass(module, config) for module, config in here]
    return [line for said, _ in done for line in said], any(waiting for _, waiting in done)


def _pass(module: str, config: Path) -> tuple[list[str], bool]:
    argv = (sys.executable, "-m", module, "--config", str(config), "--now")
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
