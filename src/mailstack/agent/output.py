"""What a service prints, and what the agent says about it: passed on, the last lines kept.

The lines before a death are its most likely reason, so they are quoted in it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

KEPT: Final = 3
"""Lines of a dead daemon that are quoted: a fatal error, and what led to it."""
REMARK: Final = "mailstack: "
"""How a remark of the agent begins, between the daemon's own lines."""
_MAX_QUOTED: Final = 300
"""Characters of each; a person reads the reason as one line."""


@dataclass(slots=True)
class Output:
    """Of one service."""

    pass_on: Callable[[str], None]
    overhear: Callable[[str], None] | None = None
    """Is told each line of the daemon's, too."""
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))

    def hear(self, line: str) -> None:
        """Take a line that one of its processes printed."""
        if line.strip():
            self._recent.append(line.strip()[:_MAX_QUOTED])
        self.pass_on(line)
        if self.overhear is not None:
            self.overhear(line)

    def say(self, remark: str) -> None:
        """Take a remark of the agent's own."""
        self.pass_on(f"{REMARK}{remark}")

    def last_words(self) -> str:
        """Return the last lines as one, and forget them."""
        words = " / ".join(self._recent)
        self._recent.clear()
        return words
