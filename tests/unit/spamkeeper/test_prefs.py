"""Wishes → user_prefs, line by line."""

from typing import Any

import pytest

from mailstack.model.spamkey import wants_own
from mailstack.spamkeeper import prefs

WISHES: dict[str, Any] = {
    "threshold": 4.5,
    "allow": ["anna@example.org", "*@*.example.net"],
    "block": ["*@*.zip"],
    "rules": ["body USER_WON /you won/i", "score USER_WON 3"],
    "languages": ["en", "de"],
    "share_training": True,
}
HEAD = "# Written by mailstack from the datastore: change it with 'mailstack spam', not here.\n"
LINES = """\
required_score 4.5
welcomelist_auth anna@example.org
welcomelist_auth *@*.example.net
blocklist_from *@*.zip
ok_languages en de
body USER_WON /you won/i
score USER_WON 3
"""


def test_everything_a_user_can_wish() -> None:
    """Each wish is one line, and the three profiles differ in learning and Bayes alone."""
    assert prefs.scanning(WISHES, authenticated=True) == f"{HEAD}{LINES}use_txrep 1\n"
    training = f"{HEAD}{LINES}bayes_learn_during_report 1\n"
    assert prefs.training(WISHES, authenticated=True) == training
    assert prefs.plain(WISHES, authenticated=True) == f"{HEAD}{LINES}use_bayes 0\n"


def test_nothing_wished() -> None:
    """Without a document the settings of the stack count."""
    assert prefs.scanning({}, authenticated=True) == f"{HEAD}use_txrep 1\n"
    assert not wants_own({"share_training": True, "threshold": None, "allow": []})


@pytest.mark.parametrize("name", ["threshold", "allow", "block", "rules", "languages"])
def test_any_wish_makes_a_profile(name: str) -> None:
    """As the model says of the same document."""
    assert wants_own({name: WISHES[name]})


def test_without_network_tests_welcomes_cannot_ask_for_a_signature() -> None:
    """Nobody could tell then whether the sender is genuine."""
    text = prefs.scanning({"allow": ["anna@example.org"]}, authenticated=False)
    assert "welcomelist_from anna@example.org\n" in text


@pytest.mark.parametrize(
    "line",
    [
        "loadplugin Evil /tmp/evil.pm",
        "body USER_X /x/\nloadplugin Evil",
        "bayes_path /etc/passwd",
        "include /etc/passwd",
        "header USER_X eval:evil()",
    ],
)
def test_no_other_line_gets_in(line: str) -> None:
    """Even if it stood in the datastore: spamd takes rules from this file."""
    for name in ("rules", "allow", "block"):
        text = prefs.scanning({name: [line]}, authenticated=True)
        assert text == f"{HEAD}use_txrep 1\n"
    assert prefs.scanning({"languages": ["en\nx"]}, authenticated=True) == f"{HEAD}use_txrep 1\n"
