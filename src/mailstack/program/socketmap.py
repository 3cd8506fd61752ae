"""Ask couchmail what Postfix asks it, by the same protocol.

A connection for each question: one is rare here, and nothing has to be kept in order.
"""

import asyncio
from typing import Final

from mailstack.errors import ProtocolError
from mailstack.protocols import netstring, socketmap

TIMEOUT_S: Final = 10.0
_READ_OCTETS: Final = 65_536


async def ask(host: str, port: int, table: str, key: str) -> bytes:
    """Return the reply, ``OK VALUE`` or another word, without its frame.

    Raises:
        OSError: no connection, or no reply in time.
        ProtocolError: what came is no reply, or not a whole one.
    """
    question = netstring.encode(f"{table} {key}".encode("utf-8", "surrogateescape"))
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(question)
            return await _answer(reader)
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    answers = netstring.Reader(socketmap.MAX_REPLY)
    while data := await reader.read(_READ_OCTETS):
        for answer in answers.feed(data):
            return answer
    raise ProtocolError("the connection closed before the answer was complete")
