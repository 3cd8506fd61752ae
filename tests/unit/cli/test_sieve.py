"""``mailstack sieve``."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

ANNA = "sieve@example.org"


@pytest.fixture
def anna(mailstack: Mailstack) -> Iterator[str]:
    """A user without scripts."""
    mailstack("user", "add", ANNA)
    yield ANNA
    mailstack("user", "remove", ANNA, "--yes")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A script that compiles."""
    path = tmp_path / "script.sieve"
    path.write_text('require "fileinto";\nfileinto "Lists";\n')
    return path


def test_from_put_to_remove(mailstack: Mailstack, anna: str, file: Path) -> None:
    """A script is stored, shown as it was, activated, put to rest and removed."""
    said = mailstack("sieve", "put", anna, "lists", str(file))
    assert said == (0, f"stored script lists of {anna}\n", "")
    assert mailstack("sieve", "list", anna)[1] == "lists\t-\n"
    assert mailstack("sieve", "get", anna, "lists")[1] == file.read_text()
    assert mailstack("sieve", "activate", anna, "lists")[1] == f"script lists of {anna} is active\n"
    assert mailstack("sieve", "list", anna)[1] == "lists\tactive\n"
    assert mailstack("sieve", "deactivate", anna, "lists")[0] == 0
    assert mailstack("sieve", "remove", anna, "lists")[0] == 0
    assert mailstack("sieve", "list", anna, "--json")[1] == "[]\n"


def test_an_active_script_stays_active(mailstack: Mailstack, anna: str, file: Path) -> None:
    """Putting a new text does not switch a script off, and --activate moves the switch."""
    said = mailstack("sieve", "put", anna, "one", str(file), "--activate")
    assert said[1] == f"stored script one of {anna}, which is active\n"
    said = mailstack("sieve", "put", anna, "one", str(file))
    assert said[1] == f"stored script one of {anna}, which is active\n"
    mailstack("sieve", "put", anna, "two", str(file), "--activate")
    scripts = json.loads(mailstack("sieve", "list", anna, "--json")[1])
    assert {script["name"]: script["active"] for script in scripts} == {"one": False, "two": True}


def test_the_default_of_a_domain(mailstack: Mailstack, anna: str, file: Path) -> None:
    """@DOMAIN stands for all its users who have none active; they do not see it as theirs."""
    said = mailstack("sieve", "put", "@example.org", "all", str(file), "--activate")
    assert said == (0, "stored script all of @example.org, which is active\n", "")
    assert mailstack("sieve", "list", "@example.org")[1] == "all\tactive\n"
    assert mailstack("sieve", "list", anna, "--json")[1] == "[]\n"
    assert mailstack("sieve", "remove", "@example.org", "all")[0] == 0


def test_a_script_that_does_not_compile(mailstack: Mailstack, anna: str, file: Path) -> None:
    """The compiler's line is told, and what was stored stays."""
    mailstack("sieve", "put", anna, "lists", str(file))
    before = mailstack("sieve", "get", anna, "lists")
    file.write_text('require "fileinto";\nfilinto "Lists";\n')
    status, out, err = mailstack("sieve", "put", anna, "lists", str(file))
    assert (status, out) == (1, "")
    assert "filinto" in err
    assert "2" in err
    assert err.count("\n") == 1
    assert mailstack("sieve", "get", anna, "lists") == before


def test_unchecked(mailstack: Mailstack, anna: str, file: Path) -> None:
    """Where no compiler is, the owner may take the risk, and has to say so."""
    file.write_text("not yet a script\n")
    assert mailstack("sieve", "put", anna, "draft", str(file))[0] == 1
    said = mailstack("sieve", "put", anna, "draft", str(file), "--unchecked")
    assert said == (0, f"stored script draft of {anna}\n", "")
    assert mailstack("sieve", "get", anna, "draft")[1] == file.read_text()


def test_from_standard_input(
    mailstack: Mailstack, anna: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """- reads the script from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert mailstack("sieve", "put", anna, "piped", "-")[0] == 0
    assert mailstack("sieve", "get", anna, "piped")[1] == file.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", ANNA, "none"), "none"),
        (("activate", ANNA, "none"), "none"),
        (("list", "nobody@example.org"), "nobody@example.org"),
        (("put", ANNA, "x", "/nonexistent.sieve"), "cannot be read: No such file or directory"),
    ],
)
def test_what_is_not_there(
    mailstack: Mailstack, anna: str, arguments: tuple[str, ...], words: str
) -> None:
    """A missing script, user or file is one line."""
    assert anna == ANNA
    status, out, err = mailstack("sieve", *arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_a_binary_file_is_no_script(mailstack: Mailstack, anna: str, file: Path) -> None:
    """A file in another encoding is refused before it is sent."""
    file.write_bytes(b"\xff\xfe\x00")
    status, _, err = mailstack("sieve", "put", anna, "x", str(file))
    assert (status, err) == (1, f"mailstack: {file} is not UTF-8 text, so it is no script\n")
