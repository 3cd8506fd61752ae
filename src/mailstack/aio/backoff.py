"""How long to wait before the next try: exponential, with jitter, bounded.

The jitter keeps services that died together from hammering what killed them in step.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Delays of one thing that fails again and again. ``reset`` once it has been well."""

    first_s: float = 0.1
    limit_s: float = 30.0
    factor: float = 2.0
    jitter: float = 0.25
    """Share of a delay by which it may be shorter or longer."""
    random: Callable[[], float] = random.random
    failures: int = 0

    def next_s(self) -> float:
        """Count one more failure, and return the seconds to wait; never above ``limit_s``."""
        # the exponent is bounded too: a float overflows after some thousand failures
        delay = self.first_s * self.factor ** min(self.failures, 64)
        self.failures += 1
        spread = 1 + self.jitter * (2 * self.random() - 1)
        return min(delay * spread, self.limit_s)

    def reset(self) -> None:
        self.failures = 0
