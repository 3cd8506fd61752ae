"""Messages as the outside writes them, with or without its DKIM signature. Pure but for the date.

``GTUBE`` is the line that every SpamAssassin calls spam (https://spamassassin.apache.org/gtube/).
"""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid
from typing import Final

import dkim  # type: ignore[import-untyped] # dkimpy has no types

from mailstack.demo.keys import SigningKey
from mailstack.demo.records import SELECTOR

GTUBE: Final = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HAM: Final = (
    "Hello,\n\nthe minutes of Tuesday's meeting are ready. We agreed to paint the boat house in\n"
    "May, and Ada brings the ladder. See you on Saturday.\n\nBest wishes\nBob\n"
)


def write(
    sender: str,
    recipient: str,
    subject: str,
    body: str = HAM,
    *,
    headers: dict[str, str] | None = None,
) -> bytes:
    """Write a message; ``headers`` add to the usual ones, or replace them."""
    message = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2] or "localhost.example"
    usual = {
        "From": sender,
        "To": recipient,
        "Subject": subject,
        "Date": format_datetime(localtime()),
        "Message-ID": make_msgid(domain=domain),
    }
    for name, value in {**usual, **(headers or {})}.items():
        message[name] = value
    message.set_content(body)
    return message.as_bytes()


def sign(octets: bytes, key: SigningKey, domain: str, *, selector: str = SELECTOR) -> bytes:
    """Put a DKIM signature before a message."""
    signature: bytes = dkim.sign(
        octets,
        selector.encode(),
        domain.encode(),
        key.private_pem,
        include_headers=[b"from", b"to", b"subject", b"date", b"message-id"],
    )
    return signature + octets
