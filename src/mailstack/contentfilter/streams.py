"""Writing to a peer that may be gone or may not read."""

import asyncio


def put(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write without waiting.

    Raises:
        ConnectionError: the connection is closed. uvloop itself raises ``RuntimeError`` then, which
            says nothing about whose fault it is.
    """
    if writer.is_closing():
        raise ConnectionError("connection closed")
    writer.write(data)


async def send(writer: asyncio.StreamWriter, data: bytes, timeout_s: float) -> None:
    """Write, and wait while the peer does not read.

    Raises:
        OSError: the connection is closed, or nothing was read in time.
    """
    put(writer, data)
    # Nearly always the kernel has taken it all, and a timer would cost more than the write.
    if writer.transport.get_write_buffer_size():
        async with asyncio.timeout(timeout_s):
            await writer.drain()


class Reads:
    """Reads from one peer, each within its time, with one timer for all of them.

    ``asyncio.timeout`` makes and cancels a timer per wait: a tenth of all the filter does for a
    message when it does not scan. Here the timer is left to run out, and then looks whether the
    peer is late.
    """

    __slots__ = ("_due", "_late", "_loop", "_reader", "_timer", "_writer")

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        """When the read that is waiting must be done."""
        self._late = False

    async def read(self, octets: int, timeout_s: float) -> bytes:
        """What has arrived, ``octets`` at most; empty at the end of the stream.

        Raises:
            TimeoutError: nothing came in time; the connection is closed.
            OSError: the connection broke.
        """
        self._due = self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._due:
            self._look_at(self._due)
        try:
            data = await self._reader.read(octets)
        finally:
            self._due = None
        if self._late:
            raise TimeoutError("timed out")
        return data

    def close(self) -> None:
        """No more reads."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._look_at(self._due)
        else:
            self._late = True
            self._writer.transport.abort()
