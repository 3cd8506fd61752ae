"""Keys as they are made."""

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mailstack.dkim.keys import generate, make, new_selector
from mailstack.dkim.sealing import owner_line, unseal

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_an_rsa_key() -> None:
    """2,048 bits; its public half is the whole structure (RFC 6376)."""
    private, public = generate("rsa")
    key = load_pem_private_key(private.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert base64.b64decode(public) == der


def test_an_ed25519_key() -> None:
    """Its public half is 32 octets without any structure (RFC 8463)."""
    private, public = generate("ed25519")
    raw = load_pem_private_key(private.encode(), None).public_key()
    assert base64.b64decode(public) == raw.public_bytes(Encoding.Raw, PublicFormat.Raw)


def test_selectors_tell_the_day_and_are_never_used_twice() -> None:
    """A second one of the day has a number."""
    first = new_selector("ms", "rsa", (), NOW)
    second = new_selector("ms", "rsa", [first], NOW)
    third = new_selector("ms", "rsa", [first, second], NOW)
    assert (first, second, third) == ("ms20261128r", "ms20261128r2", "ms20261128r3")
    assert new_selector("", "ed25519", [first], NOW) == "20261128e"


def test_a_made_key_is_sealed() -> None:
    """Only the master key opens it; it is never shown by accident."""
    key = make(bytes(32), "example.org", "ed25519", prefix="ms", taken=(), now=NOW, state="made")
    private = unseal(bytes(32), owner_line("example.org", key.selector, "ed25519"), key.private)
    assert private.startswith("-----BEGIN PRIVATE KEY-----")
    assert key.private not in repr(key)
