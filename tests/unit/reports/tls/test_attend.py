"""Beside Postfix a pass starts once a day, when much was told, and again when something waits."""

from pathlib import Path

import pytest

from mailstack.program.passes import Ended
from mailstack.reports.tls import attend, journal
from mailstack.reports.tls.attend import AGAIN_S, DAY_S, SPREAD_S, Attendant, Place
from mailstack.reports.tls.config import KEPT

MIDNIGHT = 19_675 * DAY_S


class Clock:
    """Stands still, unless it is moved."""

    def __init__(self) -> None:
        self.now = MIDNIGHT + DAY_S / 2

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / KEPT).mkdir()
    return Place(tmp_path / "config", tmp_path, tmp_path / "sock", -1, -1, tmp_path / "prom")


def attended(
    place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch, *ended: Ended
) -> tuple[Attendant, list[str]]:
    """Stand for the agent; passes end as they are told."""
    said: list[str] = []
    left = list(ended)

    async def run(module: str, *arguments: str, timeout_s: float) -> Ended:
        assert module == "mailstack.reports.tls"
        assert arguments == ("--config", str(place.config))
        assert timeout_s > 0
        return left.pop(0)

    monkeypatch.setattr(attend, "run_pass", run)
    return Attendant(place, said.append, clock), said


DONE = Ended(
    0,
    ["TLS report about a.example to nobody: x"],
    '{"waiting": false, "numbers": "mailstack_tls_reports_sent_total 1"}',
)
WAITS = Ended(0, [], '{"waiting": true, "numbers": ""}')
FAILED = Ended(1, [], "reports: no such file")


async def test_once_a_day(place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the first hours of the next one; then not before the one after."""
    attendant, said = attended(place, clock, monkeypatch, DONE)
    assert not attendant.is_due()
    clock.now = MIDNIGHT + DAY_S + SPREAD_S
    assert attendant.is_due()
    await attendant._pass()
    assert said == ["TLS report about a.example to nobody: x"]
    assert place.numbers.read_text() == "mailstack_tls_reports_sent_total 1"
    assert not attendant.is_due()
    clock.now += DAY_S
    assert attendant.is_due()


def test_what_an_earlier_run_left(place: Place, clock: Clock) -> None:
    """The machine was off over midnight: the first pass does not wait for the next one."""
    (place.folder / KEPT / "kept.json").touch()
    assert Attendant(place, print, clock).is_due()


def test_much_was_told(place: Place, clock: Clock) -> None:
    """Before the journal is full."""
    attendant = Attendant(place, print, clock)
    (place.folder / journal.JOURNAL).write_bytes(b"x" * (journal.MAX_OCTETS // 2 + 1))
    assert attendant.is_due()


@pytest.mark.parametrize(("ended", "said"), [(WAITS, []), (FAILED, ["reports: no such file"])])
async def test_what_waits_is_tried_again(
    place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch, ended: Ended, said: list[str]
) -> None:
    """Some time later, and not all the time."""
    clock.now = MIDNIGHT + SPREAD_S
    attendant, heard = attended(place, clock, monkeypatch, ended, DONE)
    await attendant._pass()
    assert heard == said
    assert not attendant.is_due()
    clock.now += AGAIN_S
    assert attendant.is_due()
    await attendant._pass()
    assert not attendant.is_due()
