"""From fields: what is read, and what is refused because two readers might differ."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model.authors import MAX_AUTHORS, authors

ANNA, BERT = "anna@example.org", "bert@example.net"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (" anna@example.org", [ANNA]),
        (" Anna <Anna@Example.ORG>", [ANNA]),
        (' "Anna, the \\"first\\"" <anna@example.org>', [ANNA]),
        (" =?UTF-8?Q?Gr=C3=B6=C3=9Fe?= <anna@example.org>", [ANNA]),
        (" Anna (at (her) desk) <anna@example.org> (really)", [ANNA]),
        (" Anna\r\n\t<anna@example.org>", [ANNA]),
        (" anna@example.org, Bert <bert@example.net>", [ANNA, BERT]),
        (" anna@example.org <anna@example.org>", [ANNA]),
        (" <anna@example.org>", [ANNA]),
        (" Größe <anna@example.org>", [ANNA]),
    ],
)
def test_read(value: str, found: list[str]) -> None:
    """Names, comments and folds are left out; addresses are in canonical form."""
    assert authors(value) == found


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " Anna",
        " <>",
        " anna@example.org <boss@corp.example> x",
        " anna@example.org bert@example.net",
        " <anna@example.org> <boss@corp.example>",
        " <boss@corp.example> anna@example.org",
        " <anna@example.org><boss@corp.example>",
        " <anna@example.org",
        " anna@example.org>",
        " <<anna@example.org>>",
        " anna@example.org,",
        " group: anna@example.org;",
        " (comment anna@example.org",
        ' (a "quote) <boss@corp.example> (") <anna@example.org>',
        ' "unclosed <anna@example.org>',
        ' "anna"@example.org',
        " anna@example.org\\",
        " anna@exa(mple)mple.org",
        " boss@corp.example <anna@example.org>",
        " Anna) <anna@example.org>",
        " a: <anna@example.org>",
        " \\Anna <anna@example.org>",
        " <@relay.example:anna@example.org>",
        ", ".join(["anna@example.org"] * (MAX_AUTHORS + 1)),
    ],
)
def test_refused(value: str) -> None:
    """What is no plain list of addresses is not guessed at."""
    with pytest.raises(ValueError, match="From field"):
        authors(value)


@given(st.text(alphabet='ab@.,<>():;"\\ \n\té', max_size=30))
def test_any_text(value: str) -> None:
    """It is read or refused, and nothing else happens."""
    with suppress(ValueError):
        assert all("@" in address for address in authors(value))
