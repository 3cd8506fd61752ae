"""Private keys in the datastore."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.dkim.master import new_master, read_master
from mailstack.dkim.sealing import owner_line, seal, unseal
from mailstack.errors import ConfigError, MailstackError

KEY = bytes(32)
OWNER = owner_line("example.org", "k1", "rsa")


@given(st.text())
def test_what_was_sealed_opens(private: str) -> None:
    """Every text comes back, and two seals of one text differ."""
    sealed = seal(KEY, OWNER, private)
    assert unseal(KEY, OWNER, sealed) == private
    assert sealed != seal(KEY, OWNER, private)


@pytest.mark.parametrize(
    "sealed",
    ["", "1:", "1:AAAA", "1:?", pytest.param(seal(b"1" * 32, OWNER, "x"), id="by another key")],
)
def test_what_another_key_sealed_stays_closed(sealed: str) -> None:
    """So does what is no seal at all; the error says what to do."""
    with pytest.raises(MailstackError, match=r"dkim\.master is another one"):
        unseal(KEY, OWNER, sealed)


def test_a_key_belongs_to_one_domain() -> None:
    """A sealed text that was copied to another domain, selector or algorithm opens for none."""
    sealed = seal(KEY, OWNER, "x")
    for other in ("example.net k1 rsa", "example.org k2 rsa", "example.org k1 ed25519"):
        with pytest.raises(MailstackError, match=r"is that of example\.org k1 rsa"):
            unseal(KEY, other, sealed)


def test_a_new_master_key_is_read(tmp_path: Path) -> None:
    """Its file holds one line; each is another."""
    file = tmp_path / "dkim.master"
    file.write_text(new_master())
    assert len(read_master(file)) == 32
    assert new_master() != new_master()


@pytest.mark.parametrize("text", ["", "secret", "A" * 44, "é", "QUJD\n"])
def test_a_malformed_master_key_is_refused(tmp_path: Path, text: str) -> None:
    """In one line that names the file."""
    file = tmp_path / "dkim.master"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"dkim\.master: is no key"):
        read_master(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_master(tmp_path / "missing")
