"""What a person sees while services start or stop: one line per service, when it gets there.

On a terminal the last line shows who is still awaited; in a pipe there are only whole lines.
"""

from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Final, Self

_SETTLED: Final = {
    "healthy": "✓",
    "stopped": "✓",
    "failed": "✗",
    "restarting": "!",
    "unhealthy": "!",
}
_CLEAR: Final = "\r\033[K"
_WIDTH: Final = 78


@dataclass(slots=True)
class Progress:
    """Writes to ``out`` while used as a context."""

    out: IO[str]
    _awaited: dict[str, str] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    _seconds: float = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transient("")

    def service(self, name: str, state: str, reason: str, at_s: float) -> None:
        """Show that ``name`` is in ``state`` now, ``at_s`` seconds after the start."""
        self._seconds = at_s
        self._awaited[name] = state
        sign = _SETTLED.get(state)
        if sign is not None:
            del self._awaited[name]
            if self._told.get(name) != state + reason:
                self._told[name] = state + reason
                self.line(f"{sign} {name:14} {state:10} {at_s:6.1f} s  {reason}".rstrip())
        waiting = ", ".join(f"{n} {s}" for n, s in self._awaited.items())
        self._transient(f"… {waiting}" if waiting else "")

    def step(self, what: str) -> None:
        """Show what is being done now, without a trace when it is over."""
        self._transient(f"… {what}")

    def line(self, text: str) -> None:
        self._transient("")
        self.out.write(f"{text}\n")
        self.out.flush()

    def end(self) -> None:
        self.line(f"All healthy after {self._seconds:.1f} s.")

    def _transient(self, text: str) -> None:
        if self.out.isatty():
            self.out.write(_CLEAR + text[:_WIDTH])
            self.out.flush()
