"""Run a short command to its end: a daemon's own checker, or a question to its tools."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

MINIMAL_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TZ": os.environ.get("TZ", ":/etc/localtime"),
}
"""What a daemon inherits: nothing of the caller's, so that a shell's settings cannot matter."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, with standard output and error together, as text."""

    status: int
    output: str


async def run(
    argv: Sequence[str],
    *,
    timeout_s: float = 30.0,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``argv`` (never a shell) and wait for it.

    Raises:
        TimeoutError: it did not end in ``timeout_s``; it has been killed.
        FileNotFoundError: there is no such program.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        # without input no pipe: uvloop fails to write even nothing to one that has closed already
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**MINIMAL_ENVIRONMENT, **(env or {})},
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate(stdin or None)
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return Finished(process.returncode or 0, output.decode("utf-8", "replace"))
