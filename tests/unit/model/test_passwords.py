"""Password hashes: made, recognised, refused."""

import subprocess
import sys

import pytest
from argon2 import PasswordHasher, extract_parameters

from mailstack.model.passwords import check_hash, generate_password, hash_password

BCRYPT = "{BLF-CRYPT}$2y$05$" + "a" * 53
SHA512 = "{SHA512-CRYPT}$6$rounds=5000$saltsalt$" + "a" * 86


def test_new_hash() -> None:
    """A new hash is Argon2id with 19 MiB and 2 passes, salted, and verifies."""
    first, second = hash_password("päss word"), hash_password("päss word")
    assert first != second
    assert check_hash(first) == first
    encoded = first.removeprefix("{ARGON2ID}")
    parameters = extract_parameters(encoded)
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19456, 2, 1)
    assert PasswordHasher().verify(encoded, "päss word")


@pytest.mark.parametrize("password", ["", "a\nb", "a\0", "a" * 1025])
def test_unusable_passwords(password: str) -> None:
    """What no mail program can send, or is a file, is not a password."""
    with pytest.raises(ValueError, match="password"):
        hash_password(password)


@pytest.mark.parametrize("text", [BCRYPT, SHA512, BCRYPT.replace("BLF", "blf")])
def test_accepted_on_import(text: str) -> None:
    """Other systems' strong hashes are taken, their scheme in capitals."""
    assert check_hash(text) == text.replace("blf", "BLF")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{MD5-CRYPT}$1$x$y", r"\{MD5-CRYPT\} is not accepted"),
        ("{PLAIN}x", r"\{PLAIN\} is not accepted"),
        ("{SHA512-CRYPT.HEX}x", "is not accepted"),
        ("secret", "not a hash"),
        ("", "not a hash"),
        ("{ARGON2ID}secret", "not what {ARGON2ID} looks like"),
        ("{ARGON2ID}$argon2i$v=19$m=1,t=1,p=1$aaaaaaaaaaa$aaaaaaaaaaaaaaaa", "looks like"),
        (BCRYPT[:-1], "looks like"),
        (SHA512 + "\n", "looks like"),
        ("{ARGON2ID}" + "a" * 600, "not a hash"),
    ],
)
def test_refused(text: str, sentence: str) -> None:
    """The error names the scheme, and never quotes what may be a password."""
    with pytest.raises(ValueError, match=sentence) as refused:
        check_hash(text)
    assert "secret" not in str(refused.value)


def test_generated() -> None:
    """Generated passwords differ, and hold nothing that is easily misread."""
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    for password in passwords:
        assert len(password) == 23
        assert not set(password) & set("lo01")


def test_argon2_is_loaded_when_needed() -> None:
    """A service that only reads hashes does not pay for the library."""
    code = "import mailstack.model.documents, sys; sys.exit('argon2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
