"""The pair of certificate and key: what comes into force, and what is refused."""

import os
import shutil
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from tests.unit.fake_daemon import settings

from mailstack.agent import keys
from mailstack.daemons import certificate
from mailstack.daemons.contract import Account, Paths, Site
from mailstack.errors import ConfigError

HOST = "mail.example.org"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    paths = Paths(tmp_path, "postfix")
    (paths.secure / "tls").mkdir(parents=True)
    return Site(settings(), {}, paths, (), Account(os.geteuid(), os.getegid()))


@pytest.fixture
def with_acme(site: Site) -> Site:
    acme = site.settings.acme.model_copy(update={"enabled": True})
    return replace(site, settings=site.settings.model_copy(update={"acme": acme}))


def give(site: Site, key: str, text: str) -> None:
    (site.paths.secure / "tls" / certificate.KEY).write_text(key)
    (site.paths.secure / "tls" / certificate.CERTIFICATE).write_text(text)


def in_force(site: Site) -> str:
    return (site.paths.tls / certificate.CERTIFICATE).read_text()


def dated(begins: timedelta, ends: timedelta) -> tuple[str, str]:
    """A key and a certificate, valid between two times that are told from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return pem, made.public_bytes(Encoding.PEM).decode()


EXPIRED = timedelta(days=-9), timedelta(days=-2)
TO_COME = timedelta(days=2), timedelta(days=9)


def test_the_first_pair_is_taken(site: Site) -> None:
    """A service gets a copy of its own, which its account alone can read."""
    assert not certificate.is_used(site)
    give(site, *keys.self_signed([HOST]))
    certificate.prepare(site)
    assert certificate.is_used(site)
    assert {file.stat().st_mode & 0o777 for file in site.paths.tls.iterdir()} == {0o600}
    assert not certificate.renew(site)


def test_a_new_pair_takes_the_place_of_the_old(site: Site) -> None:
    """Both files are exchanged in one step, and nothing of the old pair stays."""
    give(site, *keys.self_signed([HOST]))
    certificate.prepare(site)
    key, text = keys.self_signed([HOST])
    give(site, key, text)
    certificate.prepare(site)
    assert in_force(site) != text, "what runs is not exchanged unchecked"
    assert certificate.renew(site)
    assert in_force(site) == text
    assert (site.paths.tls / certificate.KEY).read_text() == key
    assert len(list(site.paths.run.iterdir())) == 2


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ((keys.self_signed([HOST])[0], keys.self_signed([HOST])[1]), "does not belong to privkey"),
        (dated(*EXPIRED), "certificate has expired"),
        (dated(*TO_COME), "certificate is not yet valid"),
        (("no key", keys.self_signed([HOST])[1]), "is no pair of certificate and key"),
        ((keys.self_signed([HOST])[0], ""), "is no pair of certificate and key"),
    ],
    ids=["of another", "expired", "not yet valid", "no key", "empty"],
)
def test_what_cannot_be_served_is_refused(site: Site, pair: tuple[str, str], words: str) -> None:
    """The pair before stays in force, and the reason names the owner's file."""
    good = keys.self_signed([HOST])
    give(site, *good)
    certificate.prepare(site)
    give(site, *pair)
    with pytest.raises(ConfigError, match=words) as refused:
        certificate.renew(site)
    assert refused.value.file == site.paths.secure / "tls" / certificate.CERTIFICATE
    assert in_force(site) == good[1]
    assert len(list(site.paths.run.iterdir())) == 2


def test_an_encrypted_key_is_refused(site: Site) -> None:
    """Nobody is asked for its password, neither at a start nor later."""
    key = ec.generate_private_key(ec.SECP256R1())
    locked = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    give(site, locked.decode(), keys.self_signed([HOST])[1])
    with pytest.raises(ConfigError, match="unencrypted PEM"):
        certificate.prepare(site)
    assert not certificate.is_used(site)
    assert list(site.paths.run.iterdir()) == []


def test_a_missing_file_is_refused(site: Site) -> None:
    """A start without a certificate says which file it lacks."""
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        certificate.prepare(site)


