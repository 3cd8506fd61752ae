"""Domain names as mail uses them: lower case, A-labels, no trailing dot.

Not: whether a name exists in DNS. Names people write in their own script become A-labels by UTS 46
and IDNA 2008 (the ``idna`` library), so that a store, a table and a certificate all hold one form.
Lengths are of RFC 1035 2.3.4: a label has at most 63 octets, a name 253 as text. RFC 5321 4.5.3.1.2
allows 255, which a name in DNS cannot reach.
"""

import re
from functools import lru_cache
from typing import NewType

import idna

DomainName = NewType("DomainName", str)
"""A checked name in its one canonical form."""

MAX_DOMAIN_OCTETS = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN = re.compile(rf"(?!(?:.*\.)?xn--)(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
"""Two labels or more, none in need of IDNA, the last not a number (that is an IPv4 address)."""


@lru_cache(maxsize=4096)
def parse_domain(text: str) -> DomainName:
    """Read a domain as a person writes it.

    Raises:
        ValueError: not a domain name; the message says why.
    """
    if len(text) > 2 * MAX_DOMAIN_OCTETS:  # no spelling of a name is that long
        raise ValueError(f"the domain {text[:40]}… has more than {MAX_DOMAIN_OCTETS} octets")
    name = text.strip().rstrip(".").lower()
    if not _PLAIN.fullmatch(name):
        name = _encode(name, text)
    if len(name) > MAX_DOMAIN_OCTETS:
        raise ValueError(f"the domain {text[:40]}… has more than {MAX_DOMAIN_OCTETS} octets")
    return DomainName(name)


def shown(name: str) -> str:
    """Write a name for people: in its own script, where it is one of those (U-labels, RFC 5890)."""
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name  # with an underscore, or registered by older rules


def _encode(name: str, text: str) -> str:
    try:
        encoded = idna.encode(name, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{text!r} is not a domain name: {_reason(error)}") from error
    if not re.fullmatch(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}", encoded):
        raise ValueError(f"{text!r} is not a domain name; write one like example.org")
    return encoded


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or "a label is empty or too long"
