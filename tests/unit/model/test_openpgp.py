"""OpenPGP keys: what is one, and what is refused with which words."""

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.openpgp import Keyring, wks_hash

from mailstack.errors import InvalidDocument
from mailstack.model.documents import make_document
from mailstack.model.openpgp_packets import crc24, packets, read_key
from mailstack.model.wkd import wkd_hash

ANNA = "anna@example.org"


def packet(tag: int, body: bytes, *, old: bool = False) -> bytes:
    if old:
        return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2) + body
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4) + body


PUBLIC = packet(6, b"\x04" + bytes(10), old=True)
SIGNATURE = packet(2, b"\x04" + bytes(8))
UID = packet(13, b"Anna <anna@example.org>")
OTHER = packet(13, b"anna@private.example")
PHOTO = packet(17, b"a photo")
KEY = (
    PUBLIC + UID + SIGNATURE + OTHER + SIGNATURE + PHOTO + SIGNATURE + packet(14, b"s") + SIGNATURE
)


@pytest.fixture(scope="module")
def keyring() -> Iterator[Keyring]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="gpg-") as folder:
        ring = Keyring(Path(folder))
        ring.make("Anna <anna@example.org>", "Anna <anna@private.example>")
        yield ring
        ring.stop()


def armored(data: bytes, kind: str = "PUBLIC KEY BLOCK", checksum: int | None = None) -> bytes:
    crc = crc24(data) if checksum is None else checksum
    return (
        f"-----BEGIN PGP {kind}-----\nComment: x\n\n{base64.b64encode(data).decode()}\n"
        f"={base64.b64encode(crc.to_bytes(3)).decode()}\n-----END PGP {kind}-----\n"
    ).encode()


def test_gnupg_agrees(keyring: Keyring) -> None:
    """Armored or not, a real key is read as GnuPG reads it, and so is what is kept of it."""
    listed = keyring.gpg("--list-keys", "--with-colons", ANNA).decode()
    for options in ((), ("--armor",)):
        key = read_key(keyring.export(ANNA, *options))
        assert f":{key.fingerprint}:" in listed
        assert len(key.user_ids) == 2
        kept = key.for_address(ANNA)
        shown = keyring.gpg("--show-keys", "--with-colons", stdin=kept.data).decode()
        assert f":{key.fingerprint}:" in shown
        assert shown.count("\nuid:") == 1


def test_a_private_key_of_gnupg_is_refused(keyring: Keyring) -> None:
    """The commonest mistake is the worst one."""
    for options in ((), ("--armor",)):
        secret = keyring.gpg(*options, "--export-secret-keys", ANNA)
        with pytest.raises(ValueError, match="private key"):
            read_key(secret)


def test_only_what_concerns_the_address_is_kept() -> None:
    """Other user ids and photos stay unpublished, with their signatures; subkeys are kept."""
    kept = read_key(KEY).for_address(ANNA)
    assert [one.tag for one in packets(kept.data)] == [6, 13, 2, 14, 2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no OpenPGP public key"),
        (b"hello", "no OpenPGP public key"),
        (KEY[:-1], "cut off"),
        (PUBLIC[:2], "cut off"),
        (packet(5, b"\x04"), "private key"),
        (PUBLIC + packet(7, b"\x04"), "private key"),
        (KEY + KEY, "several keys"),
        (UID + KEY, "no OpenPGP public key"),
        (PUBLIC + UID, "no signature"),
        (KEY + packet(11, b"text"), "type 11"),
        (packet(6, b"\x03abc") + UID + SIGNATURE, "version 3"),
        (b"\xc6\xe1x", "in parts"),
        (b"\x9bx", "without a length"),
        (bytes(300_000), "more than"),
        (KEY + packet(21, bytes(140_000)), "export-minimal"),
        (armored(KEY, checksum=1), "checksum"),
        (armored(KEY, "PRIVATE KEY BLOCK"), "private key"),
        (armored(KEY, "MESSAGE"), "just one block"),
        (armored(KEY) + armored(KEY), "just one block"),
        (armored(KEY)[:60], "cut off"),
        (armored(KEY).replace(b"\n\n", b"\n\n*"), "damaged"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    """One sentence says why."""
    with pytest.raises(ValueError, match=words) as caught:
        read_key(data)
    assert "\n" not in str(caught.value)


def test_armor_without_a_checksum_is_taken() -> None:
    """RFC 9580 no longer asks for one."""
    lines = armored(KEY).splitlines()
    assert read_key(b"\r\n".join(one for one in lines if one[:1] != b"=" or one == b"")).data == KEY


def test_somebody_elses_key_is_refused() -> None:
    """The user's address must be in a user id, whole."""
    with pytest.raises(InvalidDocument, match=r"no user id with bert@example\.org"):
        make_document(
            {"type": "openpgp", "owner": "bert@example.org", "public": base64.b64encode(KEY)}
        )
    with pytest.raises(ValueError, match="no user id"):
        read_key(KEY).for_address("nna@example.org")


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    """They are a key, or a ValueError."""
    for one in (data, PUBLIC + data, b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n" + data):
        try:
            read_key(one)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is right


@given(st.integers(0, len(KEY) * 8 - 1))
def test_any_flipped_bit(bit: int) -> None:
    """A damaged key is read or refused, and never ends the reader."""
    flipped = bytearray(KEY)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        read_key(bytes(flipped)).for_address(ANNA)
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("local", ["Joe.Doe", "anna", "o'neil", "A+b"])
def test_the_hash_is_the_one_of_gnupg(local: str) -> None:
    """``gpg-wks-client`` computes the same name."""
    assert wks_hash(f"{local}@example.org") == wkd_hash(local)
