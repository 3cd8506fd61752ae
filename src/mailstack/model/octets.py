"""Sizes as people write them: ``2GiB``, ``500 MB``, ``1048576``."""

import re

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "k": 1024,
    "m": 1024**2,
    "g": 1024**3,
    "t": 1024**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII | re.IGNORECASE)
MAX_OCTETS = 2**63 - 1
"""What SQLite and Dovecot both hold in an integer."""


def parse_octets(text: str) -> int:
    """Read a size. KB is 1,000, KiB and a bare K are 1,024.

    Raises:
        ValueError: not a size; the message says what one looks like.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"{text!r} is not a size; write one like 2GiB, 500MB or 1048576")
    octets = int(float(match[1]) * _UNITS[match[2].lower()])
    if octets > MAX_OCTETS:
        raise ValueError(f"{text!r} is more than {MAX_OCTETS} octets")
    return octets


def format_octets(octets: int) -> str:
    """Write a size with the largest binary unit that keeps it at most three digits long."""
    value, unit = float(octets), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1000:  # noqa: PLR2004 - three digits
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"  # noqa: PLR2004
