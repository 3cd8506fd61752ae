"""Where Dovecot reports that a user has moved mail into Spam or out of it.

A port of its own, without a token: Dovecot's statistics process has no file to keep one in, and all
that can be said here is that a user is to be learnt from soon.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus

from mailstack.aio.http import Answer, Request, text
from mailstack.model.addresses import Address, parse_address
from mailstack.trainer.moves import Moves


@dataclass(frozen=True, slots=True)
class Reports:
    """``handle`` each request."""

    moves: Moves

    async def handle(self, request: Request) -> Answer:
        """Answer one report."""
        if (request.method, request.path) != ("POST", ("moved",)):
            return text(HTTPStatus.NOT_FOUND, "only POST /moved")
        try:
            address = user_of(request.body)
        except ValueError as error:
            return text(HTTPStatus.BAD_REQUEST, f"not a report: {error}")
        if not self.moves.moved(address):
            return text(HTTPStatus.SERVICE_UNAVAILABLE, "too many users are waiting")
        return text(HTTPStatus.ACCEPTED, "soon")


def user_of(report: bytes) -> Address:
    """Return the user of an event as Dovecot exports it (event_exporter, format json).

    Raises:
        ValueError: it is none.
    """
    match json.loads(report):
        case {"fields": {"user": str(user)}}:
            return parse_address(user)
    raise ValueError("it names no user")
