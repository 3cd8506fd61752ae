"""Has errands done, beside the resident process, as a task of the agent.

The agent may start processes as root, which import and read what they need before they become the
account; the resident process, which answers the whole world, may not. It asks by a socket that its
account alone can open: a line with a wish, answered by a line with the result. One at a time.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.letsencrypt.config import Config
from mailstack.letsencrypt.errand import MAX_ERROR, MAX_LINE, Result, Wish
from mailstack.program.passes import run_pass

ERRAND_S: Final = 900.0
"""The longest: a proof of names takes 90 s, and is done anew for each one that fails."""
REQUEST_S: Final = 5.0
ENGINE: Final = "MAILSTACK_ENGINE"
"""Set to ``pod`` in a container."""


async def attend(file: Path, say: Callable[[str], None]) -> None:
    """Until cancelled. ``file`` is the configuration, ``say`` takes a line for the log."""
    config = Config.read(file)
    config.errands.unlink(missing_ok=True)
    one = asyncio.Lock()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ProtocolError, ValueError):  # ValueError: a line that is too long
            async with asyncio.timeout(REQUEST_S):
                wish = Wish.decode(await reader.readline())
            async with one:
                result = await order(file, wish, say)
            writer.write(result.encode())
        writer.close()

    async with asyncio.TaskGroup() as conversations:

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            conversations.create_task(answer(reader, writer))

        server = await asyncio.start_unix_server(begin, config.errands, limit=MAX_LINE)
        config.errands.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(config.errands, config.uid, config.gid)
        async with server:
            await server.serve_forever()


async def order(file: Path, wish: Wish, say: Callable[[str], None]) -> Result:
    """Start a process for ``wish``, and wait for it."""
    arguments = ["--config", str(file)]
    if os.environ.get(ENGINE) == "pod":
        arguments.append("--cluster")
    try:
        done = await run_pass(
            "mailstack.letsencrypt.run", *arguments, timeout_s=ERRAND_S, stdin=wish.encode()
        )
    except (OSError, TimeoutError) as error:
        return Result("failed", f"the order did not end: {error!r}"[:MAX_ERROR])
    for line in done.said:
        say(line)
    if done.status == 0:
        with suppress(ProtocolError):
            return Result.decode(done.last.encode())
    return Result("failed", (done.last or f"the order ended with {done.status}")[:MAX_ERROR])


async def ask(errands: Path, wish: Wish) -> Result:
    """The other end: have ``wish`` done.

    Raises:
        OSError: nobody does it, or not in time.
        ProtocolError: there was no answer.
    """
    async with asyncio.timeout(ERRAND_S * 2):
        reader, writer = await asyncio.open_unix_connection(errands, limit=MAX_LINE)
        try:
            writer.write(wish.encode())
            return Result.decode(await reader.readline())
        finally:
            writer.close()
