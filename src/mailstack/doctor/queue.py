"""Queue: does mail leave, or does it wait?"""

import json
import time
from collections.abc import Mapping
from typing import Any

from mailstack.aio import command
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding


async def queue(context: Context) -> Found:
    """Ask Postfix how many messages wait, and for how long the oldest one has."""
    conf = context.state / "conf" / "postfix" / "current"
    if context.pod and not conf.exists():
        fix = context.inside("postfix", "mailstack doctor --only queue")
        return [Finding("unknown", "queue", "not asked: it is in Postfix's pod", fix=fix)]
    try:
        done = await command.run(["postqueue", "-c", str(conf), "-j"], timeout_s=20)
    except FileNotFoundError as error:
        return [Finding("unknown", "queue", f"could not ask: {error}")]
    if done.status:
        return [Finding("unknown", "queue", f"could not ask: {done.output.strip()[:200]}")]
    waiting = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    return [judge(waiting, time.time(), context)]


def judge(waiting: list[Mapping[str, Any]], now: float, context: Context) -> Finding:
    """Say whether the oldest message is too old."""
    if not waiting:
        return Finding("ok", "queue", "empty")
    oldest = min(waiting, key=lambda message: int(message["arrival_time"]))
    hours = (now - oldest["arrival_time"]) / 3600
    what = f"{len(waiting)} wait, the oldest for {hours:.1f} h in {oldest['queue_name']}"
    if hours < context.settings.doctor.queue_hours:
        return Finding("ok", "queue", what)
    reasons = [r.get("delay_reason", "") for r in oldest["recipients"]]
    because = next(filter(None, reasons), "no reason given")
    return Finding(
        "warning",
        "queue",
        f"{what}: {because[:200]}",
        "it goes back to its sender after five days",
        f"mend that, then {context.queue_command} -i {oldest['queue_id']}",
    )
