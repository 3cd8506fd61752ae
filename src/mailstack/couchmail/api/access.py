"""Who may use the API: on TCP who has the token, on the unix socket root and the account itself.

The socket's file mode (0600) says the same; the peer's user id is asked all the same, because a
mode can be changed by a hand that means well.
"""

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import Collection
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailstack.couchmail.api.problems import refuse

_UCRED = struct.Struct("3i")
"""pid, uid, gid (unix(7), SO_PEERCRED)."""
PEER_UID = "mailstack.peer_uid"


class Gate:
    """Lets a request pass, or answers 401 (TCP, without the token) or 403 (unix socket)."""

    def __init__(self, app: ASGIApp, token: str, open_paths: Collection[str]) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._open_paths = frozenset(open_paths)
        self._trusted = {0, os.geteuid()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._open_paths:
            await self._app(scope, receive, send)
        elif (peer := scope["state"].get(PEER_UID)) is not None and peer not in self._trusted:
            why = "only root and couchmail's own account may use this socket"
            await refuse(scope, receive, send, HTTPStatus.FORBIDDEN, why)
        elif peer is None and not self._has_token(scope):
            why = "send the API's token, as Authorization: Bearer TOKEN"
            await refuse(scope, receive, send, HTTPStatus.UNAUTHORIZED, why)
        else:
            await self._app(scope, receive, send)

    def _has_token(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return secrets.compare_digest(given, self._expected)


class PeerProtocol(H11Protocol):
    """uvicorn's HTTP, which notes who connected to a unix socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, PEER_UID: _peer_uid(transport)}
        super().connection_made(transport)


def _peer_uid(transport: asyncio.BaseTransport) -> int | None:
    """Who connected; None for TCP, where nobody can tell."""
    peer = transport.get_extra_info("socket")
    if peer.family != socket.AF_UNIX:
        return None
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return int(_UCRED.unpack(raw)[1])
