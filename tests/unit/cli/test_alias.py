"""``mailstack alias``."""

import json

from tests.unit.cli.conftest import Mailstack


def test_from_add_to_remove(mailstack: Mailstack) -> None:
    """An alias is added, its targets replaced, and removed; each says what it did."""
    said = mailstack("alias", "add", "Info@example.org", "a@example.net", "b@example.net")
    assert said == (0, "added alias info@example.org → a@example.net, b@example.net\n", "")
    said = mailstack("alias", "set", "info@example.org", "c@example.net")
    assert said[1] == "alias info@example.org → c@example.net\n"
    said = mailstack("alias", "set", "info@example.org", "c@example.net")
    assert said[1] == "alias info@example.org → c@example.net already\n"
    assert mailstack("alias", "show", "info@example.org")[1] == "info@example.org\tc@example.net\n"
    assert mailstack("alias", "remove", "info@example.org")[0] == 0
    assert mailstack("alias", "show", "info@example.org")[0] == 1


def test_a_catch_all(mailstack: Mailstack) -> None:
    """@DOMAIN is an alias like any other."""
    assert mailstack("alias", "add", "@example.org", "a@example.net")[0] == 0
    _, out, _ = mailstack("alias", "list", "--domain", "example.org", "--json")
    assert [alias["address"] for alias in json.loads(out)] == ["@example.org"]
    assert mailstack("alias", "remove", "@example.org")[0] == 0


def test_a_loop_is_refused(mailstack: Mailstack) -> None:
    """An alias that would lead back to itself is refused when it is written."""
    mailstack("alias", "add", "x@example.org", "y@example.org")
    status, out, err = mailstack("alias", "add", "y@example.org", "x@example.org")
    assert (status, out) == (1, "")
    assert "x@example.org" in err
    mailstack("alias", "remove", "x@example.org")


def test_a_target_is_needed(mailstack: Mailstack) -> None:
    """An alias to nowhere is wrong usage."""
    status, _, err = mailstack("alias", "add", "z@example.org")
    assert (status, err) == (
        2,
        "mailstack: Missing argument 'TARGET...'; see mailstack alias add --help\n",
    )
