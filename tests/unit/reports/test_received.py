"""Reports of a domain come together in one document, which never grows beyond its bounds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.model import reports as model
from mailstack.model.reports import MAX_LINES, Received, Reports, Source
from mailstack.reports import received
from mailstack.reports.received import is_news, shortened, with_new

EMPTY = Reports.model_validate({"domain": "home.example"})


def report(identity: str = "1", at: int = 1, lines: int = 1, *, proven: bool = True) -> Received:
    source = Source("192.0.2.1", 7, True, False, "none", "home.example")  # noqa: FBT003
    return Received(
        kind="dmarc",
        domain="home.example",
        reporter="google.com",
        identity=identity,
        begin=at,
        end=at,
        at=at,
        signed_by=(),
        proven=proven,
        sources=(source,) * lines,
    )


def together(*reports: Received, oldest: float = 0) -> list[str]:
    """Identities of what is kept."""
    kept = EMPTY
    for one in reports:
        kept = with_new(kept, one, oldest=oldest)
    return [one.identity for one in kept.items]


def test_the_same_report_counts_once() -> None:
    """Unless now it is proven who sent it: nobody takes another's place beforehand."""
    forged, proven = report(proven=False), report()
    assert is_news(forged, EMPTY)
    first = with_new(EMPTY, forged, oldest=0)
    assert not is_news(forged, first)
    assert is_news(proven, first)
    second = with_new(first, proven, oldest=0)
    assert second.items == (proven,)
    assert not is_news(forged, second)
    assert not is_news(proven, second)


def test_nothing_stays_for_ever() -> None:
    """What came too long ago goes with the next one that comes."""
    assert together(report("old", 5), report("new", 20), oldest=10) == ["new"]


def test_what_anybody_wrote_goes_first() -> None:
    """Then the oldest: a flood of forged reports takes no room from genuine ones."""
    half = MAX_LINES // 2
    genuine = report("genuine", 1, half)
    flood = [report(f"forged{n}", 10 + n, half, proven=False) for n in range(3)]
    assert together(genuine, *flood) == ["genuine", "forged2"]
    later = [report(f"later{n}", 20 + n, half) for n in range(2)]
    assert together(genuine, *flood, *later) == ["later0", "later1"]


def test_the_number_of_reports_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay."""
    monkeypatch.setattr(received, "MAX_REPORTS", 3)
    assert together(*(report(str(n), n) for n in range(5))) == ["2", "3", "4"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400), st.integers(0, 99)), max_size=12))
def test_the_document_is_always_valid(ways: list[tuple[bool, int, int]]) -> None:
    """Whatever comes: within its bounds, in order, the same when it is written and read."""
    kept = EMPTY
    for number, (proven, lines, at) in enumerate(ways):
        one = shortened(report(str(number), at, lines, proven=proven))
        kept = with_new(kept, one, oldest=0)
    assert sum(one.size for one in kept.items) <= MAX_LINES
    assert [one.at for one in kept.items] == sorted(one.at for one in kept.items)
    assert Reports.model_validate_json(kept.line()) == kept


def test_a_document_of_another_domain() -> None:
    """Reports about several domains are no document."""
    with pytest.raises(ValueError, match=r"not all reports are about home\.example"):
        Reports(domain=EMPTY.domain, items=(replace(report(), domain="other.example"),))
    with pytest.raises(ValueError, match="more than 1500 lines"):
        Reports(domain=EMPTY.domain, items=(report(lines=model.MAX_LINES + 1),))
