"""``mailstack spam``."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli.spam import Profile
from mailstack.client import Client
from mailstack.errors import RevisionConflict

ANNA = "wishes@example.org"
RULES = """\
# What I never want to see again.
body  USER_WIN /you have won/i

score USER_WIN 5
"""


@pytest.fixture
def anna(mailstack: Mailstack) -> Iterator[str]:
    """A user without a profile."""
    mailstack("user", "add", ANNA)
    yield ANNA
    mailstack("user", "remove", ANNA, "--yes")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Rules that SpamAssassin accepts."""
    path = tmp_path / "rules.cf"
    path.write_text(RULES)
    return path


def test_nothing_is_set(mailstack: Mailstack, anna: str) -> None:
    """Who has no profile is shown what everybody has."""
    shown = "threshold\tdefault\nlanguages\tany\nshares training\tno\n"
    assert mailstack("spam", "show", anna) == (0, shown, "")


def test_setting(mailstack: Mailstack, anna: str) -> None:
    """Each wish is set by itself, and set back."""
    said = mailstack("spam", "set", anna, "--threshold", "3.5", "--languages", "de, EN")
    assert said == (0, f"spam profile of {anna}: changed\n", "")
    assert mailstack("spam", "set", anna, "--share-training")[0] == 0
    shown = json.loads(mailstack("spam", "show", anna, "--json")[1])
    assert (shown["threshold"], shown["languages"]) == (3.5, ["de", "en"])
    assert shown["share_training"] is True
    again = mailstack("spam", "set", anna, "--threshold", "3.5")
    assert again[1] == f"spam profile of {anna}: is so already\n"
    back = ("--threshold", "default", "--languages", "any", "--no-share-training")
    after = json.loads(mailstack("spam", "set", anna, *back, "--json")[1])
    assert (after["threshold"], after["languages"], after["share_training"]) == (None, [], False)


def test_lists(mailstack: Mailstack, anna: str) -> None:
    """Senders are added in one form, moved between the lists, and taken out."""
    said = mailstack("spam", "allow", anna, "Bert@example.net", "example.com")
    assert said[1] == f"spam profile of {anna}: allow list has 2 entries\n"
    mailstack("spam", "block", anna, "*@example.com", "*@*.zip")
    rows = mailstack("spam", "show", anna)[1].splitlines()
    assert rows[3:] == ["allow\tbert@example.net", "block\t*@example.com", "block\t*@*.zip"]
    assert mailstack("spam", "block", anna, "*@*.zip")[1].endswith("is so already\n")
    assert mailstack("spam", "block", anna, "@example.com", "--remove")[0] == 0
    shown = json.loads(mailstack("spam", "show", anna, "--json")[1])
    assert (shown["allow"], shown["block"]) == (["bert@example.net"], ["*@*.zip"])


def test_rules(mailstack: Mailstack, anna: str, file: Path) -> None:
    """Rules replace those before, without comments; --clear removes them."""
    said = mailstack("spam", "rules", anna, str(file))
    assert said == (0, f"spam profile of {anna}: has 2 rule lines\n", "")
    shown = mailstack("spam", "show", anna)[1].splitlines()
    assert shown[3:] == ["rule\tbody  USER_WIN /you have won/i", "rule\tscore USER_WIN 5"]
    assert mailstack("spam", "rules", anna, "--clear")[0] == 0
    assert "rule\t" not in mailstack("spam", "show", anna)[1]


def test_rules_from_standard_input(
    mailstack: Mailstack, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """- reads the rules from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(RULES.encode())))
    assert mailstack("spam", "rules", anna, "-")[0] == 0
    assert "rule\tscore USER_WIN 5" in mailstack("spam", "show", anna)[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("include /etc/passwd\n", "rules.cf:1: the rule 'include /etc/passwd' is not possible"),
        ("\n# x\nbody USER_A /(a/\n", "rules.cf:3: the rule 'body USER_A /(a/': a '(' is not"),
        ("score USER_A 1\n", "rules.cf: the rule USER_A is not defined"),
        ("body USER_A /[z-a]/\n", "SpamAssassin refuses rule 1"),
        ("score NO_SUCH_RULE 1\n", "score set for non-existent rule NO_SUCH_RULE"),
    ],
)
def test_rules_that_are_refused(
    mailstack: Mailstack, anna: str, file: Path, text: str, words: str
) -> None:
    """A bad rule is told with its place, in our words or SpamAssassin's, and nothing changes."""
    mailstack("spam", "rules", anna, str(file))
    before = mailstack("spam", "show", anna)
    file.write_text(text)
    status, out, err = mailstack("spam", "rules", anna, str(file))
    assert (status, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert mailstack("spam", "show", anna) == before


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("show", "nobody@example.org"), 1, "no user nobody@example.org"),
        (("set", "nobody@example.org", "--threshold", "3"), 1, "no user nobody@example.org"),
        (("set", ANNA), 2, "nothing to set"),
        (("set", ANNA, "--threshold", "high"), 2, "'high' is no score"),
        (("set", ANNA, "--threshold", "0"), 1, "greater than or equal to 1"),
        (("set", ANNA, "--threshold", "nan"), 1, "number"),
        (("set", ANNA, "--languages", "german"), 1, "write a code of two letters"),
        (("allow", ANNA, "nobody"), 1, "write one like anna@example.org"),
        (("allow", ANNA, "a@example.net", "--remove"), 1, "is not in the allow list"),
        (("rules", ANNA), 2, "either FILE or --clear"),
        (("rules", ANNA, "/nonexistent.cf"), 1, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_not_possible(
    mailstack: Mailstack, anna: str, arguments: tuple[str, ...], status: int, words: str
) -> None:
    """Each mistake is one line."""
    assert anna == ANNA
    found, out, err = mailstack("spam", *arguments)
    assert (found, out) == (status, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_lost_race_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wrote in between is not undone: the change is made anew of what is there now."""
    found = [{"owner": ANNA, "allow": [], "block": [], "revision": str(n)} for n in range(2)]
    found[1]["allow"] = ["theirs@example.net"]
    written: list[object] = []

    class _Answer:
        def __init__(self, fields: dict[str, object]) -> None:
            self.fields = fields

    def call(
        _: Client, method: str, *__: str, document: object = None, headers: object = None
    ) -> _Answer:
        if method == "GET":
            return _Answer(dict(found.pop(0)))
        if found:
            raise RevisionConflict("lost")
        written.append((document, headers))
        return _Answer({})

    monkeypatch.setattr(Client, "call", call)
    Profile(Client.__new__(Client), ANNA).add("allow", ["ours@example.net"])
    allowed = ["theirs@example.net", "ours@example.net"]
    assert written == [({"owner": ANNA, "allow": allowed, "block": []}, {"if-match": '"1"'})]
