"""One pass over domains: make the keys that are lacking, and move on those that may.

Everything is written back with the revision that was read, so a pass that loses a race does
nothing, and the next one sees what is there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailstack.client import Client
from mailstack.dkim import rotation
from mailstack.dkim.census import Census
from mailstack.dkim.keys import make, opens
from mailstack.dkim.master import MASTER
from mailstack.dkim.rotation import Rules
from mailstack.dkim.world import World
from mailstack.errors import DocumentMissing, MailstackError, RevisionConflict
from mailstack.model.dkim import Dkim, DkimKey
from mailstack.outcome import Found, NotFound, Unavailable

_PAGE = "500"
_FIRST = timedelta(hours=1)
"""So long the record of a key that signs from its beginning is sent, should the first time fail."""
Step = Callable[[str, datetime], Awaitable[bool]]
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Keeper:
    """Keeps the keys in ``client``'s datastore by ``rules``."""

    client: Client
    world: World
    rules: Rules
    master: bytes = field(repr=False)
    failures: dict[str, str] = field(default_factory=dict)
    """Domain → why its name servers could not be asked, or did not do what they should."""
    lost: set[str] = field(default_factory=set)
    """Domains with keys that cannot be opened."""

    async def keep(self, domains: Iterable[str], step: Step) -> list[str]:
        """Do ``step`` for each domain; return those to look at again soon."""
        busy = []
        for domain in domains:
            try:
                again = await step(domain, datetime.now(UTC))
            except DocumentMissing:
                continue  # the domain went away meanwhile
            except RevisionConflict:
                again = True
            except MailstackError as error:
                _log.warning("keys of %s: %s", domain, error)
                self.failures[domain] = str(error)
                again = True
            if again:
                busy.append(domain)
        return busy

    def all_domains(self) -> Iterator[str]:
        """Every domain there is, page by page."""
        after = ""
        while True:
            query = {"limit": _PAGE, "after": after}
            found = self.client.call("GET", "domains", query=query).fields
            yield from (item["name"] for item in found["items"])
            if not found["next"]:
                return
            after = found["next"]

    def census(self) -> Census:
        """Count the keys of every domain."""
        found, after = Census(), ""
        while True:
            page = self.client.call("GET", "dkim", query={"limit": _PAGE, "after": after}).fields
            for one in page["items"]:
                found.count(one["domain"], one["items"])
            if not page["next"]:
                return found
            after = page["next"]

    async def see_to(self, domain: str, now: datetime) -> bool:
        """Do what is due for one domain; return whether more is due soon.

        Raises:
            MailstackError: the datastore or the name server does not do its part.
        """
        await self.make(domain, now)
        before, revision = self._read(domain)
        document = await self._published(before, now)
        document = await self._switched(document, now)
        document = await self._without_old(document, now)
        self._write(document, before, revision)
        return rotation.is_busy(document)

    async def make(self, domain: str, now: datetime) -> bool:
        """Make the keys that are lacking, and nothing else; return whether more is due."""
        before, revision = self._read(domain)
        document = self._with_new_keys(rotation.in_time(before, now), now)
        self._write(document, before, revision)
        return document.keys != before.keys or rotation.is_busy(document)

    def _read(self, domain: str) -> tuple[Dkim, str]:
        found = self.client.call("GET", "domains", domain, "dkim", query={"sealed": "true"}).fields
        keys = [_key(item) for item in found["items"]]
        fields = {"domain": domain, "keys": keys, "wanted": found["wanted"]}
        return Dkim.model_validate(fields), found["revision"]

    def _write(self, document: Dkim, before: Dkim, revision: str) -> None:
        if document == before:
            return
        condition = {"if-match": f'"{revision}"'} if revision else {"if-none-match": "*"}
        fields = document.model_dump(mode="json")
        self.client.call(
            "PUT", "domains", document.domain, "dkim", document=fields, headers=condition
        )
        old = {(key.selector, key.state) for key in before.keys}
        for key in document.keys:
            if (key.selector, key.state) not in old:
                _log.info("%s: key %s is %s", document.domain, key.selector, key.state)

    def _with_new_keys(self, document: Dkim, now: datetime) -> Dkim:
        made: list[DkimKey] = []
        lost = self._lost(document)
        document = rotation.without_lost(document, lost)
        for algorithm, state in rotation.lacking(document, self.rules, now, lost):
            taken = [key.selector for key in (*document.keys, *made)]
            made.append(
                make(
                    self.master, document.domain, algorithm,
                    prefix=self.rules.prefix, taken=taken, now=now, state=state,
                )
            )  # fmt: skip
        return rotation.added(document, made) if made or document.wanted else document

    def _lost(self, document: Dkim) -> list[str]:
        """Selectors of keys that sign or are to sign, and were sealed under another master key."""
        used = [key for key in document.keys if key.state in {"made", "published", "signing"}]
        lost = [key.selector for key in used if not opens(self.master, document.domain, key)]
        if lost:
            self.lost.add(document.domain)
            _log.warning(
                "%s: %s cannot be opened, since %s is another one than it was; "
                "the stack's key signs until new ones are seen in DNS",
                document.domain,
                ", ".join(lost),
                MASTER,
            )
        return lost

    async def _published(self, document: Dkim, now: datetime) -> Dkim:
        """Send records; those of a first key too, which signs already."""
        fresh = [
            key
            for key in document.keys
            if key.state == "made" or (key.state == "signing" and rotation.age(key, now) < _FIRST)
        ]
        if not fresh or not await self.world.publish(document.domain, fresh):
            return document
        return rotation.published(document, [key.selector for key in fresh], now)

    async def _switched(self, document: Dkim, now: datetime) -> Dkim:
        keys = rotation.waiting(document)
        answers = await asyncio.gather(*(self._is_seen(document.domain, key) for key in keys))
        seen = [key.selector for key, is_seen in zip(keys, answers, strict=True) if is_seen]
        return rotation.switched(document, seen, now) if seen else document

    async def _is_seen(self, domain: str, key: DkimKey) -> bool:
        match await self.world.seen(domain, key):
            case Found():
                return True
            case NotFound():
                _log.info("%s: not every name server has %s yet", domain, key.selector)
            case Unavailable(reason):
                _log.info("%s: cannot tell who has %s: %s", domain, key.selector, reason)
                self.failures[domain] = f"cannot tell who has {key.selector}: {reason}"
        return False

    async def _without_old(self, document: Dkim, now: datetime) -> Dkim:
        going = rotation.leaving(document, self.rules, now)
        if not going:
            return document
        await self.world.withdraw(document.domain, going)
        return rotation.retired(document, [key.selector for key in going], now)


def _key(item: dict[str, Any]) -> DkimKey:
    names = ("selector", "algorithm", "public", "state", "since")
    return DkimKey(**{name: item[name] for name in names}, private=item["sealed"])
