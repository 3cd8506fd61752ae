"""Keys as they are made."""

import base64
import re
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


def test_selectors_tell_the_day_and_are_not_used_twice() -> None:
    """Neither by one set of keys, nor by one that begins anew on the same day."""
    many = [new_selector("ms", "rsa", (), NOW) for _ in range(3)]
    assert all(re.fullmatch(r"ms20261128r[0-9a-f]{4}", name) for name in many)
    taken = {f"20261128e{number:04x}" for number in range(1, 2**16)}
    assert new_selector("", "ed25519", taken, NOW) == "20261128e0000"


def test_a_made_key_is_sealed() -> None:
    """Only the master key opens it; it is never shown by accident."""
    key = make(bytes(32), "example.org", "ed25519", prefix="ms", taken=(), now=NOW, state="made")
    private = unseal(bytes(32), owner_line("example.org", key.selector, "ed25519"), key.private)
    assert private.startswith("-----BEGIN PRIVATE KEY-----")
    assert key.private not in repr(key)
