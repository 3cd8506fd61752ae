"""Puts a report onto a server that asks for it by HTTPS (RFC 8460 5.4). Blocking.

Addresses come from the stack's resolver. The certificate must be valid: a record could otherwise
make us write to any machine near us that speaks TLS. Redirects are not followed.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mailstack.reports.tls.destinations import Destination

TIMEOUT_S: Final = 20.0
"""For each step: connecting, the handshake, the answer."""
MAX_ADDRESSES: Final = 4
_LATER: Final = frozenset({408, 425, 429})
"""Of the answers 4xx, those that may be others tomorrow."""

Addresses = Callable[[str], Iterable[str]]
"""Of a host. Raises OSError if they cannot be told now."""


@dataclass(frozen=True, slots=True)
class Uploader:
    """``upload`` to where a domain wants it."""

    addresses: Addresses
    tls: ssl.SSLContext
    port: int

    def upload(self, where: Destination, packed: bytes) -> str:
        """Return "sent", or why it never will be; empty: not now.

        Raises:
            OSError: no address has a server that takes it now.
        """
        failed: OSError = OSError(f"{where.host} has no address")
        for address in list(self.addresses(where.host))[:MAX_ADDRESSES]:
            try:
                return _outcome(*self._post(address, where, packed))
            except http.client.HTTPException as error:
                failed = OSError(f"{where.host} does not speak HTTP: {error!r}")
            except OSError as error:  # ssl.SSLError is one
                failed = error
        raise failed

    def _post(self, address: str, where: Destination, packed: bytes) -> tuple[int, str]:
        """Return status and reason of the answer, the rest of which nobody needs."""
        plain = socket.create_connection((address, self.port), TIMEOUT_S)
        connection = http.client.HTTPConnection(where.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.sock = self.tls.wrap_socket(plain, server_hostname=where.host)
            headers = {
                "Host": where.host,
                "Content-Type": "application/tlsrpt+gzip",
                "Connection": "close",
            }
            connection.request("POST", where.target, packed, headers)
            answer = connection.getresponse()
            return answer.status, answer.reason
        finally:
            connection.close()
            plain.close()


def _outcome(status: int, reason: str) -> str:
    if status // 100 == 2:  # noqa: PLR2004 - it has been taken
        return "sent"
    if status // 100 in (3, 4) and status not in _LATER:
        words = "".join(c for c in reason if c.isprintable())[:80]
        return f"refused: {status} {words}".strip()
    return ""
