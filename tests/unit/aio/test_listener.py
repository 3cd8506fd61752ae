"""A listener's end, also when whoever ends it is being cancelled."""

import asyncio
import socket
from collections.abc import Iterator

from mailstack.aio.listener import Connection, Listener


class Endless(Connection):
    """Never done with its replies, as the peer does not read."""

    def replies(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield data * 100_000


async def test_stop_in_a_cancelled_task() -> None:
    """A connection that does not end is aborted after the grace, and the cancellation goes on."""
    listener = Listener(Endless, max_connections=5, idle_s=60, on_malformed=lambda _: None)
    await listener.start(socket.create_server(("127.0.0.1", 0)))
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"x" * 100)
    await reader.read(1)

    async def serve() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await listener.stop(grace_s=0.05)

    task = asyncio.ensure_future(serve())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    while listener.open:  # noqa: ASYNC110 - the loop has to turn
        await asyncio.sleep(0)
    writer.close()
