"""Sends the reports about TLS that are made, and notes what became of each.

By mail through the stack's own Postfix, which has them signed, with an empty envelope: what cannot
be delivered comes back to nobody. Or by HTTPS.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from mailstack.reports.letter import Submitter
from mailstack.reports.posting import Post, hand_over
from mailstack.reports.settling import settle
from mailstack.reports.tls import document, letter
from mailstack.reports.tls.destinations import Destination, destinations
from mailstack.reports.tls.kept import Kept, Report, Sent

GIVE_UP_S: Final = 36 * 3600
"""After the end of what a report is about: it may go out some hours late, and RFC 8460 5.5 has it
tried again for a day."""
MAX_OCTETS: Final = 10 * 1024**2
"""Of a packed report: what most servers take."""
Upload = Callable[[Destination, bytes], str]
"""Returns "sent", or why it never will be; empty or OSError: not now."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends for one stack. ``save`` is called after each step that must not be done twice."""

    by: Submitter
    post: Post
    upload: Upload
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
        wanted = {one.place: one for one in destinations(report.tally.record)}

        def note(to: str, outcome: str) -> None:
            kept.sent.append(self._note(report, to, outcome))
            self.save()

        if not wanted:
            note("", "not sent: its record names no place")
        late = self.clock() > report.end + GIVE_UP_S
        given_up = "given up: nobody has taken it for a day" if late else ""
        deliver = partial(self._deliver, report)
        return settle(report.done, wanted, deliver, note, given_up=given_up)

    def _deliver(self, report: Report, where: Destination) -> tuple[str, str]:
        """The place, and what became of it; nothing yet if that is empty."""
        packed = document.pack(document.write(report, self.by))
        if len(packed) > MAX_OCTETS:
            return where.place, f"not sent: {len(packed)} octets are too many"
        if where.by == "https":
            with suppress(OSError):
                return where.place, self.upload(where, packed)
            return where.place, ""
        message = letter.write(report, packed, self.by, where.place, self.clock())
        return where.place, hand_over(self.post, where.place, message)

    def _note(self, report: Report, to: str, outcome: str) -> Sent:
        return Sent(
            at=int(self.clock()),
            domain=report.domain,
            identity=report.identity,
            begin=report.begin,
            end=report.end,
            sessions=report.tally.sessions,
            to=to,
            outcome=outcome,
        )
