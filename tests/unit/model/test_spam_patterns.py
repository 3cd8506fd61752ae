"""Patterns of senders, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model.spam_patterns import parse_pattern


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("Anna@Example.org", "anna@example.org"),
        ("*@example.org", "*@example.org"),
        ("@example.org", "*@example.org"),
        ("example.org", "*@example.org"),
        ("*.example.org", "*@*.example.org"),
        ("*@*.Example.org.", "*@*.example.org"),
        ("*@*.zip", "*@*.zip"),
        ("news-*@example.org", "news-*@example.org"),
        ("a?c@example.org", "a?c@example.org"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("*@*.bücher.example", "*@*.xn--bcher-kva.example"),
        ("größe@example.org", "grösse@example.org"),
    ],
)
def test_taken(written: str, pattern: str) -> None:
    """Each spelling becomes the one form that is compared, which stays as it is."""
    assert parse_pattern(written) == pattern
    assert parse_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "", "*", "*@*", "@", "anna", "a b@example.org", "a@*", "a@ex*mple.org", "*@*.*.org",
        "a@1.2.3.4", "a\n@example.org", "*@*.", "*@*.9", "(a)@example.org",
        "x" * 250 + "@b.example",
    ],
)  # fmt: skip
def test_refused(text: str) -> None:
    """What is no pattern is refused with an example of one."""
    with pytest.raises(ValueError, match=r"anna@example\.org, \*@example\.org"):
        parse_pattern(text)


def test_a_comment_cannot_hide_in_it() -> None:
    """A # would end the line in SpamAssassin's file."""
    with pytest.raises(ValueError, match=r"write \? instead"):
        parse_pattern("a#b@example.org")


@given(st.text(max_size=60))
def test_a_pattern_is_one_word(text: str) -> None:
    """Whatever is accepted is one word of a line, without a comment in it."""
    try:
        pattern = parse_pattern(text)
    except ValueError:
        return
    assert pattern.split() == [pattern]
    assert "#" not in pattern
    assert parse_pattern(pattern) == pattern
