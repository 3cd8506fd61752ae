"""What became of reports is counted over many passes."""

from collections import Counter
from pathlib import Path

import pytest
from tests.unit.reports.samples import dmarc_message, message
from tests.unit.reports.test_incoming import Shelf, incoming, put

from mailstack.reports import numbers
from mailstack.reports.kept import Sent


def test_every_series_is_there_from_the_start() -> None:
    """With 0, so that a rate sees the first one."""
    text = numbers.text(Counter())
    for outcome in numbers.RECEIVED:
        assert f'mailstack_reports_received_total{{outcome="{outcome}"}} 0.0' in text
    for outcome in numbers.SENT:
        assert f'mailstack_reports_sent_total{{outcome="{outcome}"}} 0.0' in text


def test_what_came_is_counted(tmp_path: Path) -> None:
    """Good ones, repeated ones, those about others, and what nobody can read."""
    shelf, counts = Shelf(), Counter[str]()

    def read(octets: bytes, name: str = "1.eml") -> None:
        put(tmp_path, octets).rename(tmp_path / name)
        reading = incoming(tmp_path, shelf)
        list(reading.read())
        counts.update(reading.counts)

    for octets in (dmarc_message(), dmarc_message(), message(b"\x1f\x8bbad"), message(b"none")):
        read(octets)
    read(dmarc_message(), "killed.trying")
    shelf.hosted = ("other.example",)
    read(dmarc_message())
    assert counts == {"taken": 1, "again": 1, "foreign": 1, "refused": 3}
    numbers.save(tmp_path, counts)
    assert numbers.load(tmp_path) == counts


def test_what_went_is_counted() -> None:
    """Taken by the other side, or not for good."""
    ends = ("sent", "refused: 550 no", "sent", "given up: nobody answered")
    sent = [Sent(1, "a.example", "1", 1, 2, 3, "x@a.example", end) for end in ends]
    assert numbers.outcomes(sent) == {"sent": 2, "unsent": 2}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"taken": "x"}', "7"])
def test_a_damaged_file_begins_anew(text: str, tmp_path: Path) -> None:
    """Numbers keep no report from being read."""
    (tmp_path / numbers.FILE).write_text(text)
    assert numbers.load(tmp_path) == {}
