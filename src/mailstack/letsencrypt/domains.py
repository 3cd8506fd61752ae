"""Which domains there are, from couchmail, and whenever that changes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Never

from mailstack.aio.backoff import Backoff
from mailstack.errors import MailstackError
from mailstack.feed import Page, Reader, follow

_LONGEST_S: Final = 30.0

_log = logging.getLogger(__name__)


async def watch(reader: Reader, tell: Callable[[Sequence[str]], None]) -> Never:
    """Call ``tell`` with the domains now, and after each change. Those of one page (500) at most.

    While couchmail does not answer nothing is told: that is no word about any domain.
    """
    page = await _page(reader)
    tell(_names(page))
    async for batch in follow(reader, page.position):
        if batch.fresh or any(one.kind == "domain" for one in batch.changes):
            tell(_names(await _page(reader)))
    raise AssertionError("unreachable: the feed has no end")


async def _page(reader: Reader) -> Page:
    backoff = Backoff(first_s=0.2, limit_s=_LONGEST_S)
    while True:
        try:
            return await reader.page("domains")
        except MailstackError as error:
            if backoff.failures == 0:
                _log.warning("cannot tell which domains there are: %s", error)
            await asyncio.sleep(backoff.next_s())


def _names(page: Page) -> list[str]:
    return [str(one["name"]) for one in page.items if one.get("enabled", True)]
