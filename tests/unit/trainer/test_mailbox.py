"""What Dovecot says of a mailbox, read."""

import imaplib
import tracemalloc
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.trainer.world import KEY, open_ledger

from mailstack.trainer import mailbox
from mailstack.trainer.mailbox import Mailbox
from mailstack.trainer.message import Listed, as_it_arrived
from mailstack.trainer.survey import Choice, survey

LINE = (
    b'7 (UID 12 FLAGS (\\Seen $Junk) INTERNALDATE " 8-Nov-2026 03:16:42 +0100" '
    b"RFC822.SIZE 59 X-GUID 1795835802.M771270P23714.vm)"
)


def test_a_line_of_a_list() -> None:
    """Everything that is asked for, in any case and with Dovecot's blanks."""
    listed = mailbox._listed(LINE)
    assert listed == Listed(
        12, b"1795835802.M771270P23714.vm", 59, 1794104202.0, frozenset({"\\seen", "$junk"})
    )


@given(st.binary())
def test_any_line(line: bytes) -> None:
    """What is no whole line of a list is left out, and nothing breaks."""
    assert mailbox._listed(line) is None


class LargeImap:
    """An imaplib connection to folders of so many messages, half of them removed meanwhile."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0

    def select(self, folder: str, readonly: bool) -> tuple[str, list[bytes]]:  # noqa: FBT001 - imaplib's
        assert readonly
        assert folder
        return "OK", [str(self.count).encode()]

    def fetch(self, numbers: str, _: str) -> tuple[str, list[bytes]]:
        self.asked += 1
        low, high = map(int, numbers.split(":"))
        if high > self.count:
            raise imaplib.IMAP4.error("BAD Invalid messageset")
        return "OK", [
            LINE.replace(b"UID 12", b"UID %d" % number).replace(b"P23714", b"P%d" % number)
            for number in range(low, high + 1)
        ]


def test_a_large_mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is listed page by page; a hundred thousand messages take no more memory than one page."""
    monkeypatch.setattr("mailstack.trainer.survey.FOLDERS", {"INBOX": False})
    imap = LargeImap(10_000)
    box = Mailbox(cast("imaplib.IMAP4", imap))
    ledger = open_ledger(tmp_path)
    tracemalloc.start()
    plan = survey(box, ledger, Choice(KEY, 4e9, 0, 1000, share=False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sum(plan.skipped.values()), imap.asked) == (10_000, 20)
    assert peak < 2 * 1024**2


def test_messages_that_vanish_while_they_are_listed() -> None:
    """Numbers above what is left are refused; listing goes on from the new end."""
    imap = LargeImap(2000)
    box = Mailbox(cast("imaplib.IMAP4", imap))
    uids: list[int] = []
    for page in box.pages("INBOX"):
        uids += [one.uid for one in page]
        imap.count = min(imap.count, 700)
    assert set(uids) >= set(range(1, 701))


@pytest.fixture
def marked() -> bytes:
    """A message as the content filter hands it on."""
    return (
        b"X-Spam-Flag: YES\r\nX-Spam-Report: because\r\n\tof this\r\nReturn-Path: <a@b.example>\r\n"
        b"Subject: x\r\n\r\nX-Spam-Flag: this is text\r\n"
    )


def test_what_an_earlier_scan_wrote_is_not_learnt(marked: bytes) -> None:
    """Fields of the filter are removed from the header, and nothing else from the message."""
    assert as_it_arrived(marked) == (
        b"Return-Path: <a@b.example>\r\nSubject: x\r\n\r\nX-Spam-Flag: this is text\r\n"
    )
