"""``mailstack user``."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli.invocation import Invocation
from mailstack.client import Client, UnixTransport

ANNA = "anna@example.org"


@pytest.fixture
def anna(mailstack: Mailstack) -> Iterator[str]:
    """A user with a generated password, which is the value."""
    _, out, _ = mailstack("user", "add", ANNA)
    yield out.splitlines()[1].removeprefix("password: ")
    mailstack("user", "remove", ANNA, "--yes")


def stored_hash(state: Path) -> str:
    lines = Client(UnixTransport(Invocation(state=state).api_socket)).lines("GET", "export")
    users = [json.loads(line) for line in lines]
    return str(next(user["password"] for user in users if user.get("address") == ANNA))


def test_a_password_is_generated(mailstack: Mailstack, anna: str) -> None:
    """Without --password-stdin a readable password is made, and printed once."""
    assert re.fullmatch(r"([a-z2-9]{5}-){3}[a-z2-9]{5}", anna)
    assert anna not in mailstack("user", "show", ANNA, "--json")[1]


def test_the_password_fits_its_hash(couchmail: Path, anna: str) -> None:
    """What was printed is what logs in; the store holds only an Argon2id hash."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - only this test hashes

    scheme, _, phc = stored_hash(couchmail).partition("}")
    assert scheme == "{ARGON2ID"
    assert PasswordHasher().verify(phc, anna)


def test_the_password_is_read_from_standard_input(
    mailstack: Mailstack, monkeypatch: pytest.MonkeyPatch, anna: str, couchmail: Path
) -> None:
    """A given password is one line of standard input, and is not printed back."""
    del anna
    before = stored_hash(couchmail)
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\r\n"))
    status, out, _ = mailstack("user", "set", ANNA, "--password-stdin")
    assert (status, out) == (0, f"changed user {ANNA}\n")
    assert stored_hash(couchmail) != before


def test_an_empty_password_is_refused(
    mailstack: Mailstack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed standard input does not make a user with an empty password."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    status, _, err = mailstack("user", "add", "empty@example.org", "--password-stdin")
    assert (status, err) == (1, "mailstack: a password has 1 to 1024 octets\n")
    assert mailstack("user", "show", "empty@example.org")[0] == 1


def test_quota_and_state(mailstack: Mailstack, anna: str) -> None:
    """Quota and state are changed apart from each other, and shown."""
    del anna
    assert mailstack("user", "show", ANNA)[1] == f"{ANNA}\tdefault\tenabled\n"
    mailstack("user", "set", ANNA, "--quota", "2GiB")
    mailstack("user", "set", ANNA, "--disable")
    assert mailstack("user", "show", ANNA)[1] == f"{ANNA}\t2.0 GiB\tdisabled\n"
    assert mailstack("user", "set", ANNA, "--disable")[1] == f"user {ANNA} is so already\n"
    mailstack("user", "set", ANNA, "--enable", "--quota", "none")
    assert mailstack("user", "show", ANNA)[1] == f"{ANNA}\tdefault\tenabled\n"


def test_a_program_gets_the_password_as_json(mailstack: Mailstack) -> None:
    """With --json the generated password stands in the document."""
    _, out, _ = mailstack("user", "add", "json@example.org", "--json", "--quota", "1MiB")
    added = json.loads(out)
    assert (added["address"], added["quota"]) == ("json@example.org", 1024**2)
    assert len(added["password"]) == 23
    mailstack("user", "remove", "json@example.org", "--yes")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("add", "no-at-sign"), 1, "'no-at-sign' is not an address"),
        (("add", "a@elsewhere.example"), 1, "elsewhere.example"),
        (("add", ANNA, "--quota", "much"), 2, "'much' is not a size"),
        (("add", ANNA), 1, ANNA),
        (("set", "nobody@example.org", "--disable"), 1, "nobody@example.org"),
        (("set", ANNA), 2, "nothing to set"),
        (("remove", "nobody@example.org", "--yes"), 1, "nobody@example.org"),
        (("show", "nobody@example.org"), 1, "nobody@example.org"),
    ],
)
def test_bad_input_is_one_line(
    mailstack: Mailstack, anna: str, arguments: tuple[str, ...], status: int, words: str
) -> None:
    """A bad or duplicate address, a missing user, a wrong size: one line, and nothing changes."""
    del anna
    before = mailstack("user", "list", "--json")
    found, out, err = mailstack("user", *arguments)
    assert (found, out) == (status, "")
    assert words in err
    assert err.count("\n") == 1
    assert mailstack("user", "list", "--json") == before


def test_a_person_is_asked_before_a_user_goes(
    mailstack: Mailstack, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal, remove asks; any answer but yes keeps the user."""
    del anna

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert mailstack("user", "remove", ANNA)[0] == 130
    assert mailstack("user", "show", ANNA)[0] == 0
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    status, out, err = mailstack("user", "remove", ANNA)
    assert status == 0
    assert out == f"removed user {ANNA}; its mailbox on disk was not touched\n"
    assert err == f"Remove {ANNA}, its login and its scripts? [y/N] "


def test_list_narrows_to_a_domain(mailstack: Mailstack, anna: str) -> None:
    """--domain lists the users of one domain."""
    del anna
    assert ANNA in mailstack("user", "list", "--domain", "example.org")[1]
    mailstack("domain", "add", "three.example")
    assert mailstack("user", "list", "--domain", "three.example")[1] == ""
