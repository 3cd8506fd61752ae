"""Watches, beside OpenDKIM, for what is to be done about keys, and has it done.

A task in the agent, which is there anyway: it waits for couchmail's feed and the clock, and starts
``python -m mailstack.dkim`` for each pass. The keys themselves are never in this process.

There are two lanes. What the feed names gets its keys at once; the other lane asks DNS, which may
take its time, and no new domain waits for that.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Never

from mailstack.errors import MailstackError
from mailstack.feed import Changed, Reader, follow
from mailstack.program.passes import run_pass
from mailstack.topology.model import Endpoint

SOON_S: Final = 30.0
"""Between two looks at a domain whose new key is not seen everywhere yet."""
EVERY_S: Final = 3600.0
"""Between two looks at all domains: whose key is old, whose old key may go."""
RETRY_S: Final = 1.0
_PASS_S: Final = 24 * 3600.0
"""The longest pass: a hundred thousand new domains, one key after the other."""


@dataclass(slots=True)
class _Lane:
    """Domains that wait for a pass; ``everything`` stands for all there are."""

    domains: set[str] = field(default_factory=set)
    everything: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, domains: Iterable[str], *, everything: bool = False) -> None:
        self.domains |= set(domains)
        self.everything |= everything
        if self.domains or self.everything:
            self.wake.set()

    async def take(self) -> list[str]:
        """Wait for work; an empty list is everything."""
        await self.wake.wait()
        found = [] if self.everything else sorted(self.domains)
        self.domains, self.everything = set(), False
        self.wake.clear()
        return found


class Attendant:
    """Of one stack's keys.

    Args:
        config: the file that is rendered for ``python -m mailstack.dkim``.
        api: where couchmail's API is.
        token: opens it.
        say: takes a line for the service's log.
        tell: takes numbers of all keys, and a line for the owner or none, when they are known anew.
    """

    def __init__(
        self,
        config: Path,
        api: Endpoint,
        token: str,
        say: Callable[[str], None],
        tell: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._config = config
        self._tell = tell
        self._troubled: set[str] = set()
        self._reader = Reader(api, token)
        self._say = say
        self._new = _Lane()
        self._moving = _Lane()

    async def run(self) -> Never:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._look_at_all())
            tasks.create_task(self._make())
            tasks.create_task(self._move_on())
        raise AssertionError("unreachable: none of the tasks ends")

    async def _follow(self) -> Never:
        """Take what changes from now on; what there is already is seen to as a whole."""
        async for batch in follow(self._reader, await self._position()):
            if batch.fresh:
                self._new.add((), everything=True)
            self._new.add(_names(batch.changes))
        raise AssertionError("unreachable: the feed has no end")

    async def _position(self) -> int:
        while True:
            try:
                position = (await self._reader.page("dkim")).position
            except MailstackError:
                await asyncio.sleep(RETRY_S)
            else:
                self._new.add((), everything=True)
                return position

    async def _look_at_all(self) -> Never:
        while True:
            await asyncio.sleep(EVERY_S)
            self._moving.add((), everything=True)

    async def _make(self) -> Never:
        while True:
            domains = await self._new.take()
            busy = await self._pass(domains, "--make")
            if busy is None:
                asyncio.get_running_loop().call_later(RETRY_S, self._again, self._new, domains)
            else:
                self._moving.add(busy)

    async def _move_on(self) -> Never:
        while True:
            domains = await self._moving.take()
            busy = await self._pass(domains)
            if busy is None or busy:
                again = domains if busy is None else busy
                asyncio.get_running_loop().call_later(SOON_S, self._again, self._moving, again)

    def _again(self, lane: _Lane, domains: list[str]) -> None:
        lane.add(domains, everything=not domains)

    async def _pass(self, domains: list[str], *options: str) -> list[str] | None:
        """Start a pass; return who is to be looked at again, or None when it failed."""
        arguments = ("--config", str(self._config), *options)
        names = "\n".join(domains).encode()
        try:
            done = await run_pass("mailstack.dkim", *arguments, timeout_s=_PASS_S, stdin=names)
        except (OSError, TimeoutError) as error:
            self._say(f"dkim: the keys could not be looked at: {error!r}")
            return None
        for line in done.for_the_log:
            self._say(line)
        if done.status != 0:
            return None
        found = json.loads(done.last)
        if "numbers" in found:
            self._know(domains, found)
        return list(found["busy"])

    def _know(self, domains: list[str], found: dict[str, Any]) -> None:
        """Take what is known of all keys, unless the pass has left out domains with trouble."""
        if domains and not self._troubled <= set(domains):
            return
        self._troubled = set(found["troubled"])
        self._tell(found["numbers"], found["remark"])


def _names(changes: Iterable[Changed]) -> set[str]:
    """Domains that something is to be done for: keys that are gone are made anew."""
    return {
        one.name
        for one in changes
        if one.kind == "dkim" or (one.kind == "domain" and not one.removed)
    }
