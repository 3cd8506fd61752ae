"""Hands reports to the stack's own Postfix, with an empty envelope.

What cannot be delivered comes back to nobody, and no two servers can write each other for ever.
"""

import smtplib
from collections.abc import Callable
from typing import Final, TypeAlias

from mailstack.topology.model import Endpoint

_SMTP_S: Final = 60.0
_REFUSED: Final = 5

Post: TypeAlias = Callable[[str, bytes], None]
"""Hands a message to Postfix. Raises OSError (smtplib's errors are some)."""


def poster(at: Endpoint, hostname: str) -> Post:
    """By SMTP, to the port for what the stack itself sends."""

    def post(to: str, message: bytes) -> None:
        with smtplib.SMTP(at.host, at.port, hostname, timeout=_SMTP_S) as session:
            session.sendmail("", [to], message)

    return post


def hand_over(post: Post, to: str, message: bytes) -> str:
    """What became of it: "sent", or refused for good; empty: it is to be tried again."""
    try:
        post(to, message)
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*error.recipients[to])
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code, error.smtp_error)
    except OSError:
        return ""
    return "sent"


def _refused(code: int, words: bytes | str) -> str:
    """A refusal for good is told; another is tried again."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"refused: {code} {' '.join(text.split())[:200]}" if code // 100 == _REFUSED else ""
