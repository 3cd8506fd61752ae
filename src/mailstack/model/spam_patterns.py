"""Whom a user welcomes or blocks: addresses with ``*`` and ``?``, as SpamAssassin compares them.

``anna@example.org``, ``*@example.org``, ``*@*.example.org``, ``*@*.zip``; a domain alone stands for
everybody in it. A pattern becomes one word of a line of SpamAssassin's configuration, so it holds
neither blanks nor the ``#`` that begins a comment there. Source: welcomelist_from in
Mail::SpamAssassin::Conf(3pm), 4.0.1.
"""

import re

from mailstack.model.addresses import MAX_ADDRESS_OCTETS, parse_address
from mailstack.model.domains import parse_domain

MAX_PATTERNS = 500
"""Of each list. Every message of the user is compared with all of them."""

_TOP_LEVEL = re.compile(r"\*\.[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def parse_pattern(text: str) -> str:
    """Read a pattern as a person writes it; returns the one form that is compared.

    Raises:
        ValueError: not a pattern; the message says what one looks like.
    """
    local, _, domain = text.strip().rpartition("@")
    if "#" in local:
        raise ValueError(f"{text!r} cannot be compared because of its '#'; write ? instead")
    try:
        pattern = f"{_parse_local(local or '*')}@{_parse_host(domain.lower())}"
    except ValueError as error:
        raise ValueError(
            f"{text[:80]!r} is neither an address nor a pattern; write one like anna@example.org, "
            "*@example.org or *@*.example.org"
        ) from error
    if len(pattern.encode()) > MAX_ADDRESS_OCTETS:
        raise ValueError(f"the pattern {text[:40]}… has more than {MAX_ADDRESS_OCTETS} octets")
    return pattern


def _parse_local(local: str) -> str:
    return parse_address(f"{local}@example.org").rpartition("@")[0]


def _parse_host(text: str) -> str:
    """Keep ``*.`` in front; behind it a top-level domain will do."""
    if _TOP_LEVEL.fullmatch(text):
        return text
    rest = text.removeprefix("*.")
    return text[: len(text) - len(rest)] + parse_domain(rest)
