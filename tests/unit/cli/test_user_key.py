"""``mailstack user key``: what is published of a user's OpenPGP key, and what becomes of it."""

import base64
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.openpgp import Keyring
from tests.unit.cli.conftest import Mailstack

from mailstack.model.openpgp_packets import read_key

ANNA = "anna@keys.example"


@pytest.fixture(scope="module")
def keyring() -> Iterator[Keyring]:
    """Anna's key with a private address beside, and Bert's."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gpg-") as folder:
        ring = Keyring(Path(folder))
        ring.make(f"Anna <{ANNA}>", "Anna <anna@private.example>")
        ring.make("Bert <bert@keys.example>")
        yield ring
        ring.stop()


@pytest.fixture
def anna(mailstack: Mailstack) -> Iterator[str]:
    """A user without a key, in a domain of her own."""
    mailstack("domain", "add", "keys.example")
    assert mailstack("user", "add", ANNA)[0] == 0
    yield ANNA
    mailstack("domain", "remove", "keys.example", "--recursive", "--yes")


@pytest.fixture
def file(tmp_path: Path, keyring: Keyring) -> Path:
    """Anna's key as GnuPG exports it."""
    path = tmp_path / "anna.asc"
    path.write_bytes(keyring.export(ANNA, "--armor"))
    return path


@pytest.mark.parametrize("options", [(), ("--armor",)])
def test_a_key_is_published_shown_and_removed(
    mailstack: Mailstack, anna: str, keyring: Keyring, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Armored or binary; shown by its fingerprint; after --remove there is none to show."""
    exported = keyring.export(ANNA, *options)
    path = tmp_path / "key"
    path.write_bytes(exported)
    fingerprint = read_key(exported).fingerprint
    said = f"OpenPGP key of {anna}: {fingerprint}\n"
    assert mailstack("user", "key", anna, str(path)) == (0, f"published {said}", "")
    assert mailstack("user", "key", anna, "--show") == (0, said, "")
    shown = json.loads(mailstack("user", "key", anna, "--show", "--json")[1])
    assert shown["user_ids"] == [f"Anna <{ANNA}>"]  # the private address is not published
    assert mailstack("user", "key", anna, "--remove")[0] == 0
    status, out, err = mailstack("user", "key", anna, "--show")
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_a_key_comes_from_standard_input(
    mailstack: Mailstack, anna: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``gpg --export`` is piped into the command."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert mailstack("user", "key", anna, "-")[0] == 0


def test_what_is_no_key_of_the_user(
    mailstack: Mailstack, anna: str, keyring: Keyring, tmp_path: Path
) -> None:
    """Private keys, several keys, another's key and no key: one line each, and nothing stored."""
    path = tmp_path / "key"
    for data, words in (
        (keyring.gpg("--armor", "--export-secret-keys", ANNA), "private key"),
        (keyring.gpg("--export"), "several keys"),
        (keyring.export("bert@keys.example"), "no user id with"),
        (b"hello\n", "no OpenPGP public key"),
        (b"", "no OpenPGP public key"),
    ):
        path.write_bytes(data)
        status, out, err = mailstack("user", "key", anna, str(path))
        assert (status, out, err.count("\n")) == (1, "", 1), err
        assert words in err
    assert mailstack("user", "key", anna, "--show")[0] == 1


def test_how_it_is_asked(mailstack: Mailstack, anna: str, file: Path, tmp_path: Path) -> None:
    """One thing at a time; a file that is not there, and a user that is not, are named."""
    for given in ((), (str(file), "--show"), ("--show", "--remove")):
        assert mailstack("user", "key", anna, *given)[0] == 2
    assert mailstack("user", "key", anna, str(tmp_path / "none"))[0] == 1
    for option in ("--show", "--remove"):
        status, _, err = mailstack("user", "key", "nobody@keys.example", option)
        assert (status, err.count("\n")) == (1, 1)


def test_a_key_goes_with_its_user(mailstack: Mailstack, anna: str, file: Path) -> None:
    """Who comes later under the same address does not inherit it."""
    assert mailstack("user", "key", anna, str(file))[0] == 0
    mailstack("user", "remove", anna, "--yes")
    mailstack("user", "add", anna)
    assert mailstack("user", "key", anna, "--show")[0] == 1


def test_a_key_is_exported_and_imported(
    mailstack: Mailstack, anna: str, file: Path, tmp_path: Path
) -> None:
    """It is a document like any other, and comes back as it was."""
    mailstack("user", "key", anna, str(file))
    before = mailstack("user", "key", anna, "--show", "--json")[1]
    export = tmp_path / "export"
    assert mailstack("export", str(export))[0] == 0
    kept = [json.loads(line) for line in export.read_text().splitlines()]
    key = next(one for one in kept if one["type"] == "openpgp")
    assert key["owner"] == anna
    assert read_key(base64.b64decode(key["public"])).user_ids == (f"Anna <{ANNA}>",)
    mailstack("user", "key", anna, "--remove")
    assert mailstack("import", str(export), "--replace", "--yes")[0] == 0
    after = mailstack("user", "key", anna, "--show", "--json")[1]
    assert _without_revision(after) == _without_revision(before)


def _without_revision(shown: str) -> dict[str, object]:
    fields: dict[str, object] = json.loads(shown)
    fields.pop("revision", None)
    return fields
