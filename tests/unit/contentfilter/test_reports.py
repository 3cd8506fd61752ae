"""Which messages are copied as reports, and that looking for them keeps none from its mailbox."""

from pathlib import Path

import pytest
from tests.unit.reports.samples import TLS, dmarc_message

from mailstack.contentfilter import reports
from mailstack.contentfilter.milter_message import Message
from mailstack.contentfilter.reports import Reports
from mailstack.protocols import milter


def heard(octets: bytes, *, login: str = "") -> Message:
    """What a milter hears of a message; the header's end is in it."""
    message = Message(b"", login, 1024**2, 10)
    header, _, _ = octets.partition(b"\r\n\r\n")
    for field in header.replace(b"\r\n ", b" ").split(b"\r\n"):
        name, _, value = field.partition(b":")
        message.add_field(milter.HeaderField(name, value))
    message.end_header()
    return message


def look_at(folder: Path | None, octets: bytes, *, login: str = "") -> None:
    """All that a session does with a message."""
    found, message = Reports(), heard(octets, login=login)
    body = octets.partition(b"\r\n\r\n")[2]
    for at in range(0, len(body), 1000):
        message.add_body(body[at : at + 1000], keep=found.keeps(message, folder))
    found.copy(message, folder)


def copies(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


TLSRPT = b'Content-Type: multipart/report; report-type="tlsrpt"; boundary=x\r\n\r\n' + TLS
BY_NAME = b'Content-Type: application/zip;\r\n name="a.example!b.example!1700000000!1700086399.zip"'
BY_NAME += b"\r\n\r\nx"


@pytest.mark.parametrize(
    "octets",
    [
        dmarc_message(),
        TLSRPT,
        BY_NAME,
        b"subject: [Preview] report domain: home.example\r\n\r\nx",
        b"TLS-Report-Domain: home.example\r\n\r\nx",
    ],
)
def test_what_looks_like_a_report_is_copied(octets: bytes, tmp_path: Path) -> None:
    """By subject, type or name of a file; with all of its body."""
    look_at(tmp_path, octets)
    (copied,) = copies(tmp_path)
    assert copied.partition(b"\r\n\r\n")[2] == octets.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: hello\r\n\r\nReport Domain: x\r\n",
        b"Subject: Re: your report\r\n\r\nname=x!y\r\n",
        b"Subject: " + b"x" * 1000 + b" Report Domain:\r\n\r\nx",
        dmarc_message() + b"x" * 1024**2,
    ],
)
def test_other_mail_is_not(octets: bytes, tmp_path: Path) -> None:
    """Nobody's letters are copied, nor anything that is too large."""
    look_at(tmp_path, octets)
    assert copies(tmp_path) == []


def test_what_users_send_is_not(tmp_path: Path) -> None:
    """Reports come from outside."""
    look_at(tmp_path, dmarc_message(), login="anna@home.example")
    assert copies(tmp_path) == []


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Of many at once the bodies of a few are kept; those that are through make room."""
    found = Reports()
    messages = [heard(dmarc_message()) for _ in range(reports.MAX_AT_ONCE + 3)]
    kept = [found.keeps(message, tmp_path) for message in messages]
    assert kept == [True] * reports.MAX_AT_ONCE + [False] * 3
    del messages[0]
    assert found.keeps(messages[-1], tmp_path)


def test_nobody_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded, in number and size."""
    monkeypatch.setattr(reports, "MAX_WAITING", 3)
    for _ in range(5):
        look_at(tmp_path, dmarc_message())
    assert len(copies(tmp_path)) == 3
    monkeypatch.setattr(reports, "MAX_WAITING", 100)
    size = len(copies(tmp_path)[0])
    monkeypatch.setattr(reports, "MAX_WAITING_OCTETS", 4 * size)
    for _ in range(5):
        look_at(tmp_path, dmarc_message())
    assert len(copies(tmp_path)) == 4


def test_a_folder_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told in the log, and the message goes on."""
    look_at(tmp_path / "gone", dmarc_message())
    look_at(None, dmarc_message())
    assert len(caplog.records) == 1
