"""Copies of messages become reports: signatures verified, domains compared, nothing read twice."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.reports.samples import dmarc_message, message

from mailstack.demo import letter
from mailstack.demo.keys import SigningKey
from mailstack.errors import DocumentMissing, InvalidDocument, ProtocolError, StoreUnavailable
from mailstack.identity.lookups import Lookups
from mailstack.identity.resolver import Resolver
from mailstack.model.reports import Received, Reports
from mailstack.reports import unpack
from mailstack.reports.incoming import Incoming
from mailstack.reports.received import with_new

KEY = SigningKey.generate()
NOW = 1_700_100_000.0


class Played(Lookups):
    """Knows one key, and public suffixes."""

    def txt(self, name: str) -> bytes | None:
        known = name.rstrip(".") == "s._domainkey.google.com"
        return f"v=DKIM1; k=rsa; p={KEY.public}".encode() if known else None


class NoNames(Resolver):
    """Has no records."""

    def records(self, name: str, kind: str) -> Iterator[Any]:
        del name, kind
        yield from ()


class Shelf:
    """Keeps reports in memory; hosts one domain, unless something is wrong."""

    def __init__(self, *hosted: str) -> None:
        self.hosted = hosted or ("home.example",)
        self.kept: dict[str, Reports] = {}
        self.wrong: Exception | None = None

    def read(self, domain: str) -> Reports:
        if isinstance(self.wrong, StoreUnavailable):
            raise self.wrong
        if domain not in self.hosted:
            raise DocumentMissing(domain)
        return self.kept.get(domain, Reports.model_validate({"domain": domain}))

    def add(self, report: Received) -> None:
        if self.wrong:
            raise self.wrong
        self.kept[report.domain] = with_new(self.read(report.domain), report, oldest=0)

    @property
    def items(self) -> list[Received]:
        return [one for document in self.kept.values() for one in document.items]


def incoming(folder: Path, shelf: Shelf) -> Incoming:
    lookups = Played("127.0.0.1", 1)
    lookups.resolver = NoNames("127.0.0.1", 1)
    return Incoming(folder, lookups, shelf)


def put(folder: Path, octets: bytes, name: str = "1") -> Path:
    file = folder / f"{name}.eml"
    file.write_bytes(octets)

    os.utime(file, (NOW, NOW))
    return file


def signed(domain: str) -> bytes:
    return letter.sign(dmarc_message(), KEY, domain, selector="s")


def test_a_report_that_is_signed(tmp_path: Path) -> None:
    """Its sender is proven, and the copy is gone."""
    shelf = Shelf()
    front = b"Return-Path: <>\r\nReceived: from x\r\n\tby y\r\n"
    put(tmp_path, front + signed("google.com"))
    said = list(incoming(tmp_path, shelf).read())
    assert said == ["a report of google.com about home.example"]
    (report,) = shelf.items
    assert (report.proven, report.signed_by, report.at) == (True, ("google.com",), NOW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("octets", [dmarc_message(), signed("google.com") + b"more\r\n"])
def test_a_report_that_nobody_signed(octets: bytes, tmp_path: Path) -> None:
    """It is kept, and marked."""
    shelf = Shelf()
    put(tmp_path, octets)
    (line,) = incoming(tmp_path, shelf).read()
    assert line.endswith("which nobody signed")
    assert [one.proven for one in shelf.items] == [False]


def test_a_report_that_comes_again(tmp_path: Path) -> None:
    """It is kept once; if its sender is proven only now, that one is kept."""
    shelf = Shelf()
    said: list[str] = []
    for octets in (dmarc_message(), dmarc_message(), signed("google.com"), dmarc_message()):
        put(tmp_path, octets)
        said += incoming(tmp_path, shelf).read()
    assert [line.rpartition(" ")[2] for line in said] == [
        "signed",
        "again",
        "home.example",
        "again",
    ]
    assert [one.proven for one in shelf.items] == [True]


def test_another_ones_domain(tmp_path: Path) -> None:
    """What is told about domains that are not ours is not kept."""
    shelf = Shelf("other.example")
    put(tmp_path, dmarc_message())
    (line,) = incoming(tmp_path, shelf).read()
    assert "no domain of ours" in line
    assert not shelf.items


def test_the_datastore_is_away(tmp_path: Path) -> None:
    """The copy waits for the next pass."""
    shelf = Shelf()
    file = put(tmp_path, dmarc_message())
    shelf.wrong = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        list(incoming(tmp_path, shelf).read())
    assert file.exists()
    shelf.wrong = None
    assert len(list(incoming(tmp_path, shelf).read())) == len(shelf.items) == 1


def test_the_datastore_does_not_take_it(tmp_path: Path) -> None:
    """It is told, and does not keep the others waiting for ever."""
    shelf = Shelf()
    put(tmp_path, dmarc_message())
    shelf.wrong = InvalidDocument("too long")
    (line,) = incoming(tmp_path, shelf).read()
    assert "too long" in line
    assert not list(tmp_path.iterdir())


def test_what_killed_a_pass_is_not_read_again(tmp_path: Path) -> None:
    """Whatever it was."""
    put(tmp_path, dmarc_message()).rename(tmp_path / "1.trying")
    (line,) = incoming(tmp_path, Shelf()).read()
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
    shelf = Shelf()
    put(tmp_path, message(b"x", subject="evil"), "0")
    put(tmp_path, dmarc_message())
    assert len(list(incoming(tmp_path, shelf).read())) == 2
    assert len(shelf.items) == 1
    assert not list(tmp_path.iterdir())


def test_no_report_at_all(tmp_path: Path) -> None:
    """A message that only looks like one."""
    put(tmp_path, message(b"hello"))
    assert list(incoming(tmp_path, Shelf()).read()) == [
        "a message that looked like a report is none: it has no report attached"
    ]
