"""Tells a person in one header field why a message is in Spam.

    X-Spam-Reason: 7.2 of 5.0: Refers to an erectile drug (1.8 DRUGS_ERECTILE),
        Subject is all capitals (0.5 SUBJ_ALL_CAPS), and 3 more

Made of SpamAssassin's report, which has every rule in the order in which it looked; here are those
that weigh most. The report comes from spamd, but words in it may come from a user's own rule, so
nothing of it is trusted: what is not printable ASCII is left out, and everything is bounded.
"""

import re
from dataclasses import dataclass
from typing import Final

from mailstack.protocols.spamc import Scored

MAX_RULES: Final = 5
MAX_DESCRIPTION: Final = 80
"""Characters. SpamAssassin's own are at most 50."""

_REPORT: Final = re.compile(
    rb"^X-Spam-Report:(?P<text>[^\n]*\n(?:[ \t][^\n]*\n?)*)", re.IGNORECASE | re.MULTILINE
)
_RULE: Final = re.compile(
    r"\*\s+(?P<score>-?\d{1,6}(?:\.\d{1,3})?) (?P<name>[A-Z_]\w*)(?P<rest>.*)"
)
_CONTINUED: Final = re.compile(r"\*\s+(?P<rest>.*)")
_WHERE: Final = re.compile(r"^(?:BODY|URI|RBL|RAW|FULL|META|HEADER): ")
"""Said in front of descriptions, for whoever writes rules."""
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that applied."""

    score: float
    name: str
    description: str


def field(answer: Scored, fields: bytes) -> bytes:
    """The field for a message that is spam; ``fields`` are what spamd wrote."""
    hits = sorted((hit for hit in parse(fields) if hit.score > 0), key=lambda hit: -hit.score)
    lines = [_words(hit) for hit in hits[:MAX_RULES]]
    if len(hits) > MAX_RULES:
        lines.append(f"and {len(hits) - MAX_RULES} more")
    head = f"X-Spam-Reason: {answer.score:.1f} of {answer.threshold:.1f}"
    listed = ",\r\n\t".join(lines)
    return (f"{head}: {listed}\r\n" if lines else f"{head}\r\n").encode("ascii")


def parse(fields: bytes) -> list[Hit]:
    """The rules of the report, in its order; none if there is no report."""
    found = _REPORT.search(fields)
    hits: list[Hit] = []
    for line in found["text"].decode("utf-8", "replace").splitlines() if found else ():
        text = line.strip()
        if rule := _RULE.fullmatch(text):
            hits.append(Hit(float(rule["score"]), rule["name"], rule["rest"].strip()))
        elif hits and (more := _CONTINUED.fullmatch(text)):
            last = hits[-1]
            hits[-1] = Hit(last.score, last.name, f"{last.description} {more['rest']}".strip())
    return hits


def _words(hit: Hit) -> str:
    description = _UNPRINTABLE.sub("?", _WHERE.sub("", hit.description)).strip()
    if len(description) > MAX_DESCRIPTION:
        # at a blank, so that no encoded word (RFC 2047) is cut
        description = description[:MAX_DESCRIPTION].rpartition(" ")[0] + " ..."
    name = hit.name[:MAX_DESCRIPTION]
    return f"{description} ({hit.score:g} {name})" if description else f"{name} ({hit.score:g})"
