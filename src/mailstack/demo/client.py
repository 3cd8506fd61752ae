"""SMTP clients out there: one session, or a sender that comes again as a real server does."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailstack.errors import ServiceFailed

_TEMPORARY = range(400, 500)
_RETRY_S = 0.5
"""Between attempts. Real servers wait minutes; greylisting is set to seconds here."""


class Session(smtplib.SMTP):
    """An SMTP session over a connection that is open already.

    After ``starttls`` the server has to prove that it is ``server_name``.
    """

    def __init__(self, connection: socket.socket, *, helo: str, server_name: str = "") -> None:
        super().__init__(local_hostname=helo)
        self._host = server_name  # what smtplib's starttls compares the certificate with
        self.sock = connection
        self.file = None
        self.greeting = self.getreply()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to hand over a message."""

    after_s: float
    """When it was answered, since the first one began."""
    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def hand_over(session: Session, sender: str, recipients: Sequence[str], octets: bytes) -> Attempt:
    """Try once; the reply that decided is the answer. The session stays open."""
    try:
        refused = session.sendmail(sender, list(recipients), octets)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except smtplib.SMTPResponseException as error:
        return Attempt(0, error.smtp_code, _text(error.smtp_error))
    for code, text in refused.values():
        return Attempt(0, code, _text(text))
    return Attempt(0, 250, "accepted")


def deliver(
    attempt: Callable[[], Attempt], *, patience_s: float, retry_s: float = _RETRY_S
) -> list[Attempt]:
    """Try until it is accepted or refused for good, at most for ``patience_s``.

    Returns:
        Every attempt, the last one being the outcome.
    """
    started = time.monotonic()
    attempts: list[Attempt] = []
    while True:
        outcome = attempt()
        after = time.monotonic() - started
        attempts.append(Attempt(after, outcome.code, outcome.text))
        if outcome.code not in _TEMPORARY or after + retry_s > patience_s:
            return attempts
        time.sleep(retry_s)


def trusting(certificate: bytes) -> ssl.SSLContext:
    """Return a TLS context that accepts this certificate's names and no other (PEM)."""
    context = ssl.create_default_context(cadata=certificate.decode("ascii"))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # whoever has signed it
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def wrap(connection: socket.socket, context: ssl.SSLContext, server_name: str) -> ssl.SSLSocket:
    """Begin TLS at once (RFC 8314 3.3).

    Raises:
        ServiceFailed: no TLS, or the server is somebody else.
    """
    try:
        return context.wrap_socket(connection, server_hostname=server_name)
    except (ssl.SSLError, OSError) as error:
        connection.close()
        raise ServiceFailed(f"no TLS with {server_name}: {error}") from error


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())
