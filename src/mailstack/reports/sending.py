"""Sends the reports that are made: to whom, by the stack's own Postfix, and what becomes of each.

The envelope has no sender, as with every automatic message: what cannot be delivered comes back
to nobody, and no two servers can write each other for ever. DKIM proves whose it is.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import dns.exception

from mailstack.identity.lookups import Lookups
from mailstack.reports import aggregate, letter
from mailstack.reports.config import Config
from mailstack.reports.destinations import Destination, Dns, agreed, destinations
from mailstack.reports.kept import Kept, Report, Sent
from mailstack.reports.posting import Post, hand_over
from mailstack.reports.settling import settle

GIVE_UP_S: Final = 3 * 86_400
"""After the end of what a report is about."""


class World:
    """The DNS, as ``destinations`` asks it."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def organizational(self, domain: str) -> str:
        return self._lookups.organizational(domain)

    def texts(self, name: str) -> Iterator[str]:
        for strings in self._lookups.resolver.records(name, "TXT"):
            yield b"".join(strings).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends for one stack. ``save`` is called after each step that must not be done twice."""

    config: Config
    world: Dns
    post: Post
    save: Callable[[], None]
    clock: Callable[[], float] = time.time

    def send(self, kept: Kept) -> None:
        """Send what waits; what can neither be sent nor given up yet goes on waiting."""
        for report in list(kept.waiting):
            if self._settle(report, kept):
                kept.waiting.remove(report)
                self.save()

    def _settle(self, report: Report, kept: Kept) -> bool:
        """Whether nothing is left to do."""
        wanted = {one.address: one for one in destinations(report.published.rua)}

        def note(to: str, outcome: str) -> None:
            kept.sent.append(self._note(report, to, outcome))
            self.save()

        if not wanted:
            note("", "not sent: its rua has no address of mail")
        late = self.clock() > report.end + GIVE_UP_S
        given_up = "given up: neither Postfix nor the DNS answered for days" if late else ""
        deliver = partial(self._deliver, report)
        return settle(report.done, wanted, deliver, note, given_up=given_up)

    def _deliver(self, report: Report, wanted: Destination) -> tuple[str, str]:
        """The address, and what became of it; nothing yet if that is empty."""
        try:
            where = agreed(report.published.domain, wanted, self.world)
        except (dns.exception.DNSException, OSError):
            return wanted.address, ""
        if where is None:
            return wanted.address, f"not sent: {wanted.domain} has not agreed to get it"
        message = self._message(report, where.address)
        if where.max_octets is not None and len(message) > where.max_octets:
            return where.address, f"not sent: {len(message)} octets are more than it takes"
        return where.address, hand_over(self.post, where.address, message)

    def _message(self, report: Report, to: str) -> bytes:
        by = letter.Submitter(self.config.domain, self.config.hostname)
        document = aggregate.write(report, by.domain, by.address)
        return letter.write(report, document, by, to, self.clock())

    def _note(self, report: Report, to: str, outcome: str) -> Sent:
        return Sent(
            at=int(self.clock()),
            domain=report.published.domain,
            identity=report.identity,
            begin=report.begin,
            end=report.end,
            messages=report.rows.total(),
            to=to,
            outcome=outcome,
        )
