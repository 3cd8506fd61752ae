"""Datastore: does it answer, and is there a copy of it that is not old?"""

import asyncio
import time
from pathlib import Path

from mailstack.doctor.context import Context, Found
from mailstack.errors import MailstackError
from mailstack.findings import Finding


async def datastore(context: Context) -> Found:
    """Ask couchmail for a document that is always there, and look for the last copy."""
    try:
        await asyncio.to_thread(context.api.call, "GET", "domains", context.settings.domain)
        answers = Finding("ok", "datastore", f"answers, and knows {context.settings.domain}")
    except MailstackError as error:
        answers = Finding(
            "failure",
            "datastore",
            f"does not answer: {error}",
            "incoming mail is deferred",
            context.log("couchmail"),
        )
    return [answers, await asyncio.to_thread(_copy, context)]


def _copy(context: Context) -> Finding:
    if context.pod:
        what = "not asked: the copies are on the volume of the job backup"
        fix = f"kubectl -n {context.settings.project} get cronjob backup tells its last success"
        return Finding("unknown", "backup", what, fix=fix)
    folder = context.state / "data" / "backup" / "copies"
    times = [_modified(file) for file in folder.glob("mailstack-*.jsonl.gz")]
    most = context.settings.doctor.backup_hours
    hours = (time.time() - max(times)) / 3600 if times else None
    if hours is not None and hours < most:
        return Finding("ok", "backup", f"the last copy is {hours:.0f} h old")
    what = "there is no copy" if hours is None else f"the last copy is {hours:.0f} h old"
    meaning = "accounts made since are lost with the disk"
    return Finding("warning", "backup", what, meaning, "run mailstack backup each night")


def _modified(file: Path) -> float:
    return file.stat().st_mtime
