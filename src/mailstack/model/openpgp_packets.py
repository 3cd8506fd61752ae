"""Reads OpenPGP public keys: packets, user ids, fingerprint (RFC 9580, and RFC 4880 keys of v4).

Enough to tell a publishable key from what is none. Not: verifying its signatures, which is for
whoever uses the key. A reader of our own, because the libraries that do more are large, or have
seen no release in years.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

MAX_OCTETS: Final = 128 * 1024
"""Of one key. With its own signatures alone, even a large one has a tenth of that."""
SIGNATURE, SECRET, PUBLIC, SECRET_SUBKEY = 2, 5, 6, 7
TRUST, USER_ID, SUBKEY, ATTRIBUTE, PADDING = 12, 13, 14, 17, 21
_VERSIONS: Final = {4: (hashlib.sha1, b"\x99", 2), 6: (hashlib.sha256, b"\x9b", 4)}
"""Of key packets: what the fingerprint is made by, its first octet, octets of the length."""
_BEGIN: Final = re.compile(r"-----BEGIN PGP ([A-Z ]+?)(?: BLOCK)?-----[ \t]*\r?\n")
_CRC_INIT, _CRC_POLYNOMIAL, _CRC_MASK = 0xB704CE, 0x1864CFB, 0xFFFFFF
_ADDRESS: Final = re.compile(r"<([^<>]*)>\s*$")


class Packet(NamedTuple):
    """``whole`` is the packet as it came, with its header."""

    tag: int
    body: bytes
    whole: bytes


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One transferable public key."""

    data: bytes
    fingerprint: str
    """In hex."""
    user_ids: tuple[str, ...]

    def for_address(self, address: str) -> "PublicKey":
        """Keep what concerns ``address``: a directory publishes no other name of its owner.

        Raises:
            ValueError: no user id has the address.
        """
        kept, wanted = bytearray(), True
        for packet in packets(self.data):
            if packet.tag != SIGNATURE:  # which belongs to what stands before it
                wanted = _concerns(packet, address)
            if wanted:
                kept += packet.whole
        chosen = tuple(one for one in self.user_ids if address_of(one) == address)
        if not chosen:
            raise ValueError(
                f"the key has no user id with {address}; add one with gpg --quick-add-uid"
            )
        return PublicKey(bytes(kept), self.fingerprint, chosen)


def _concerns(packet: Packet, address: str) -> bool:
    match packet.tag:
        case 13:
            return address_of(_text(packet.body)) == address
        case 6 | 14:
            return True
    return False


def address_of(user_id: str) -> str:
    """The address in a user id, lower-cased: ``Anna <anna@example.org>``, or it alone."""
    found = _ADDRESS.search(user_id)
    return (found.group(1) if found else user_id).strip().lower()


def read_key(data: bytes) -> PublicKey:
    """Read a file with one public key, armored or binary.

    Raises:
        ValueError: it is something else; one sentence says what.
    """
    if len(data) > 2 * MAX_OCTETS:
        raise ValueError(f"the file has more than {2 * MAX_OCTETS} octets, which no key needs")
    binary = dearmored(data) if data.lstrip().startswith(b"-----") else data
    if len(binary) > MAX_OCTETS:
        raise ValueError(
            f"the key has more than {MAX_OCTETS} octets; "
            "export it with gpg --export-options export-minimal"
        )
    return _key(binary)


def _key(binary: bytes) -> PublicKey:
    found = list(packets(binary))
    tags = [packet.tag for packet in found]
    if SECRET in tags or SECRET_SUBKEY in tags:
        raise ValueError("this is a private key, which nobody else may see; use gpg --export")
    if tags[:1] != [PUBLIC]:
        raise ValueError("this is no OpenPGP public key; make a file with gpg --export")
    if tags.count(PUBLIC) > 1:
        raise ValueError("the file has several keys; export one, by its fingerprint")
    known = {SIGNATURE, PUBLIC, TRUST, USER_ID, SUBKEY, ATTRIBUTE, PADDING}
    if strange := set(tags) - known:
        raise ValueError(f"the key holds a packet of type {min(strange)}, which belongs to no key")
    if SIGNATURE not in tags:
        raise ValueError("the key has no signature of its own, so nobody would take it")
    return PublicKey(
        binary,
        _fingerprint(found[0].body),
        tuple(_text(packet.body) for packet in found if packet.tag == USER_ID),
    )


