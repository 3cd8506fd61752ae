"""Sessions of SMTP and IMAP with the stack, by the standard library, blocking: for a thread.

Where load balancers name the client by the PROXY protocol, each says first what such a one would.
Certificates are looked at by a check of their own.
"""

import imaplib
import smtplib
import socket
import ssl
from typing import Final

from mailstack.aio.tls import unverified
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 20.0
"""For each answer. A greeting may take its time: postscreen lets strangers wait for six."""


class Smtp(smtplib.SMTP):
    """Greets as ``hostname``."""

    def __init__(self, at: Endpoint, hostname: str, introduction: str) -> None:
        self._introduction = introduction
        super().__init__(at.host, at.port, local_hostname=hostname, timeout=TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.create_connection((host, port), timeout)
        _introduce(found, self._introduction)
        return found


class Imap(imaplib.IMAP4_SSL):
    """IMAP over TLS."""

    def __init__(self, at: Endpoint, introduction: str) -> None:
        self._introduction = introduction
        super().__init__(at.host, at.port, ssl_context=unverified(), timeout=TIMEOUT_S)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        found = socket.create_connection((self.host, self.port), timeout)
        _introduce(found, self._introduction)
        context: ssl.SSLContext = self.ssl_context
        return context.wrap_socket(found, server_hostname=self.host)


def _introduce(connection: socket.socket, introduction: str) -> None:
    if introduction:
        connection.sendall(introduction.encode() + b"\r\n")
