"""Patience with the services that the trainer needs: they restart, and the night is long."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from mailstack.aio.backoff import Backoff
from mailstack.aio.clock import Clock, SystemClock
from mailstack.errors import ProtocolError

PATIENCE_S: Final = 900.0
"""With one service that does not answer; then the user's run is left open, to be resumed."""
TRIES: Final = 3
"""With one message, while the service it is meant for answers others."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Unreachable(Exception):
    """A service did not answer for a long time; the text says which, and why."""


class MessageBroken(Exception):
    """One message cannot be dealt with, though everything else can."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long is waited for anything."""

    patience_s: float = PATIENCE_S
    clock: Clock = field(default_factory=SystemClock)

    async def until_answered(
        self,
        what: str,
        ask: Callable[[], Awaitable[T]],
        *,
        is_there: Callable[[], Awaitable[bool]] | None = None,
    ) -> T:
        """Ask again and again, with growing pauses.

        ``is_there`` tells whether the service answers at all, so that one message which it cannot
        take does not look like a service that is down.

        Raises:
            Unreachable: no answer within the patience.
            MessageBroken: the service is there, and failed at this question every time.
        """
        backoff, failures = Backoff(first_s=0.2, limit_s=15.0), 0
        give_up_at = self.clock.now() + self.patience_s
        while True:
            try:
                return await ask()
            except (OSError, ProtocolError) as error:
                failures += is_there is not None and await is_there()
                if failures >= TRIES:
                    raise MessageBroken(f"{what}: {error!r}") from error
                if self.clock.now() >= give_up_at:
                    raise Unreachable(f"{what} does not answer: {error!r}") from error
                if backoff.failures == 0:
                    _log.warning("%s does not answer (%r); waiting", what, error)
                await self.clock.sleep(backoff.next_s())
