"""Who a message is from and for, as the client said it."""

from dataclasses import dataclass

from mailstack.model.domains import parse_domain
from mailstack.protocols.lmtp import Mail, Rcpt


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT. The same address given twice is two recipients with a reply each."""

    number: int
    rcpt: Rcpt

    @property
    def address(self) -> str:
        """The address as text; octets that are no UTF-8 survive the way back."""
        return self.rcpt.recipient.decode("utf-8", "surrogateescape")

    @property
    def with_a_labels(self) -> bytes:
        """The address with its domain in ASCII, for a mailbox server without SMTPUTF8.

        Dovecot 2.3 takes a letter beyond ASCII for a syntax error, and that would be a bounce. What
        is no domain stays as it is, for the mailbox server to refuse.
        """
        if self.rcpt.recipient.isascii():
            return self.rcpt.recipient
        local, _, domain = self.address.rpartition("@")
        try:
            encoded = f"{local}@{parse_domain(domain)}"
        except ValueError:
            return self.rcpt.recipient
        return encoded.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A MAIL and the session's name for its log lines."""

    mail: Mail
    name: str

    @property
    def return_path(self) -> bytes:
        """The header field for spamd: SPF needs the sender of the envelope.

        SpamAssassin takes the topmost one (``envelope_sender_header``). It is not delivered; the
        mailbox server adds its own.
        """
        return b"Return-Path: <" + self.mail.sender + b">\r\n"
