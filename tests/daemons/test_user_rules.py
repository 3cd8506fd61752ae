"""Users' own rules, read by SpamAssassin itself before they are stored."""

import pytest

from mailstack.aio.command import Finished
from mailstack.daemons.spamassassin import user_rules
from mailstack.daemons.spamassassin.user_rules import lint_rules
from mailstack.errors import InvalidDocument, MissingProgram, ServiceFailed
from mailstack.model.spam_rules import parse_rule

GOOD = (
    "header USER_LIST Subject =~ /^\\[list\\]/i",
    "header USER_FROM From:addr =~ /@example\\.org$/",
    "body USER_WIN /\\byou (?:have )?won\\b/i",
    "body USER_UMLAUT /Größe \\#1/",
    "score USER_WIN 2.5",
    "score HTML_MESSAGE 0.1",
    "describe USER_WIN Somebody says that I won something, which is rarely true",
)


async def test_good_rules_pass() -> None:
    """Everything that the model allows, SpamAssassin takes."""
    assert tuple(map(parse_rule, GOOD)) == GOOD
    await lint_rules(GOOD)
    await lint_rules(())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("body USER_BAD /[z-a]/", r"refuses rule 8, .*: .*Invalid \[\] range"),
        ("body USER_BAD /x{3,2}/", "n > m can't match"),
        ("body USER_BAD /a|/", "always matching"),
        ("score HTML_MESAGE 3", "score set for non-existent rule HTML_MESAGE"),
    ],
)
async def test_what_it_refuses(line: str, words: str) -> None:
    """SpamAssassin's own words are told, with the line they are about."""
    assert parse_rule(line) == line
    with pytest.raises(InvalidDocument, match=words):
        await lint_rules((*GOOD, line))


async def test_a_checker_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SpamAssassin nothing is stored unchecked; the line says what to install."""
    monkeypatch.setattr(user_rules, "_command", lambda _: ("no-such-program",))
    with pytest.raises(MissingProgram, match="apt-get install spamassassin"):
        await lint_rules(GOOD)


async def test_a_checker_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and the rules are not stored."""
    monkeypatch.setattr(user_rules, "_command", lambda _: ("sleep", "60"))
    monkeypatch.setattr(user_rules, "TIMEOUT_S", 0.1)
    with pytest.raises(ServiceFailed, match=r"more than 0\.1 s"):
        await lint_rules(GOOD)


def test_a_checker_that_fails_by_itself() -> None:
    """A fault that is not the user's is not blamed on a rule."""
    with pytest.raises(ServiceFailed, match="no rules were found"):
        user_rules.refuse(Finished(2, "config: no rules were found!\n"), GOOD)