def test_an_expired_pair_is_better_than_none(site: Site) -> None:
    """A machine whose certificate ended last night starts, and says so."""
    give(site, *dated(*EXPIRED))
    certificate.prepare(site)
    assert certificate.is_used(site)
    with pytest.raises(ConfigError, match="certificate has expired"):
        certificate.renew(site)


def test_a_chain_is_served_whole(site: Site) -> None:
    """What follows the first certificate is the owner's affair: old cross-signatures expire."""
    key, text = keys.self_signed([HOST])
    give(site, key, text + dated(*EXPIRED)[1])
    certificate.prepare(site)
    assert not certificate.renew(site)
    assert in_force(site).count("BEGIN") == 2


def test_the_folder_of_an_earlier_version(site: Site) -> None:
    """A plain folder in the link's place gives way."""
    site.paths.tls.mkdir(parents=True)
    give(site, *keys.self_signed([HOST]))
    certificate.prepare(site)
    assert site.paths.tls.is_symlink()
    ssl.create_default_context().load_verify_locations(site.paths.tls / certificate.CERTIFICATE)


def test_its_dates_are_read(site: Site) -> None:
    """To the second, also of one that is out of its time; and of the one in force only."""
    assert certificate.validity(site) is None
    for begins, ends in ((-80, 10), (-90, -1), (1, 90)):
        key, text = dated(timedelta(days=begins), timedelta(days=ends))
        give(site, key, text)
        shutil.rmtree(site.paths.tls.resolve(), ignore_errors=True)
        certificate.prepare(site)
        made = x509.load_pem_x509_certificate(text.encode())
        dates = (made.not_valid_before_utc.timestamp(), made.not_valid_after_utc.timestamp())
        assert certificate.validity(site) == dates
    give(site, "none", "none")
    assert certificate.validity(site) == dates


def test_dates_that_cannot_be_read(site: Site) -> None:
    """Whatever lies there instead of a pair, nothing is raised: it is only a remark."""
    site.paths.tls.mkdir(parents=True)
    key, text = dated(timedelta(days=-1), timedelta(days=1))
    for one, other in (("", ""), ("none", text), (key, "none"), (key, "\xe9")):
        (site.paths.tls / certificate.KEY).write_text(one)
        (site.paths.tls / certificate.CERTIFICATE).write_text(other)
        assert certificate.validity(site) is None


ORDERED = timedelta(days=-1), timedelta(days=89)


def test_that_of_the_first_start_is_known(site: Site) -> None:
    """By its life, which no authority gives."""
    for pair, first in ((keys.self_signed([HOST]), True), (dated(*ORDERED), False)):
        give(site, *pair)
        shutil.rmtree(site.paths.run, ignore_errors=True)
        certificate.prepare(site)
        shown = certificate.validity(site)
        assert shown is not None
        assert shown.is_first is first


def test_with_acme_there_is_no_step_back(with_acme: Site) -> None:
    """The manifests bring that of the first start again; what ACME brought stays in force."""
    first, ordered = keys.self_signed([HOST]), dated(*ORDERED)
    give(with_acme, *first)
    certificate.prepare(with_acme)
    give(with_acme, *ordered)
    assert certificate.renew(with_acme)
    give(with_acme, *first)
    assert not certificate.renew(with_acme)
    assert in_force(with_acme) == ordered[1]
    assert len(list(with_acme.paths.run.iterdir())) == 2


def test_a_first_one_is_better_than_one_that_has_ended(with_acme: Site) -> None:
    """And another first one, with other names, takes the place of the first."""
    give(with_acme, *dated(*EXPIRED))
    certificate.prepare(with_acme)
    for _ in range(2):
        first = keys.self_signed([HOST])
        give(with_acme, *first)
        assert certificate.renew(with_acme)
        assert in_force(with_acme) == first[1]


def test_without_acme_the_owner_may_go_back(site: Site) -> None:
    """What the owner puts there is meant, whatever it is."""
    give(site, *dated(*ORDERED))
    certificate.prepare(site)
    give(site, *keys.self_signed([HOST]))
    assert certificate.renew(site)
