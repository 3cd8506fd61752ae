"""Does the From field of a user's message name the user?

Postfix compares the envelope's sender with the login; what people see is the From field, and a
stolen or curious account could write anything there. Every address in it must be one that the login
may send as. RFC 5322 3.6.2: there is one From field. A message without one gets the envelope's
sender from Postfix, which has been compared.
"""

from collections.abc import Sequence
from typing import Final

from mailstack.contentfilter.directory import Directory
from mailstack.model.authors import authors
from mailstack.outcome import Found, Unavailable

LATER: Final = "451 4.3.0 Who may send as whom cannot be told now, try again later"


async def objection(directory: Directory, login: str, fields: Sequence[bytes]) -> str:
    """The reply that refuses the message; empty if nothing is wrong.

    ``fields`` are the values of all From fields.
    """
    if len(fields) > 1:
        return "550 5.7.1 The message has more than one From field"
    try:
        claimed = [a for value in fields for a in authors(value.decode("utf-8", "surrogateescape"))]
    except ValueError as error:
        return f"550 5.7.1 Refused, {error}"
    for address in claimed:
        outcome = await directory.listed("senders", address)
        if isinstance(outcome, Unavailable):
            return LATER
        if not isinstance(outcome, Found) or login.lower() not in outcome.value:
            return f"550 5.7.1 From: <{address}> is not an address of {login}"
    return ""
