"""Keys, certificate and token: made once, readable by their account alone."""

import os
from dataclasses import fields
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.unit.fake_daemon import settings

from mailstack.agent import keys, secrets
from mailstack.errors import ServiceFailed

OWNERS = secrets.Owners(*(os.geteuid() for _ in fields(secrets.Owners)))
SECRETS = (secrets.DKIM, secrets.TLS_KEY, secrets.TOKEN, secrets.IMAP_MASTER)


async def test_everything_is_made(tmp_path: Path) -> None:
    """A new state gets a DKIM key, a certificate for its names, and two random secrets."""
    folder = tmp_path / "secure"
    await secrets.ensure(folder, settings(), OWNERS)
    key = load_pem_private_key((folder / secrets.DKIM).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == keys.DKIM_BITS
    certificate = x509.load_pem_x509_certificate((folder / secrets.CERTIFICATE).read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.com", "example.com"]
    token, master = ((folder / name).read_text() for name in (secrets.TOKEN, secrets.IMAP_MASTER))
    assert min(len(token.strip()), len(master.strip())) >= 40
    assert token != master


async def test_nobody_else_reads_them(tmp_path: Path) -> None:
    """The folder can be passed but not listed; every secret file is its owner's alone."""
    folder = tmp_path / "secure"
    await secrets.ensure(folder, settings(), OWNERS)
    assert folder.stat().st_mode & 0o777 == 0o711
    for name in SECRETS:
        assert (folder / name).stat().st_mode & 0o777 == 0o600


async def test_never_overwritten(tmp_path: Path) -> None:
    """What is there stays, whoever made it: an owner's own key is not replaced."""
    folder = tmp_path / "secure"
    (folder / "tls").mkdir(parents=True)
    for name in SECRETS:
        (folder / name).write_text("mine")
    await secrets.ensure(folder, settings(), OWNERS)
    for name in SECRETS:
        assert (folder / name).read_text() == "mine"
    assert not (folder / secrets.CERTIFICATE).exists()


async def test_keys_that_cannot_be_made(tmp_path: Path) -> None:
    """A failure is one line that says what was being made, and why it could not be."""
    folder = tmp_path / "secure"
    (folder / secrets.DKIM).mkdir(parents=True)
    (folder / secrets.DKIM).rename(folder / "elsewhere")
    (folder / secrets.DKIM).symlink_to("elsewhere/none")
    (folder / "elsewhere").rmdir()
    (folder / secrets.CERTIFICATE).parent.mkdir()
    names = settings().model_copy(update={"hostname": "not a name\xff"})
    with pytest.raises(ServiceFailed, match="could not be made"):
        await secrets.ensure(folder, names, OWNERS)


def test_long_host_names_are_no_common_name() -> None:
    """A name that X.520 cannot hold stands in the alternative names only, marked critical."""
    name = f"{'a' * 63}.example.com"
    _, pem = keys.self_signed([name, name])
    certificate = x509.load_pem_x509_certificate(pem.encode())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert extension.value.get_values_for_type(x509.DNSName) == [name]
    assert extension.critical
    assert certificate.subject.rfc4514_string() == ""
