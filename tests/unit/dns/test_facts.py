"""What the records are made of: addresses, keys, and files that hold none."""

from pathlib import Path

import pytest

from mailstack.demo.keys import SigningKey
from mailstack.dns.facts import addresses, facts
from mailstack.dns.update import read_tsig
from mailstack.errors import ConfigError
from mailstack.settings import Settings

SECRET = "c2VjcmV0"


def settings(**listen: object) -> Settings:
    return Settings.model_validate(
        {"domain": "example.org", "email": "me@example.org", "listen": listen}
    )


def test_addresses_are_those_that_the_owner_names() -> None:
    """What the owner names is published, whatever the machine has."""
    named = settings(public_addresses=["203.0.113.25"])
    assert addresses(named) == ("203.0.113.25",)


def test_a_private_address_is_not_published() -> None:
    """Behind NAT nothing is guessed: the error names the setting."""
    with pytest.raises(ConfigError, match=r"listen\.public_addresses"):
        addresses(settings(address="127.0.0.1"))
    assert facts(settings(address="127.0.0.1"), Path("none"), (), offline=True).addresses == ()


def test_keys_of_the_domain_and_the_fallback(tmp_path: Path) -> None:
    """Keys that verify something are published, retired ones are not, the fallback is."""
    (tmp_path / "secure").mkdir()
    key = SigningKey.generate()
    (tmp_path / "secure" / "dkim.private").write_bytes(key.private_pem)
    documents = [
        {"selector": "a", "algorithm": "ed25519", "public": "AA", "state": "signing"},
        {"selector": "b", "algorithm": "rsa", "public": "BB", "state": "retired"},
    ]
    found = facts(settings(public_addresses=["203.0.113.25"]), tmp_path, documents)
    assert [k.selector for k in found.keys] == ["a", "dkim"]
    assert found.keys[1].public == key.public


def test_a_malformed_key_file_is_named(tmp_path: Path) -> None:
    """A file that holds no key is named, with what to do."""
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure" / "dkim.private").write_text("no key")
    with pytest.raises(ConfigError, match="is no private key"):
        facts(settings(public_addresses=["203.0.113.25"]), tmp_path, ())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SECRET, "mailstack"),
        (f'key "other" {{\n\talgorithm hmac-sha512;\n\tsecret "{SECRET}";\n}};\n', "other"),
    ],
)
def test_both_kinds_of_key_file_are_read(tmp_path: Path, text: str, name: str) -> None:
    """The secret alone, or what tsig-keygen prints."""
    file = tmp_path / "tsig.key"
    file.write_text(text)
    key = read_tsig(file, "mailstack", "hmac-sha256")
    assert (key.name, key.secret) == (name, SECRET)
    assert SECRET not in repr(key)


@pytest.mark.parametrize("text", ["", "not base64!", 'key "a" { secret "b"; };', "\xff"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    """A malformed key file is one line that never holds the secret."""
    file = tmp_path / "tsig.key"
    file.write_text(text)
    with pytest.raises(ConfigError, match="holds no TSIG key"):
        read_tsig(file, "mailstack", "hmac-sha256")
