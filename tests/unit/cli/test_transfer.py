"""``mailstack export`` and ``mailstack import``."""

import io
import json
import stat
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Mailstack

from mailstack.cli.__main__ import run

HASH = "{SHA512-CRYPT}$6$salt$" + "a" * 86


def lines(*documents: object) -> str:
    return "".join(f"{json.dumps(document)}\n" for document in documents)


USERS = [
    {"type": "user", "address": f"u{number}@import.example", "password": HASH}
    for number in range(3)
]
DOMAIN = {"type": "domain", "name": "import.example"}


@pytest.fixture
def file(tmp_path: Path, mailstack: Mailstack) -> Path:
    """A file to import, whose domain is not there before."""
    mailstack("domain", "remove", "import.example", "--recursive", "--yes")
    path = tmp_path / "documents.jsonl"
    path.write_text(lines(DOMAIN, *USERS))
    return path


def test_what_is_exported_can_be_imported(mailstack: Mailstack, file: Path, tmp_path: Path) -> None:
    """Export, import with --replace, export: the same documents."""
    assert mailstack("import", str(file))[:2] == (0, "imported 4 documents\n")
    first, second = tmp_path / "first", tmp_path / "second"
    assert mailstack("export", str(first))[0] == 0
    status, out, _ = mailstack("import", str(first), "--replace", "--yes")
    assert (status, out.split(",")[1]) == (0, " removed 0 documents\n")
    assert mailstack("export", str(second))[0] == 0
    assert first.read_bytes() == second.read_bytes()


def test_an_export_is_for_its_owner_only(mailstack: Mailstack, tmp_path: Path) -> None:
    """The file holds password hashes, so nobody else may read it."""
    path = tmp_path / "export"
    mailstack("export", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path] == list(tmp_path.iterdir())


def test_export_to_standard_output(
    couchmail: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Without a file the documents go to standard output, one a line."""
    assert run(["--state", str(couchmail), "export"]) == 0
    out = capfdbinary.readouterr().out
    assert "domain" in {json.loads(line)["type"] for line in out.splitlines()}


def test_replace_removes_what_is_not_in_the_file(mailstack: Mailstack, file: Path) -> None:
    """--replace makes the datastore hold what the file holds, and nothing else."""
    mailstack("import", str(file))
    whole = file.with_name("whole")
    mailstack("export", str(whole))
    fewer = [line for line in whole.read_text().splitlines() if "u1@import.example" not in line]
    whole.write_text("\n".join(fewer))
    assert mailstack("import", str(whole), "--replace", "--yes")[1].endswith(
        "removed 1 documents\n"
    )
    assert mailstack("user", "show", "u1@import.example")[0] == 1
    assert mailstack("user", "show", "u2@import.example")[0] == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{not json", "not JSON"),
        ('{"type": "usr"}', "no known type"),
        (json.dumps(USERS[0] | {"nick": "x"}), "a user has no field 'nick'"),
        (json.dumps(USERS[0] | {"password": "plain"}), "the password is not a hash"),
    ],
)
def test_a_bad_line_changes_nothing(mailstack: Mailstack, file: Path, bad: str, words: str) -> None:
    """A line that is no document is named, and not one document before it is written."""
    file.write_text(file.read_text() + bad + "\n")
    status, out, err = mailstack("import", str(file))
    assert (status, out) == (1, "")
    assert err.startswith(f"mailstack: {file}:5: ")
    assert words in err
    assert err.endswith("; nothing was imported\n")
    assert mailstack("domain", "show", "import.example")[0] == 1


def test_a_document_that_does_not_fit_names_its_line(mailstack: Mailstack, file: Path) -> None:
    """What only the datastore can refuse is named with its line, too."""
    file.write_text(lines(USERS[0]))
    status, _, err = mailstack("import", str(file))
    assert status == 1
    assert f"{file}:1: " in err
    assert "0 documents before it are imported" in err


def test_import_from_standard_input(
    mailstack: Mailstack, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """- reads standard input; blank lines are no documents."""
    piped = io.TextIOWrapper(io.BytesIO(b"\n" + file.read_bytes()))
    monkeypatch.setattr("sys.stdin", piped)
    assert mailstack("import", "-")[:2] == (0, "imported 4 documents\n")


def test_a_missing_file(mailstack: Mailstack, tmp_path: Path) -> None:
    """A file that is not there is one line."""
    status, _, err = mailstack("import", str(tmp_path / "none"))
    assert (status, err) == (
        1,
        f"mailstack: {tmp_path}/none cannot be read: No such file or directory\n",
    )
