"""Asks couchmail what Postfix asks it, by the same protocol: aliases and senders.

A connection for each question: a question is rare here, and nothing has to be kept in order.
"""

import asyncio
from typing import Final

from mailstack.contentfilter.config import Address
from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import netstring, socketmap

TIMEOUT_S: Final = 10.0
_READ_OCTETS: Final = 65_536


class Directory:
    """couchmail, as seen from here."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def listed(self, table: str, key: str) -> Outcome[list[str]]:
        """The addresses that a table has for ``key``."""
        question = netstring.encode(f"{table} {key}".encode("utf-8", "surrogateescape"))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._ask(question)
        except (OSError, ProtocolError) as error:
            return Unavailable(f"couchmail's table {table}: {error!r}")
        word, _, value = answer.decode("utf-8", "replace").partition(" ")
        match word:
            case "OK":
                return Found([address.strip() for address in value.split(",")])
            case "NOTFOUND":
                return NotFound()
            case _:
                return Unavailable(f"couchmail's table {table}: {answer[:80]!r}")

    async def _ask(self, question: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(question)
            answers = netstring.Reader(socketmap.MAX_REPLY)
            while data := await reader.read(_READ_OCTETS):
                for answer in answers.feed(data):
                    return answer
            raise ProtocolError("the connection closed before the answer was complete")
        finally:
            writer.close()
