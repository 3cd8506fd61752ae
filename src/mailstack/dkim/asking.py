"""Ask couchmail which key signs for a domain: anew for each message, by its socketmap port.

So a rotation is in force at once, and no key is used that the world cannot see. OpenDKIM asks the
same by a script (``daemons/opendkim/templates/ask.lua``).
"""

from typing import Final

from mailstack.errors import MailstackError, ProtocolError
from mailstack.program import socketmap
from mailstack.topology.model import Endpoint

OWN_NONE: Final = "-"
"""The answer for a domain of ours that has no key of its own."""


class CannotTell(MailstackError):
    """Which key signs is not known now; a later attempt may succeed."""


async def ask(peer: Endpoint, algorithm: str, domain: str) -> str:
    """Return ``SELECTOR SEALED``, ``-`` without a key of its own, nothing for no domain of ours.

    Raises:
        CannotTell: couchmail does not answer.
    """
    try:
        answer = await socketmap.ask(peer.host, peer.port, "dkim", f"{algorithm}:{domain}")
    except (OSError, ProtocolError) as error:
        raise CannotTell(f"couchmail does not say which key signs: {error!r}") from error
    word, _, value = answer.decode("ascii", "replace").partition(" ")
    if word not in {"OK", "NOTFOUND"}:
        raise CannotTell(f"couchmail does not say which key signs: {answer[:80]!r}")
    return value if word == "OK" else ""
