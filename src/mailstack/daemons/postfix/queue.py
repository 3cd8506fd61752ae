"""How much mail waits in the queue, and since when: looked at by Postfix's agent, for Prometheus.

postqueue(1) tells it, one JSON object a line, which is read as it comes: a queue may be long. After
a look that took its time the pause is longer, so that looking never costs more than a little.
"""

import asyncio
import json
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Never

from mailstack.aio.command import MINIMAL_ENVIRONMENT
from mailstack.aio.files import replace_text
from mailstack.daemons.contract import Site
from mailstack.observe.health_numbers import families

NUMBERS: Final = "queue.prom"
"""In STATE/run, beside the supervisor's own, for node_exporter's textfile collector."""
EVERY_S: Final = 60.0
"""Between two looks, at least."""
_PAUSES: Final = 20
"""How much longer than a look the pause after it is."""
_LOOK_S: Final = 120.0
_LINE_OCTETS: Final = 4 * 1024**2
"""Of one message: it names each recipient that waits, with the reason."""


@dataclass(slots=True)
class Waiting:
    """What is in the queue."""

    messages: int = 0
    deferred: int = 0
    """Of them: could not be delivered yet, and are tried again later."""
    oldest: int = 0
    """When the oldest one arrived, as a Unix time; 0: nothing waits."""

    def count(self, line: bytes) -> None:
        """Count one message, as ``postqueue -j`` prints it.

        Raises:
            ValueError: it is no such line.
        """
        message = json.loads(line)
        try:
            arrived, deferred = int(message["arrival_time"]), message["queue_name"] == "deferred"
        except (KeyError, TypeError) as error:
            raise ValueError(f"postqueue printed {line[:100]!r}") from error
        self.messages += 1
        self.deferred += deferred
        self.oldest = min(self.oldest or arrived, arrived)

    def numbers(self, service: str) -> str:
        """Return the text format."""
        series = {
            ("mailstack_queue_messages", "gauge", "Messages in the queue"): self.messages,
            (
                "mailstack_queue_deferred_messages",
                "gauge",
                "Those that could not be delivered yet",
            ): self.deferred,
            (
                "mailstack_queue_oldest_seconds",
                "gauge",
                "When the oldest message arrived, in seconds of the epoch; 0: nothing waits",
            ): self.oldest,
        }
        return families({head: {service: value} for head, value in series.items()})


async def watch(site: Site, say: Callable[[str], None]) -> Never:
    """Look until cancelled; what goes wrong is said when it begins to."""
    file, told = site.paths.run.parent / NUMBERS, ""
    while True:
        begun, trouble = time.monotonic(), ""
        try:
            waiting = await look(site)
            replace_text(file, waiting.numbers(site.paths.service))
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            trouble = f"the queue cannot be counted: {str(error) or 'not in time'}"
            if trouble != told:
                say(trouble)
        told = trouble
        await asyncio.sleep(max(EVERY_S, _PAUSES * (time.monotonic() - begun)))


async def look(site: Site) -> Waiting:
    """Count what waits now.

    Raises:
        OSError: postqueue cannot be run, fails, or takes too long.
        ValueError: it printed something else than messages.
    """
    process = await asyncio.create_subprocess_exec(
        *("postqueue", "-c", str(site.paths.conf), "-j"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        env=MINIMAL_ENVIRONMENT,
        limit=_LINE_OCTETS,
    )
    assert process.stdout is not None  # noqa: S101 - it was asked for
    try:
        async with asyncio.timeout(_LOOK_S):
            waiting = await _count(process.stdout)
            status = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if status:
        raise OSError(f"postqueue exited with status {status}")
    return waiting


async def _count(lines: AsyncIterable[bytes]) -> Waiting:
    waiting = Waiting()
    async for line in lines:
        waiting.count(line)
    return waiting
