"""What the records are made of: addresses, keys, and files that hold none."""

from pathlib import Path

import pytest

from mailstack.demo.keys import SigningKey
from mailstack.dns.facts import ACCOUNT_URI, addresses, facts, issuer_of
from mailstack.dns.records import records_of
from mailstack.dns.update import read_tsig
from mailstack.errors import ConfigError
from mailstack.letsencrypt import authority
from mailstack.letsencrypt.order import new_key
from mailstack.letsencrypt.pair import NEXT_KEY
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


def test_the_next_certificate_is_announced(tmp_path: Path) -> None:
    """Its key is published beside that in force, so that nobody is surprised by the exchange."""
    files = ("secure/tls/privkey.pem", f"data/letsencrypt/account/{NEXT_KEY}")
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(new_key())
    chosen = settings(public_addresses=["203.0.113.25"])
    found = facts(chosen, tmp_path, ())
    tlsa = [r for r in records_of("example.org", found) if r.kind == "TLSA"]
    assert [record.key for record in tlsa] == ["tlsa", "tlsa.next"]
    (tmp_path / files[0]).write_text((tmp_path / files[1]).read_text())
    assert len(facts(chosen, tmp_path, ()).tls) == 2
    records = records_of("example.org", facts(chosen, tmp_path, ()))
    assert [record.key for record in records if record.kind == "TLSA"] == ["tlsa"]


@pytest.mark.parametrize(
    ("acme", "issuer"),
    [
        (None, ""),
        ({}, "letsencrypt.org"),
        ({"staging": True}, "letsencrypt.org"),
        ({"directory": "https://acme.zerossl.com/v2/DV90"}, "sectigo.com"),
        ({"directory": "https://ca.example.net/directory"}, ""),
    ],
)
def test_who_makes_certificates(acme: dict[str, object] | None, issuer: str) -> None:
    """Nobody else may, once the owner has named an authority that CAA has a name for."""
    fields: dict[str, object] = {"domain": "example.org", "email": "me@example.org"}
    chosen = Settings.model_validate(fields if acme is None else {**fields, "acme": acme})
    assert issuer_of(chosen) == issuer


def test_the_account_is_named_where_that_is_wanted(tmp_path: Path) -> None:
    """As the order has noted it; not before, and not where the owner has not asked for it."""
    fields = {"domain": "example.org", "email": "me@example.org"}
    bound = Settings.model_validate({**fields, "acme": {"bind_account": True}})
    assert facts(bound, tmp_path, (), offline=True).account_uri == ""
    assert ACCOUNT_URI.name == authority.ACCOUNT_URI
    (tmp_path / ACCOUNT_URI).parent.mkdir(parents=True)
    (tmp_path / ACCOUNT_URI).write_text("https://ca.example.net/acct/1\n")
    assert facts(bound, tmp_path, (), offline=True).account_uri == "https://ca.example.net/acct/1"
    loose = Settings.model_validate({**fields, "acme": {}})
    assert facts(loose, tmp_path, (), offline=True).account_uri == ""
