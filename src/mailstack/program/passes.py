"""Short passes of a program of ours: a process that does one thing, says how it went, and ends.

What is heavy, or may open secrets, is in such a process and goes with it; the agent that starts it
stays small. Its last line is the result, as JSON of its own; what stands before is for the log.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from mailstack.aio import command


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: its exit status, the lines it said, and the last one."""

    status: int
    said: Sequence[str]
    last: str

    @property
    def for_the_log(self) -> Sequence[str]:
        """All it said where it failed: then the last line is no result."""
        return self.said if self.status == 0 else (*self.said, self.last)


async def run_pass(module: str, *arguments: str, timeout_s: float, stdin: bytes = b"") -> Ended:
    """Run ``python -m module`` by this interpreter, with the sources of this one.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it took too long, and was ended.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    done = await command.run(
        (sys.executable, "-m", module, *arguments),
        timeout_s=timeout_s,
        stdin=stdin,
        env={"PYTHONPATH": paths},
    )
    *said, last = done.output.strip().splitlines() or [""]
    return Ended(done.status, said, last)
