"""Users' own rules: the four lines that are possible, and everything that is not."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model.spam_regex import check_regex
from mailstack.model.spam_rules import check_together, parse_rule


@pytest.mark.parametrize(
    "line",
    [
        "header USER_LIST Subject =~ /^\\[list\\]/i",
        "header USER_FROM From:addr =~ /@example\\.org$/",
        "header USER_NAME From:name =~ /Größe/",
        "body USER_WIN /\\byou have (?:really )?won\\b/i",
        "body   USER_WIN   /a/",
        "body USER_HASH /\\#1 choice/",
        "score USER_WIN 2.5",
        "score USER_WIN -100",
        "score HTML_MESSAGE 0.001",
        "describe USER_WIN Somebody says that I won",
    ],
)
def test_possible(line: str) -> None:
    """These say something about a message and its score, and nothing else."""
    assert parse_rule(f"  {line}\t") == line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "header, body, score and describe"),
        ("include /etc/passwd", "header, body, score and describe"),
        ("loadplugin Evil /tmp/evil.pm", "header, body, score and describe"),
        ("header USER_X eval:check_for_spf_pass()", "write header USER_NAME Subject"),
        ("header USER_X exists:Subject", "write header USER_NAME Subject"),
        ("header USER_X Subject !~ /x/", "write header USER_NAME Subject"),
        ("header MY_X Subject =~ /x/", "begins with USER_"),
        ("body USER_IN_WELCOMELIST /x/", "begins with USER_"),
        ("body user_x /x/", "begins with USER_"),
        ("body USER_X m{x}", "write body USER_NAME"),
        ("body USER_X /x/e", "write body USER_NAME"),
        ("body USER_X //", "is empty"),
        ("body USER_X /(?{system 'id'})/", "is not possible"),
        ("body USER_X /a # b/", "write \\\\#"),
        ("body USER_X /a/\nloadplugin Evil", "more than one line"),
        ("body USER_X /a\0/", "control character"),
        ("score USER_X", "write score NAME"),
        ("score USER_X 1 2 3 4", "write score NAME"),
        ("score USER_X 100.5", "from -100 to 100"),
        ("describe USER_X", "write describe"),
        ("body USER_X /" + "x" * 400 + "/", "more than 400 octets"),
    ],
)
def test_impossible(line: str, words: str) -> None:
    """Each is refused in one sentence that says what to write."""
    with pytest.raises(ValueError, match=words):
        parse_rule(line)


def test_names_fit_together() -> None:
    """A name is defined once, and before anything is said of it, in whatever order."""
    check_together(["score USER_A 1", "body USER_A /a/", "describe USER_A a", "score GTUBE 1"])
    with pytest.raises(ValueError, match="USER_A is defined twice"):
        check_together(["body USER_A /a/", "header USER_A To =~ /a/"])
    with pytest.raises(ValueError, match="USER_B is not defined"):
        check_together(["body USER_A /a/", "describe USER_B b"])


@pytest.mark.parametrize(
    "text",
    [
        "a", "^a.b$", "a|b", r"\bv[i1l]agra\b", "[^a-z]{2,}", "(?:foo|bar)?", r"\d{3}-\d{4}",
        "(?<!not )spam(?! filter)", r"\x41", r"a\/b", "[-+*?{}().|]", r"[\]\\]", "(?=a)b",
        ".*a.*b.*", "(abc)+", "(ab?)?c", "a+?b*?", r"[\w.]+@example",
    ],
)  # fmt: skip
def test_everyday_expressions(text: str) -> None:
    """What people write for mail is possible."""
    check_regex(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(a+)+", "could take hours"),
        ("(a|a)*b", "could take hours"),
        ("((a{0,9}))*", "could take hours"),
        ("(?:(?:a?b?)c){5}", "could take hours"),
        (".*.*.*.*x", "repeats too much"),
        ("a{0,999}b{0,999}c{0,999}d{0,999}", "repeats too much"),
        ("(?{die})", "is not possible"),
        ("(??{die})", "is not possible"),
        ("(?R)", "is not possible"),
        ("(?i)a", "is not possible"),
        ("(*FAIL)", "is not possible"),
        ("(?<name>a)", "is not possible"),
        (r"(a)\1", "is not possible"),
        (r"\g1", "is not possible"),
        (r"\p{IsEvil}", "is not possible"),
        (r"[\p{IsEvil}]", "is not possible"),
        (r"\N{U+41}", "is not possible"),
        ("a{", "write"),
        ("]", "write"),
        ("[a", "write"),
        ("[[:alpha:]]", "write"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("*a", "repeats nothing"),
        ("a|*", "repeats nothing"),
        ("a**", "repeats nothing"),
        ("a/b", "write"),
        ("a\\", "is not possible"),
    ],
)
def test_expressions_that_are_not_possible(text: str, words: str) -> None:
    """Code, calls, recursion and explosions are refused, and so is what is no expression."""
    with pytest.raises(ValueError, match=words):
        check_regex(text)


@given(st.text(alphabet="ab()[]{}*+?|\\/.^$-:=!<0,9 \u00e9", max_size=40))
def test_the_scanner_is_total(text: str) -> None:
    """Any text is accepted or refused; nothing else happens."""
    with suppress(ValueError):
        check_regex(text)
