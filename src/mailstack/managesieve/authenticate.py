"""Ask Dovecot whether a login is right, so that a password means the same on every port."""

import asyncio
import logging
import os

from mailstack.errors import ProtocolError
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols.dovecot_auth import Accepted, Event, Reader, Ready, Refused, hello, plain
from mailstack.topology.model import Endpoint

log = logging.getLogger(__name__)

TIMEOUT_S = 30.0
"""For the whole exchange. Dovecot delays the answer to a wrong password by a few seconds."""


class DovecotLogin:
    """One connection for each question: logins are rare, and Dovecot may restart in between."""

    def __init__(self, sasl: Endpoint) -> None:
        self._sasl = sasl

    async def __call__(self, login: str, password: str, address: str) -> Outcome[str]:
        """Found: the user's address. NotFound: wrong. Unavailable: Dovecot cannot tell now.

        Dovecot logs a failure with ``address``, and delays those from there that go on.
        """
        if "\0" in login + password:
            return NotFound()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._ask(plain(1, "sieve", login, password, address))
        except (OSError, ProtocolError) as error:
            log.warning("Dovecot's auth at %s: %s", self._sasl, error)
            return Unavailable(str(error))

    async def _ask(self, question: bytes) -> Outcome[str]:
        connection = await asyncio.open_connection(self._sasl.host, self._sasl.port)
        reader, writer = connection
        try:
            writer.write(hello(os.getpid()))
            return await _exchange(reader, writer, question)
        finally:
            writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes
) -> Outcome[str]:
    events = Reader()
    while data := await reader.read(8192):
        for event in events.feed(data):
            if isinstance(event, Ready):
                writer.write(question)
            elif (answer := _outcome(event)) is not None:
                return answer
    return Unavailable("Dovecot's auth closed the connection")


def _outcome(event: Event) -> Outcome[str] | None:
    match event:
        case Accepted(user=user):
            return Found(user)
        case Refused(temporary=True):
            return Unavailable("Dovecot's auth failed for now")
        case Refused():
            return NotFound()
        case _:
            return None
