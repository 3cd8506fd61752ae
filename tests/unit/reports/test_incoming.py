"""Copies of messages become reports: signatures verified, domains compared, nothing read twice."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.reports.samples import DMARC, dmarc_message, message

from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.errors import ProtocolError, StoreUnavailable
from mailstack.identity.lookups import Lookups
from mailstack.reports import received, unpack
from mailstack.reports.incoming import Incoming

if TYPE_CHECKING:
    from mailstack.reports.received import Received

KEY = SigningKey.generate()
NOW = 1_700_100_000.0


class Played(Lookups):
    """Knows one key, and public suffixes."""

    def txt(self, name: str) -> bytes | None:
        known = name.rstrip(".") == "s._domainkey.google.com"
        return f"v=DKIM1; k=rsa; p={KEY.public}".encode() if known else None


def incoming(
    folder: Path, ours: Callable[[str], bool] = lambda name: name == "home.example"
) -> Incoming:
    return Incoming(folder, Played("127.0.0.1", 1), ours)


def put(folder: Path, octets: bytes, name: str = "1") -> Path:
    file = folder / f"{name}.eml"
    file.write_bytes(octets)

    os.utime(file, (NOW, NOW))
    return file


def signed(domain: str) -> bytes:
    return letter.sign(dmarc_message(), KEY, domain, selector="s")


def test_a_report_that_is_signed(tmp_path: Path) -> None:
    """Its sender is proven, and the copy is gone."""
    kept: list[Received] = []
    front = b"Return-Path: <>\r\nReceived: from x\r\n\tby y\r\n"
    put(tmp_path, front + signed("google.com"))
    assert list(incoming(tmp_path).read(kept)) == ["a report of google.com about home.example"]
    (report,) = kept
    assert (report.proven, report.signed_by, report.at) == (True, ("google.com",), NOW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("octets", [dmarc_message(), signed("google.com") + b"more\r\n"])
def test_a_report_that_nobody_signed(octets: bytes, tmp_path: Path) -> None:
    """It is kept, and marked."""
    kept: list[Received] = []
    put(tmp_path, octets)
    (line,) = incoming(tmp_path).read(kept)
    assert line.endswith("which nobody signed")
    assert [one.proven for one in kept] == [False]


def test_another_ones_domain(tmp_path: Path) -> None:
    """What is told about domains that are not ours is not kept."""
    kept: list[Received] = []
    put(tmp_path, dmarc_message())
    (line,) = incoming(tmp_path, lambda _: False).read(kept)
    assert "no domain of ours" in line
    assert not kept


def test_the_datastore_is_away(tmp_path: Path) -> None:
    """The copy waits for the next pass."""
    kept: list[Received] = []
    file = put(tmp_path, dmarc_message())

    def cannot_tell(_: str) -> bool:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        list(incoming(tmp_path, cannot_tell).read(kept))
    assert file.exists()
    assert len(list(incoming(tmp_path).read(kept))) == len(kept) == 1


def test_what_killed_a_pass_is_not_read_again(tmp_path: Path) -> None:
    """Whatever it was."""
    put(tmp_path, dmarc_message()).rename(tmp_path / "1.trying")
    (line,) = incoming(tmp_path).read([])
    assert "could not be read at all" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ProtocolError("bad"), RecursionError(), MemoryError()])
def test_one_bad_message_stops_no_other(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one line, and gone."""
    whole = unpack.documents

    def documents(octets: bytes) -> object:
        if b"evil" in octets:
            raise error
        return whole(octets)

    monkeypatch.setattr(unpack, "documents", documents)
    kept: list[Received] = []
    put(tmp_path, message(b"x", subject="evil"), "0")
    put(tmp_path, dmarc_message())
    assert len(list(incoming(tmp_path).read(kept))) == 2
    assert len(kept) == 1
    assert not list(tmp_path.iterdir())


def test_no_report_at_all(tmp_path: Path) -> None:
    """A message that only looks like one."""
    put(tmp_path, message(b"hello"))
    assert list(incoming(tmp_path).read([])) == [
        "a message that looked like a report is none: it has no report attached"
    ]


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay, and nothing stays for ever."""
    kept: list[Received] = []
    for number in range(5):
        document = DMARC.replace(b">123<", b">%d<" % number)
        put(tmp_path, message(gzip.compress(document)))
        list(incoming(tmp_path).read(kept))
    received.save(tmp_path, kept, now=NOW, keep_days=30)
    assert received.load(tmp_path) == kept
    monkeypatch.setattr(received, "MAX_SOURCES", 4)
    received.save(tmp_path, kept, now=NOW, keep_days=30)
    assert len(received.load(tmp_path)) == 2
    received.save(tmp_path, kept, now=NOW + 31 * 86_400, keep_days=30)
    assert received.load(tmp_path) == []


@pytest.mark.parametrize("text", ["{}", "[1]", "[{}]", "{"])
def test_a_file_that_is_something_else(text: str, tmp_path: Path) -> None:
    """One error that can be told."""
    (tmp_path / received.FILE).write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        received.load(tmp_path)
