"""Rules of a user's own, in a small part of SpamAssassin's language.

    header   USER_NAME Subject =~ /regex/i      also From:addr, From:name, To:addr …
    body     USER_NAME /regex/i
    score    NAME 2.5                           of one of these, or of SpamAssassin's own
    describe USER_NAME text

Nothing here can run code, name a file, or load a plugin: a line that is not one of these is
refused. Whether SpamAssassin likes a rule is not decided here but by its own checker. Source:
Mail::SpamAssassin::Conf(3pm), 4.0.1.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from mailstack.model.spam_regex import check_regex

MAX_RULES: Final = 100
"""Lines of one user. Perl compiles them anew for every message of that user."""
MAX_RULE_OCTETS: Final = 400
"""Of one line."""
MAX_SCORE: Final = 100.0

_OWN: Final = r"USER_(?!IN_|IN\b)[A-Z0-9_]{1,45}"
"""SpamAssassin names its own rules for welcome and block lists USER_IN_…; lint likes 50 at most."""
_HEADER: Final = r"[A-Za-z][A-Za-z0-9-]{0,75}(?::addr|:name|:raw)?"
_REGEX: Final = r"/(.*)/([ims]{0,3})"
_DEFINITION: Final = re.compile(
    rf"(?:header\s+({_OWN})\s+{_HEADER}\s+=~|body\s+({_OWN}))\s+{_REGEX}"
)
_SCORE: Final = re.compile(r"score\s+([A-Z_][A-Z0-9_]{0,49})\s+(-?[0-9]{1,3}(?:\.[0-9]{1,3})?)")
_DESCRIBE: Final = re.compile(rf"describe\s+({_OWN})\s+(\S.{{0,99}})")
_WORDS: Final = "header, body, score and describe"


def parse_rule(text: str) -> str:
    """Read one line; returns it without blanks at its ends.

    Raises:
        ValueError: it is none of the four; the message says what is wrong.
    """
    line = text.strip()
    if len(line.encode()) > MAX_RULE_OCTETS:
        raise ValueError(f"the rule {line[:40]}… has more than {MAX_RULE_OCTETS} octets")
    if any(not character.isprintable() for character in line):
        raise ValueError(f"the rule {line[:40]!r} has a control character, or more than one line")
    if re.search(r"(?<!\\)#", line):
        raise ValueError(f"the rule {line!r} has a '#', which begins a comment; write \\#")
    _check(line)
    return line


def _check(line: str) -> None:
    if match := _DEFINITION.fullmatch(line):
        try:
            check_regex(match[3])
        except ValueError as error:
            raise ValueError(f"the rule {line!r}: {error}") from error
    elif match := _SCORE.fullmatch(line):
        if abs(float(match[2])) > MAX_SCORE:
            raise ValueError(f"the rule {line!r}: a score is from -{MAX_SCORE:g} to {MAX_SCORE:g}")
    elif not _DESCRIBE.fullmatch(line):
        raise ValueError(f"the rule {line!r} is not possible; {_reason(line)}")


def _reason(line: str) -> str:
    """What most likely is wrong with a line that is none of the four."""
    directive, _, rest = line.partition(" ")
    forms = {
        "header": "write header USER_NAME Subject =~ /regex/i",
        "body": "write body USER_NAME /regex/i",
        "score": "write score NAME 2.5",
        "describe": "write describe USER_NAME text",
    }
    if directive not in forms:
        return f"a user's rules are made of {_WORDS}"
    name = rest.split(" ", 1)[0]
    if directive != "score" and not re.fullmatch(_OWN, name):
        return f"its name begins with USER_ and is of capitals and digits; {forms[directive]}"
    return forms[directive]


def check_together(rules: Sequence[str]) -> None:
    """See that every name is defined once, and that nothing is said of one that is not.

    Raises:
        ValueError: it is not so; names the rule.
    """
    defined: set[str] = set()
    for name in _names(_DEFINITION, rules):
        if name in defined:
            raise ValueError(f"the rule {name} is defined twice")
        defined.add(name)
    for name in (*_names(_DESCRIBE, rules), *_names(_SCORE, rules)):
        if re.fullmatch(_OWN, name) and name not in defined:
            raise ValueError(f"the rule {name} is not defined; add a header or body line for it")


def _names(form: re.Pattern[str], rules: Iterable[str]) -> list[str]:
    matches = (form.fullmatch(rule) for rule in rules)
    return [match[1] or match[2] for match in matches if match]
