"""The Sender Rewriting Scheme: a message that is forwarded leaves with a sender of ours.

Who checks SPF (RFC 7208) sees the forwarder's address as the client, so the envelope sender must be
one of the forwarder's domain. The original sender is packed into its local part, with a day and a
keyed digest, so that a bounce finds its way back and nobody else can make us a relay::

    alice@example.com          →  SRS0=HHHHHHHH=DD=example.com=alice@ours
    SRS0=…@first (forwarded)   →  SRS1=HHHHHHHH=first==…@ours       (bounces go straight to first)

Addresses come from Postfix in lower case and may lose their case anywhere on the way, so digest and
day are of digits and lower-case letters, and the digest is over the lower-cased parts. The scheme
is M. Weber's and S. Wong's of 2003-2004, which other forwarders read too; it is no RFC.
"""

import hmac
import re
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

SEPARATOR: Final = "="
_PREFIXES: Final = ("srs0", "srs1")
_SEPARATORS: Final = "=+-"
"""Of other forwarders, right after their SRS0 or SRS1."""
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_DAYS: Final = len(_DIGITS) ** 2
_DIGEST_CHARS: Final = 8
"""Of base32: 40 bits. A forger has the refusals of a mail server to try against."""
VALID_DAYS: Final = 21
"""A bounce comes within the five days of a queue; the rest is for who has other habits."""
MAX_ADDRESS: Final = 254
"""Octets of an address in SMTP (RFC 5321 4.5.3.1.3, without the angle brackets).

A rewritten local part may be longer than the 64 octets that every server must take; all that
forward rewrite like this, and what is refused for it would have failed SPF without.
"""
_DOT_ATOM: Final = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewrites senders to ``domain``, and back what it wrote itself.

    Args:
        key: secret; who has it can have mail forwarded through us.
        domain: one of ours, whose SPF record names this server.
    """

    key: bytes = field(repr=False)
    domain: str

    @classmethod
    def derived(cls, secret: str, domain: str) -> "Srs":
        """Make one whose key comes of the stack's secret, so that no further one is to be kept."""
        return cls(hmac.digest(secret.encode(), b"sender rewriting", sha256), domain)

    def forward(self, sender: str, day: int) -> str | None:
        """Return the sender with which mail of ``sender`` leaves; ``day`` counts from any day on.

        ``None``: it cannot be packed, as it is no plain address or would be too long.
        """
        local, _, domain = sender.rpartition("@")
        if not local or not _DOT_ATOM.fullmatch(local):
            return None
        if is_rewritten(local) and local[4] in _SEPARATORS:
            packed = _again(local, domain)
            if SEPARATOR not in packed:
                return None
        else:
            packed = SEPARATOR.join((_two_digits(day), domain, local))
        name = "SRS1" if is_rewritten(local) else "SRS0"
        found = f"{name}={self._digest(name, packed)}={packed}@{self.domain}"
        return found if len(found.encode()) <= MAX_ADDRESS else None

    def reverse(self, local: str, day: int) -> str | None:
        """Return to whom a bounce for ``local``, an address of ours, goes.

        ``None``: it was not written here, or is older than ``VALID_DAYS``.
        """
        name, _, rest = local.partition(SEPARATOR)
        digest, _, packed = rest.partition(SEPARATOR)
        name = name.upper()
        if not hmac.compare_digest(digest.lower().encode(), self._digest(name, packed).encode()):
            return None
        if name == "SRS1":
            first, _, original = packed.partition(SEPARATOR)
            return f"SRS0{original}@{first}"
        written, domain, original = packed.split(SEPARATOR, 2)
        return f"{original}@{domain}" if _age(written, day) <= VALID_DAYS else None

    def _digest(self, name: str, packed: str) -> str:
        told = hmac.digest(self.key, f"{name}={packed}".lower().encode(), sha256)
        return b32encode(told).decode().lower()[:_DIGEST_CHARS]


def is_rewritten(local: str) -> bool:
    """Whether a local part looks like one that a forwarder wrote."""
    return local[:4].lower() in _PREFIXES and local[4:5] in {*_SEPARATORS}


def _again(local: str, domain: str) -> str:
    """Pack what another forwarder wrote: its own address is kept, those between are not needed."""
    if local[:4].lower() == "srs0":
        return f"{domain}{SEPARATOR}{local[4:]}"
    _, _, rest = local[5:].partition(SEPARATOR)  # without the digest of the forwarder before us
    return rest


def _two_digits(day: int) -> str:
    high, low = divmod(day % _DAYS, len(_DIGITS))
    return _DIGITS[high] + _DIGITS[low]


def _age(written: str, day: int) -> int:
    """Days since; a clock that was ahead by one is no reason to lose a bounce."""
    high, low = (_DIGITS.index(digit) for digit in written.lower())
    age = (day - (high * len(_DIGITS) + low)) % _DAYS
    return 0 if age == _DAYS - 1 else age
