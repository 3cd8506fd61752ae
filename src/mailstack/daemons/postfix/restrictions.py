"""Find a misspelt restriction before it is in force.

smtpd looks at the names in a restriction list only when a client is there, and then answers 451 to
everybody. The names that it knows stand in the program itself, so the installed one is asked.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

LIST = re.compile(r"(?:smtpd|mua)_\w+_restrictions")
"""Parameters that hold a restriction list."""
_GROUP = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[a-z_]+")
"""How a restriction's name looks. Arguments have a colon, a dot, a slash or are numbers."""


def unknown_restriction(parameters: Mapping[str, str], smtpd: Path) -> str:
    """Return Postfix's own words for the first unknown name in ``parameters``, or nothing.

    Classes that ``smtpd_restriction_classes`` names are known, too.
    """
    known = smtpd.read_bytes()
    classes = parameters.get("smtpd_restriction_classes", "").replace(",", " ").split()
    for parameter, value in parameters.items():
        if LIST.fullmatch(parameter) or parameter in classes:
            for name in _names(value):
                if name not in classes and name.encode() + b"\0" not in known:
                    return f'{parameter}: unknown smtpd restriction: "{name}"'
    return ""


def _names(value: str) -> Iterator[str]:
    for word in re.split(r"[,\s]+", _GROUP.sub(" ", value)):
        if _WORD.fullmatch(word):
            yield word
