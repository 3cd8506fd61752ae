"""A user's wishes → the preferences that spamd reads for each scan. Pure.

The documents were checked when they were written. They are checked again here, line by line,
because spamd is told to take rules from this file (``allow_user_rules``): what is not one of the
possible lines does not get in, whoever wrote it. Source: Mail::SpamAssassin::Conf 4.0.1.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from mailstack.model.spam_patterns import MAX_PATTERNS, parse_pattern
from mailstack.model.spam_rules import MAX_RULES, parse_rule

_HEAD: Final = (
    "# Written by mailstack from the datastore: change it with 'mailstack spam', not here.\n"
)
_LEARNS: Final = "bayes_learn_during_report 1\n"
"""local.cf says 0, so that a message can be learnt by a training profile only."""
_WITHOUT_BAYES: Final = "use_bayes 0\n"
_REPUTATION: Final = "use_txrep 1\n"
"""Only where a user's own mail is scanned: training must not make senders familiar, and one
sender's past must not count for all (whoever has no profile is scanned by local.cf alone)."""

SITE_TRAINING: Final = _HEAD + _LEARNS


def scanning(spam: Mapping[str, Any], *, authenticated: bool) -> str:
    """The user's own mail. ``authenticated``: SPF and DKIM are asked, so welcomes can need them."""
    return _HEAD + _wishes(spam, authenticated=authenticated) + _REPUTATION


def training(spam: Mapping[str, Any], *, authenticated: bool) -> str:
    """Learns into the user's database, and measures with it."""
    return _HEAD + _wishes(spam, authenticated=authenticated) + _LEARNS


def plain(spam: Mapping[str, Any], *, authenticated: bool) -> str:
    """Measures what the same rules say without any training."""
    return _HEAD + _wishes(spam, authenticated=authenticated) + _WITHOUT_BAYES


def _wishes(spam: Mapping[str, Any], *, authenticated: bool) -> str:
    # Forged mail must not be welcome; without network tests nobody can tell what is forged.
    welcome = "welcomelist_auth" if authenticated else "welcomelist_from"
    lines = [
        *_threshold(spam.get("threshold")),
        *(f"{welcome} {pattern}" for pattern in _checked(spam, "allow", parse_pattern)),
        *(f"blocklist_from {pattern}" for pattern in _checked(spam, "block", parse_pattern)),
        *_languages(spam.get("languages") or ()),
        *_checked(spam, "rules", parse_rule),
    ]
    return "".join(f"{line}\n" for line in lines)


def _threshold(value: float | None) -> Iterator[str]:
    if isinstance(value, int | float):
        yield f"required_score {value:g}"


def _languages(codes: Iterable[str]) -> Iterator[str]:
    known = [code for code in codes if code.isascii() and code.isalpha()]
    if known:
        yield f"ok_languages {' '.join(known)}"


_MOST: Final = {"allow": MAX_PATTERNS, "block": MAX_PATTERNS, "rules": MAX_RULES}


def _checked(spam: Mapping[str, Any], name: str, parse: Callable[[str], str]) -> Iterator[str]:
    for line in list(spam.get(name) or ())[: _MOST[name]]:
        try:
            yield parse(line)
        except ValueError:
            continue
