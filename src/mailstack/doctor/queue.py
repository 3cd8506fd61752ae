"""Queue: does mail leave, or does it wait?"""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from mailstack.aio import command
from mailstack.doctor import agents
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding

_MESSAGES: Final = "mailstack_queue_messages"
_OLDEST: Final = "mailstack_queue_oldest_seconds"
_GOES_BACK: Final = "it goes back to its sender after five days"


async def queue(context: Context) -> Found:
    """Ask Postfix how many messages wait, and for how long the oldest one has."""
    conf = context.state / "conf" / "postfix" / "current"
    if context.pod and not conf.exists():
        return [await _told_by_the_agent(context)]
    try:
        done = await command.run(["postqueue", "-c", str(conf), "-j"], timeout_s=20)
    except FileNotFoundError as error:
        return [Finding("unknown", "queue", f"could not ask: {error}")]
    if done.status:
        return [Finding("unknown", "queue", f"could not ask: {done.output.strip()[:200]}")]
    waiting = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    return [judge(waiting, time.time(), context)]


async def _told_by_the_agent(context: Context) -> Finding:
    """From another pod: by the numbers that Postfix's agent has. Of several pods, one is asked."""
    fix = context.inside("postfix", "mailstack doctor --only queue")
    try:
        told = await agents.numbers_of("postfix")
        return judge_numbers(int(told[_MESSAGES]), told[_OLDEST], time.time(), context)
    except (OSError, KeyError) as error:
        why = f"no number {error} yet" if isinstance(error, KeyError) else str(error) or "too slow"
        return Finding("unknown", "queue", f"could not ask Postfix's agent: {why}", fix=fix)


def judge_numbers(messages: int, oldest: float, now: float, context: Context) -> Finding:
    """Say whether the oldest of ``messages`` is too old; it arrived at ``oldest``."""
    if not messages:
        return Finding("ok", "queue", "empty")
    hours = (now - oldest) / 3600
    what = f"{messages} wait, the oldest for {hours:.1f} h"
    if hours < context.settings.doctor.queue_hours:
        return Finding("ok", "queue", what)
    why = context.inside("postfix", "mailstack doctor --only queue")
    return Finding("warning", "queue", what, _GOES_BACK, f"{why} tells the reason")


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
        _GOES_BACK,
        f"mend that, then {context.queue_command} -i {oldest['queue_id']}",
    )
