"""Ask couchmail which key signs for a domain: anew for each message, by its socketmap port.

So a rotation is in force at once, and no key is used that the world cannot see. OpenDKIM asks the
same by a script (``daemons/opendkim/templates/ask.lua``).
"""

import asyncio
from typing import Final

from mailstack.errors import MailstackError, ProtocolError
from mailstack.protocols import netstring, socketmap
from mailstack.topology.model import Endpoint

OWN_NONE: Final = "-"
"""The answer for a domain of ours that has no key of its own."""
_TIMEOUT_S: Final = 10.0
_READ_OCTETS: Final = 65_536


class CannotTell(MailstackError):
    """Which key signs is not known now; a later attempt may succeed."""


async def ask(peer: Endpoint, algorithm: str, domain: str) -> str:
    """Return ``SELECTOR SEALED``, ``-`` without a key of its own, nothing for no domain of ours.

    Raises:
        CannotTell: couchmail does not answer.
    """
    question = netstring.encode(f"dkim {algorithm}:{domain}".encode())
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer = await _exchange(peer, question)
    except (OSError, ProtocolError) as error:
        raise CannotTell(f"couchmail does not say which key signs: {error!r}") from error
    word, _, value = answer.decode("ascii", "replace").partition(" ")
    if word not in {"OK", "NOTFOUND"}:
        raise CannotTell(f"couchmail does not say which key signs: {answer[:80]!r}")
    return value if word == "OK" else ""


async def _exchange(peer: Endpoint, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(peer.host, peer.port)
    try:
        writer.write(question)
        answers = netstring.Reader(socketmap.MAX_REPLY)
        while data := await reader.read(_READ_OCTETS):
            for answer in answers.feed(data):
                return answer
        raise ProtocolError("the connection closed before the answer was complete")
    finally:
        writer.close()
