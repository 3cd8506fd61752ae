"""``mailstack domain``."""

import json

from tests.unit.cli.conftest import Mailstack


def test_from_add_to_remove(mailstack: Mailstack) -> None:
    """A domain is added, shown, switched off and on, and removed; each says what it did."""
    assert mailstack("domain", "add", "One.Example") == (0, "added domain one.example\n", "")
    assert mailstack("domain", "show", "one.example") == (0, "one.example\tenabled\n", "")
    off = ("domain", "set", "one.example", "--disable")
    assert mailstack(*off)[1] == "domain one.example is disabled\n"
    assert mailstack(*off)[1] == "domain one.example is disabled already\n"
    assert mailstack("domain", "show", "one.example")[1] == "one.example\tdisabled\n"
    assert mailstack("domain", "remove", "one.example")[0] == 0
    assert mailstack("domain", "show", "one.example")[0] == 1


def test_list_as_json(mailstack: Mailstack) -> None:
    """A program gets the domains as a JSON array."""
    status, out, _ = mailstack("domain", "list", "--json")
    assert status == 0
    found = {domain["name"]: domain["enabled"] for domain in json.loads(out)}
    assert found["example.org"] is True


def test_a_duplicate_is_refused(mailstack: Mailstack) -> None:
    """Adding a domain twice is one clear line, and changes nothing."""
    status, out, err = mailstack("domain", "add", "example.org")
    assert (status, out) == (1, "")
    assert "example.org" in err
    assert err.count("\n") == 1


def test_a_bad_name_is_refused(mailstack: Mailstack) -> None:
    """What is no domain name is told with an example of one."""
    status, _, err = mailstack("domain", "add", "nodot")
    assert (status, err) == (
        1,
        "mailstack: 'nodot' is not a domain name; write one like example.org\n",
    )


def test_nothing_to_set(mailstack: Mailstack) -> None:
    """``set`` without a change is wrong usage."""
    status, _, err = mailstack("domain", "set", "example.org")
    assert (status, err.split(";")[0]) == (
        2,
        "mailstack: Invalid value: nothing to set: give --enable or --disable",
    )


def test_a_domain_in_use_is_kept(mailstack: Mailstack) -> None:
    """A domain with users or aliases goes only when asked to take them along."""
    mailstack("domain", "add", "two.example")
    mailstack("alias", "add", "info@two.example", "a@example.net")
    status, _, err = mailstack("domain", "remove", "two.example")
    assert status == 1
    assert "two.example" in err
    assert mailstack("domain", "remove", "two.example", "--recursive", "--yes")[0] == 0
    assert mailstack("alias", "show", "info@two.example")[0] == 1