def _fingerprint(body: bytes) -> str:
    if not body or body[0] not in _VERSIONS:
        raise ValueError(f"the key is of version {body[0] if body else 0}; only 4 and 6 are in use")
    digest, first, octets = _VERSIONS[body[0]]
    return digest(first + len(body).to_bytes(octets) + body).hexdigest().upper()


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def packets(data: bytes) -> Iterator[Packet]:
    """Yield packet after packet, of either header format (RFC 9580 4.2).

    Raises:
        ValueError: the data is cut off, or is none.
    """
    at = 0
    while at < len(data):
        tag, start, length = _header(data, at)
        if start + length > len(data):
            raise ValueError("the key is cut off")
        yield Packet(tag, data[start : start + length], data[at : start + length])
        at = start + length


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Type, where the body starts, its length. Bodies in parts are for messages alone."""
    first = data[at]
    if not first & 0x80:
        raise ValueError("this is no OpenPGP public key; make a file with gpg --export")
    if first & 0x40:
        return first & 0x3F, *_new_length(data, at + 1)
    octets = 1 << (first & 3)
    if octets > 4:  # noqa: PLR2004 - two bits: 1, 2, 4, or indeterminate
        raise ValueError("the key has a packet without a length")
    return (first >> 2) & 0x0F, at + 1 + octets, _number(data, at + 1, octets)


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    first = _number(data, at, 1)
    if first < 192:  # noqa: PLR2004 - RFC 9580 4.2.1
        return at + 1, first
    if first < 224:  # noqa: PLR2004
        return at + 2, ((first - 192) << 8) + _number(data, at + 1, 1) + 192
    if first < 255:  # noqa: PLR2004
        raise ValueError("the key has a packet in parts")
    return at + 5, _number(data, at + 1, 4)


def _number(data: bytes, at: int, octets: int) -> int:
    if at + octets > len(data):
        raise ValueError("the key is cut off")
    return int.from_bytes(data[at : at + octets])


def dearmored(data: bytes) -> bytes:
    """Undo ASCII armor (RFC 9580 6.2).

    A checksum that is there is checked: RFC 9580 6.1 lets programs ignore it, but whoever gives us
    a damaged file should hear of it now.

    Raises:
        ValueError: no block of a public key, or a damaged one.
    """
    text = data.decode("ascii", "replace")
    blocks = [match.group(1) for match in _BEGIN.finditer(text)]
    if any("PRIVATE" in block for block in blocks):
        raise ValueError("this is a private key, which nobody else may see; use gpg --export")
    if blocks != ["PUBLIC KEY"]:
        raise ValueError("the file does not hold just one block of an OpenPGP public key")
    begin = _BEGIN.search(text)
    head, end, _ = text[begin.end() if begin else 0 :].partition(
        "-----END PGP PUBLIC KEY BLOCK-----"
    )
    if not end:
        raise ValueError("the key is cut off")
    return _decoded(head)


def _decoded(block: str) -> bytes:
    lines = [line.strip() for line in block.split("\n")]
    if any(":" in line for line in lines):  # headers end with an empty line
        lines = lines[lines.index("") + 1 :] if "" in lines else []
    checksum = [line[1:] for line in lines if re.fullmatch(r"=[A-Za-z0-9+/]{4}", line)]
    body = "".join(line for line in lines if line[:1] != "=" or line.strip("=") == "")
    try:
        data = base64.b64decode(body, validate=True)
        expected = [int.from_bytes(base64.b64decode(one)) for one in checksum]
    except (ValueError, binascii.Error):
        raise ValueError("the armor of the key is damaged") from None
    if expected and expected != [crc24(data)]:
        raise ValueError("the key was damaged on its way: its checksum does not match")
    return data


def crc24(data: bytes) -> int:
    """The checksum of RFC 9580 6.1.1."""
    crc = _CRC_INIT
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= _CRC_POLYNOMIAL
    return crc & _CRC_MASK
