"""The documents inside a message that may be a report: XML or JSON, plain, in gzip or in zip. Pure.

Whoever sends it may have made it to do harm: what is unpacked is bounded, whatever the archive says
of itself; only the first file of one is read, into memory, so its name leads nowhere; archives
in archives are not opened.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from typing import Final

from mailstack.errors import ProtocolError

MAX_PARTS: Final = 50
MAX_DOCUMENT: Final = 20 * 1024**2
"""Octets of one, unpacked. A report of 10,000 rows has seven million."""
MAX_DOCUMENTS: Final = 4
"""In one message; there is one."""
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_CONTAINERS: Final = ("multipart/", "message/")


def documents(message: bytes) -> Iterator[bytes]:
    """Each XML or JSON document that is attached.

    Raises:
        ProtocolError: an archive is damaged, or larger than any report.
    """
    found = 0
    for payload in _payloads(message_from_bytes(message, policy=compat32)):
        document = unpacked(payload).lstrip(b"\xef\xbb\xbf \t\r\n")
        if document[:1] in (b"<", b"{"):
            yield document
            found += 1
            if found == MAX_DOCUMENTS:
                return


def _payloads(message: Message) -> Iterator[bytes]:
    for number, part in enumerate(message.walk()):
        if number == MAX_PARTS:
            raise ProtocolError(f"it has more than {MAX_PARTS} parts")
        kind = part.get_content_type()
        if kind.startswith(_CONTAINERS) or kind == "text/html":
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield payload


def unpacked(payload: bytes) -> bytes:
    """What is in an archive; anything else as it is.

    Raises:
        ProtocolError: it is damaged, or larger than any report.
    """
    if payload.startswith(_GZIP):
        return _gunzip(payload)
    if payload.startswith(_ZIP):
        return _unzip(payload)
    return payload


def _gunzip(payload: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(payload, MAX_DOCUMENT + 1)
    except zlib.error as error:
        raise ProtocolError(f"the gzip file is damaged: {error}") from error
    if len(found) > MAX_DOCUMENT:
        raise ProtocolError(f"it unpacks to more than {MAX_DOCUMENT} octets")
    if not unpacker.eof:
        raise ProtocolError("the gzip file breaks off")
    return found


def _unzip(payload: bytes) -> bytes:
    try:
        found = _first_file(payload)
    except Exception as error:  # each way of packing has errors of its own
        raise ProtocolError(f"the zip file cannot be read: {error}") from error
    if len(found) > MAX_DOCUMENT:
        raise ProtocolError(f"it unpacks to more than {MAX_DOCUMENT} octets")
    return found


def _first_file(payload: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as file:
                    return file.read(MAX_DOCUMENT + 1)
    raise zipfile.BadZipFile("it is empty")
