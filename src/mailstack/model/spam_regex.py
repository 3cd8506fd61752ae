"""Which regular expressions a user may give to SpamAssassin.

Perl's can run code, call functions, and try combinations for hours. What is left here cannot do
the first two at all, and the third only within bounds: no group that repeats holds another repeat
or alternatives, and all repeats together multiply to no more than ``MAX_WAYS``. Everything else of
the everyday language is here: classes, groups, look-around, anchors. Whether Perl accepts an
expression is for SpamAssassin's checker to say. Source: perlre(1), 5.36.
"""

import re
from typing import Final

MAX_WAYS: Final = 10**9
"""Three open repeats. A body is matched in pieces of up to some 2,000 characters."""
OPEN_WAYS: Final = 1000
"""Counted for a repeat without an upper limit."""

_TOKEN: Final = re.compile(
    r"""
    (?P<escape>   \\(?:[bBdDsSwWnrtAzZ]|x[0-9A-Fa-f]{2}|[^A-Za-z0-9]) )
  | (?P<class>    \[\^?(?:\\.|[^\[\]\\/]) (?:\\.|[^\[\]\\/])*\] )
  | (?P<open>     \((?:\?(?:[:=!]|<[=!]))? )
  | (?P<close>    \) )
  | (?P<repeat>   (?:[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\})[?+]? )
  | (?P<either>   \| )
  | (?P<plain>    [^\\\[\](){}*+?|/] )
    """,
    re.VERBOSE,
)
_REPEATABLE: Final = frozenset({"escape", "class", "plain", "close"})
_CLASS_ESCAPE: Final = re.compile(r"\\(?![bdDsSwWnrt]|x[0-9A-Fa-f]{2}|[^A-Za-z0-9])")


class _Group:
    """What is inside an open parenthesis so far."""

    __slots__ = ("varies",)

    def __init__(self) -> None:
        self.varies = False
        """It holds a repeat or alternatives, so that a text may match it in several ways."""


def check_regex(text: str) -> None:
    """Refuse what is not described above; ``text`` is without its slashes.

    Raises:
        ValueError: says what cannot be used, and where.
    """
    if not text:
        raise ValueError("the regular expression is empty, and would match everything")
    scan = _Scan()
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or token.lastgroup is None:
            raise ValueError(_unknown(text, place))
        scan.take(token.lastgroup, token[0], text[token.end() :])
        place = token.end()
    scan.finish()


class _Scan:
    """Goes over the tokens of one expression."""

    def __init__(self) -> None:
        self._groups = [_Group()]
        self._closed: _Group | None = None
        """The group that ended just now."""
        self._ways = 1
        self._can_repeat = False

    def take(self, kind: str, found: str, rest: str) -> None:
        closed, self._closed = self._closed, None
        can_repeat, self._can_repeat = self._can_repeat, kind in _REPEATABLE
        match kind:
            case "open":
                if found == "(" and rest[:1] in {"?", "*"}:
                    raise ValueError(f"'({rest[:2]}' is not possible; groups are (…), (?:…), (?=…)")
                self._groups.append(_Group())
            case "close":
                self._close()
            case "either":
                self._groups[-1].varies = True
            case "repeat":
                if not can_repeat:
                    raise ValueError(f"'{found}' repeats nothing")
                self._repeat(found, closed)
            case "class":
                if bad := _CLASS_ESCAPE.search(found):
                    raise ValueError(f"'{found[bad.start() : bad.start() + 2]}' is not possible")

    def _close(self) -> None:
        if len(self._groups) == 1:
            raise ValueError("a ')' closes nothing")
        self._closed = self._groups.pop()
        self._groups[-1].varies |= self._closed.varies

    def _repeat(self, token: str, closed: _Group | None) -> None:
        ways = _ways(token)
        if closed is not None and closed.varies and not token.startswith("?"):
            raise ValueError(
                "a group that repeats can hold neither another repeat nor alternatives: "
                "to try all combinations could take hours"
            )
        self._groups[-1].varies = True
        self._ways *= ways
        if self._ways > MAX_WAYS:
            raise ValueError("it repeats too much; at most three times * or +, or the like")

    def finish(self) -> None:
        if len(self._groups) > 1:
            raise ValueError("a '(' is not closed")


def _ways(token: str) -> int:
    """How many lengths a repeat may have."""
    if token.startswith("?"):
        return 2
    if token[0] in "*+":
        return OPEN_WAYS
    least, comma, most = token[1 : token.index("}")].partition(",")
    if not comma:
        return 1
    return max(1, int(most) - int(least) + 1) if most else OPEN_WAYS


def _unknown(text: str, place: int) -> str:
    character = text[place]
    if character == "\\":
        return f"'{text[place : place + 2]}' is not possible in a user's rule"
    if character == "/":
        return "it has a '/', which ends it; write \\/"
    return f"'{text[place : place + 10]}' is not possible; write \\{character} for the character"
