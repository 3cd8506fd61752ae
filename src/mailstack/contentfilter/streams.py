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
