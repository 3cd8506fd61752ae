"""What port 80 answers: proofs while an order runs, and the way to https for everything else.

A proof is a file that bears the token's name, written by the process that orders (RFC 8555 8.3).
"""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mailstack.aio.http import Answer, Request, text
from mailstack.topology.stack import STACK

PREFIX: Final = "/.well-known/acme-challenge/"
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""base64url (RFC 8555 8.1); 22 characters and more, those of Let's Encrypt 43."""
_PREFIX: Final = tuple(PREFIX.strip("/").split("/"))
_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_MAX_OCTETS: Final = 1024
"""Of a proof: token and print take 90."""
_HTTPS: Final = STACK.internet_ports["https"]
KINDS: Final = ("proof", "unknown", "redirect", "refused")


class PublicPages:
    """``answer`` is called with each request of the public port."""

    def __init__(self, folder: Path, hostname: str, port_offset: int) -> None:
        self._folder = folder
        self._hostname = hostname
        self._port = f":{_HTTPS + port_offset}" if port_offset else ""
        self.counts = dict.fromkeys(KINDS, 0)

    async def answer(self, request: Request) -> Answer:
        """Answer, and count."""
        kind, answer = self._answer(request)
        self.counts[kind] += 1
        return answer

    def _answer(self, request: Request) -> tuple[str, Answer]:
        if request.method not in ("GET", "HEAD"):
            return "refused", text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        if request.path[:-1] != _PREFIX:
            return "redirect", self._redirect(request)
        found = self._proof(request.path[-1])
        if found is None:
            return "unknown", text(HTTPStatus.NOT_FOUND, "no order waits for this")
        return "proof", Answer(HTTPStatus.OK, found, "application/octet-stream")

    def _proof(self, token: str) -> bytes | None:
        if not TOKEN.fullmatch(token):
            return None
        try:
            with (self._folder / token).open("rb") as file:
                return file.read(_MAX_OCTETS)
        except OSError:
            return None

    def _redirect(self, request: Request) -> Answer:
        named = _HOST.fullmatch(request.headers.get("host", ""))
        host = named["name"] if named else self._hostname
        path = "/" + "/".join(quote(part, safe="~") for part in request.path)
        query = f"?{quote(request.query, safe=_IN_QUERY)}" if request.query else ""
        target = f"https://{host}{self._port}{path}{query}"
        return Answer(HTTPStatus.MOVED_PERMANENTLY, headers=(("Location", target),))


_IN_QUERY: Final = "%~!$&'()*+,;=:@/?"
"""RFC 3986 3.4; what is encoded already stays."""
