"""Whose the certificate is, when it is due, and an exchange that was cut short."""

import datetime as dt
from pathlib import Path

import pytest
from tests.authority import leaf_for

from mailstack.agent.keys import self_signed
from mailstack.errors import ConfigError, MailstackError
from mailstack.letsencrypt.names import names_of
from mailstack.letsencrypt.pair import Folder, Pair, Shown
from mailstack.letsencrypt.run import is_due

HOST = "mail.example.org"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    (tmp_path / "tls").mkdir()
    return Pair(Folder(tmp_path / "tls"), tmp_path / "kept")


def _tls(pair: Pair) -> Path:
    assert isinstance(pair.place, Folder)
    return pair.place.path


def _put(pair: Pair, certificate: str, key: str) -> None:
    (_tls(pair) / "fullchain.pem").write_text(certificate)
    (_tls(pair) / "privkey.pem").write_text(key)


def _made() -> tuple[str, str]:
    _, certificate, key = leaf_for(HOST)
    return certificate.decode(), key.decode()


def test_the_first_gives_way(pair: Pair) -> None:
    """The self-signed certificate of the first start is replaced, and due at once."""
    key, certificate = self_signed([HOST])
    _put(pair, certificate, key)
    found = pair.shown()
    assert found is not None
    assert found.is_first
    assert is_due(found, 0.5)
    assert pair.may_replace()


def test_the_owners_stays(pair: Pair) -> None:
    """A certificate that we did not make is never overwritten."""
    own = _made()
    _put(pair, *own)
    with pytest.raises(MailstackError, match="your own"):
        pair.replace(*_made())
    assert (_tls(pair) / "fullchain.pem").read_text() == own[0]
    assert (_tls(pair) / "privkey.pem").read_text() == own[1]


def test_the_key_alone_is_the_owners_work(pair: Pair) -> None:
    """A key without a certificate is not ours to replace."""
    (_tls(pair) / "privkey.pem").write_text("key")
    assert not pair.may_replace()


def test_a_key_that_is_in_use_is_not_the_next(pair: Pair) -> None:
    """Cut short between the exchange and the next key: another one is to be made."""
    assert (pair.key(), pair.next_key()) == ("", "")
    certificate, key = _made()
    pair.keep_next(key)
    assert pair.next_key() == key
    pair.replace(certificate, key)
    assert (pair.key(), pair.next_key()) == (key, "")
    assert (pair.kept / "privkey.next.pem").stat().st_mode & 0o777 == 0o600


def test_the_key_is_private(pair: Pair) -> None:
    """Nobody else reads the key, where it is in force and where it is kept."""
    pair.replace(*_made())
    assert {(f / "privkey.pem").stat().st_mode & 0o777 for f in (_tls(pair), pair.kept)} == {0o600}


def test_an_exchange_is_finished(pair: Pair) -> None:
    """An exchange that ended between the two files is finished by the next run, once."""
    old, new = _made(), _made()
    pair.replace(*old)
    pair.replace(*new)
    (_tls(pair) / "fullchain.pem").write_text(old[0])
    assert pair.restore()
    assert (_tls(pair) / "fullchain.pem").read_text() == new[0]
    assert not pair.restore()


def test_a_part_of_the_life(pair: Pair) -> None:
    """A certificate is due after the given part of its life."""
    pair.replace(*_made())
    found = pair.shown()
    assert found is not None
    assert found.due(0.5) == found.begins + (found.expires - found.begins) / 2
    now = dt.datetime.now(dt.UTC)
    spent = Shown(
        (), "", now - dt.timedelta(days=61), now + dt.timedelta(days=29), self_signed=False
    )
    assert is_due(spent, 2 / 3)
    assert not is_due(spent, 0.9)


def test_no_certificate_is_told(pair: Pair) -> None:
    """A file that is something else is named."""
    _put(pair, "nothing", "nothing")
    with pytest.raises(ConfigError, match="no certificate"):
        pair.shown()


def test_our_own_name_comes_first() -> None:
    """The server's name leads, and stands once."""
    names = names_of(HOST, ["example.org", "example.net"])
    assert names[0] == HOST
    assert names.count(HOST) == 1
    assert {"mta-sts.example.net", "mail.example.net", "openpgpkey.example.org"} < set(names)
