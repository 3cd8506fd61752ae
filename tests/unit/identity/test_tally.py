"""What the filter writes down of each message, and that it never gets in mail's way."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.reports.records import DAY, POLICY, PUBLISHED, RECORD, ROW

from mailstack.identity import tally
from mailstack.identity.dmarc import Signature
from mailstack.identity.record import Record
from mailstack.identity.tally import JOURNAL, Journal, Line, read


def journal(folder: Path) -> Journal:
    return Journal(folder / JOURNAL, lambda: DAY * 86_400.0 + 5)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """One line for each message, with all that a report says of it."""
    note = journal(tmp_path)
    note(RECORD)
    note(RECORD)
    assert list(read(tmp_path / JOURNAL)) == [Line(DAY, PUBLISHED, ROW)] * 2


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, policy=None),
        replace(RECORD, policy=replace(POLICY, rua="")),
        replace(RECORD, author=""),
    ],
)
def test_only_who_asks_is_told(record: Record, tmp_path: Path) -> None:
    """Without a policy, an address for reports or an author there is nothing to report."""
    journal(tmp_path)(record)
    assert not (tmp_path / JOURNAL).exists()


def test_names_of_strangers_are_bounded(tmp_path: Path) -> None:
    """Whatever a signature calls itself: no line grows beyond measure, nor has a second line."""
    evil = Signature("pass", "x" * 10_000 + ".example", "a\n\x00 b")
    journal(tmp_path)(replace(RECORD, dkim=(evil,) * 50))
    (line,) = read(tmp_path / JOURNAL)
    assert len(line.row.dkim) == tally.MAX_SIGNATURES
    assert line.row.dkim[0] == ("pass", "x" * 255, "ab")


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    """A power cut may leave half a line; the others count."""
    note = journal(tmp_path)
    note(RECORD)
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('[20000,["a.exa\n[]\n7\n{}\n[1,[],[]]\n[1,["a","b","c","d","e",1,"f"],[1,2]]\n')
    note(RECORD)
    assert len(list(read(tmp_path / JOURNAL))) == 2


def test_a_full_file_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody counts, the file ends at its limit, and mail goes on."""
    monkeypatch.setattr(tally, "MAX_OCTETS", 1000)
    note = journal(tmp_path)
    with caplog.at_level(logging.ERROR):
        for _ in range(20):
            note(RECORD)
    assert (tmp_path / JOURNAL).stat().st_size <= 1000
    assert len(caplog.records) == 1


def test_a_folder_that_is_gone_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be written is not reported, and nothing is raised."""
    note = Journal(tmp_path / "gone" / JOURNAL)
    note(RECORD)
    note(RECORD)
    assert len(caplog.records) == 1
