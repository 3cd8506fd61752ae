"""Mail addresses in the one form the stack compares: ``local@domain``.

Local parts are case-folded (RFC 5321 2.4 leaves that to the receiving host: this one), domains are
A-labels. Local parts beyond ASCII are allowed (RFC 6531), in Unicode's NFC. Not allowed are local
parts that need quotes: no program here would quote them back alike. Limits are of RFC 5321
4.5.3.1: 64 octets before the ``@``, and 256 with the angle brackets, so 254, in all.
"""

import re
import unicodedata
from typing import NewType

from mailstack.model.domains import DomainName, parse_domain

Address = NewType("Address", str)
"""A checked ``local@domain``; where an alias may catch all, also ``@domain``."""

MAX_LOCAL_OCTETS = 64
MAX_ADDRESS_OCTETS = 254
_ATOM = r"[^\x00-\x20()<>\[\]:;@\\,.\"\x7f-\xa0\ud800-\udfff\s]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
"""RFC 5322 3.2.3 dot-atom, widened by RFC 6531 3.3: no specials, spaces, control characters."""


def parse_address(text: str) -> Address:
    """Read an address as a person writes it.

    Raises:
        ValueError: not an address; the message says why.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not local:
        raise ValueError(f"{text!r} is not an address; write one like name@example.org")
    address = f"{_parse_local(local, text)}@{parse_domain(domain)}"
    if len(address) > MAX_ADDRESS_OCTETS // 4 and len(address.encode()) > MAX_ADDRESS_OCTETS:
        raise ValueError(f"the address {text[:40]}… has more than {MAX_ADDRESS_OCTETS} octets")
    return Address(address)


def parse_alias_address(text: str) -> Address:
    """Read an address, or ``@domain`` for the catch-all of a domain.

    Raises:
        ValueError: neither; the message says why.
    """
    stripped = text.strip()
    if stripped.startswith("@"):
        return Address(f"@{parse_domain(stripped[1:])}")
    return parse_address(text)


def split_address(address: str) -> tuple[str, DomainName]:
    """Local part (empty for a catch-all) and domain of an address in canonical form."""
    local, _, domain = address.rpartition("@")
    return local, DomainName(domain)


def without_tag(local: str, delimiter: str) -> str:
    """``user`` for ``user+tag``; the same string if there is no tag.

    The first delimiter counts and a leading one does not, as in Postfix's split_addr() and
    Dovecot's LMTP, which must agree about where a message goes.
    """
    place = local.find(delimiter, 1)
    return local if place < 0 else local[:place]


def _parse_local(local: str, text: str) -> str:
    if local.isascii():
        folded = local.lower()
    else:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
    if len(folded) >= 2 and folded[0] == folded[-1] == '"':  # noqa: PLR2004 - two quotes
        folded = folded[1:-1]  # RFC 5321 4.1.2: quotes that are not needed mean nothing
    if folded.startswith("-"):  # Postfix refuses it: allow_min_user, postconf(5)
        raise ValueError(f"{text!r} cannot get mail: no address may begin with -")
    if not _LOCAL.fullmatch(folded):
        raise ValueError(
            f"{text!r} is not an address: spaces, quotes, control characters and ()<>[]:;@\\, "
            "cannot stand before the @, nor a dot at either end or twice"
        )
    if len(folded.encode()) > MAX_LOCAL_OCTETS:
        raise ValueError(
            f"the address {text[:40]}… has more than {MAX_LOCAL_OCTETS} octets before the @"
        )
    return folded
