"""How much a login may send within a day, and what a restart remembers."""

import asyncio
import copy
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstack.aio.sockets import listen
from mailstack.contentfilter import usage_file
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.outbound import Outbound, policy_listener
from mailstack.contentfilter.usage import DAY_S, SLOT_S, Entry, Granted, Later, Never, Usage, slot
from mailstack.contentfilter.usage_file import KeptUsage
from mailstack.topology.model import LOOPBACK, Endpoint

NOON = 1_800_000_000 // SLOT_S * SLOT_S
ANN = "ann@example.org"


class Clock:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now = float(NOON)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def outbound(clock: Clock, path: Path | None = None, limit: int = 10) -> Outbound:
    return Outbound(limit, KeptUsage(path, clock), FilterMetrics())


def message(recipients: int, login: str = ANN) -> Mapping[str, str]:
    """What Postfix says at the end of a message, as far as it matters."""
    return {"sasl_username": login, "recipient_count": str(recipients)}


def test_the_limit_is_reached_and_comes_back(clock: Clock) -> None:
    """Up to the limit mail goes; then it waits until what was used a day ago has come back."""
    ours = outbound(clock)
    assert [ours.action(message(n)) for n in (4, 5)] == ["DUNNO", "DUNNO"]
    assert ours.action(message(2)).startswith("450 4.7.1 ann@example.org has sent to 9 recipients")
    assert ours.action(message(1)) == "DUNNO"
    clock.now += DAY_S + SLOT_S - 1
    assert ours.action(message(1)).startswith("450")
    clock.now += 1
    assert ours.action(message(10)) == "DUNNO"


def test_the_reply_says_when_to_try_again(clock: Clock) -> None:
    """The time in the reply is the earliest at which this very message will do."""
    ours = outbound(clock)
    ours.action(message(3))
    clock.now += 3 * SLOT_S
    ours.action(message(7))
    assert "try again after 08:15 UTC" in ours.action(message(3))
    assert "try again after 09:00 UTC" in ours.action(message(4))


def test_more_than_a_day_has(clock: Clock) -> None:
    """One message to more recipients than the limit can never go: no use in trying again."""
    assert outbound(clock).action(message(11)).startswith("554 5.7.1")


def test_logins_are_counted_apart(clock: Clock) -> None:
    """One login's use is nobody else's, and capitals make no other login."""
    ours = outbound(clock)
    assert ours.action(message(10)) == "DUNNO"
    assert ours.action(message(10, "bob@example.org")) == "DUNNO"
    assert ours.action(message(1, "Ann@Example.org")).startswith("450")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"sasl_username": "", "recipient_count": "5"},
        {"sasl_username": ANN},
        {"sasl_username": ANN, "recipient_count": "0"},
        {"sasl_username": ANN, "recipient_count": "-5"},
        {"sasl_username": ANN, "recipient_count": "\u0665"},
        {"sasl_username": ANN, "recipient_count": "many"},
    ],
)
def test_nothing_to_count(clock: Clock, request_: Mapping[str, str]) -> None:
    """Who is not logged in, and what has no recipients yet, gets no opinion."""
    assert outbound(clock, limit=1).action(request_) == "DUNNO"


def test_no_limit(clock: Clock) -> None:
    """A limit of 0 counts nothing."""
    ours = outbound(clock, limit=0)
    assert ours.action(message(1_000_000)) == "DUNNO"
    ours.limit = 5
    assert ours.action(message(5)) == "DUNNO"


def test_a_restart_remembers(clock: Clock, tmp_path: Path) -> None:
    """What was sent before a restart counts after it, for as long as it would have."""
    path = tmp_path / "submissions"
    before = outbound(clock, path)
    before.action(message(4))
    clock.now += SLOT_S
    before.action(message(4, "o'hara and sons@example.org"))
    before.action(message(6))
    assert outbound(clock, path).action(message(1)).startswith("450")
    clock.now += DAY_S
    assert outbound(clock, path).action(message(5)).startswith("450")
    assert outbound(clock, path).action(message(4)) == "DUNNO"
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_a_damaged_file(clock: Clock, tmp_path: Path) -> None:
    """Lines that a crash or a hand has damaged are passed over, the others count."""
    path = tmp_path / "submissions"
    path.write_bytes(
        b"\xff\xfe\0\n\n1 2\n-5 3 x@example.org\nx y z\n"
        + f"{NOON} 9 {ANN}\n{NOON + 3 * DAY_S} 9 far@example.org\n{NOON} 4".encode()
    )
    ours = outbound(clock, path)
    assert ours.action(message(2)).startswith("450")
    assert ours.action(message(10, "far@example.org")) == "DUNNO"


def test_a_file_that_cannot_be_written(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Mail flows and is counted in memory when the disk does not take it; the log says so."""
    ours = outbound(clock, tmp_path / "missing" / "submissions")
    with caplog.at_level(logging.ERROR):
        assert ours.action(message(10)) == "DUNNO"
    assert "in memory only" in caplog.text
    assert ours.action(message(1)).startswith("450")


def test_a_file_that_cannot_be_read(clock: Clock, tmp_path: Path) -> None:
    """Counting begins anew, and mail flows."""
    assert outbound(clock, tmp_path).action(message(10)) == "DUNNO"


def test_the_file_stays_small(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no longer counts, and what can be one line, goes from the file by and by."""
    monkeypatch.setattr(usage_file, "MAX_SPARE_LINES", 20)
    path = tmp_path / "submissions"
    ours = outbound(clock, path, limit=1000)
    for _ in range(100):
        ours.action(message(1))
    assert len(path.read_text().splitlines()) <= 21
    assert outbound(clock, path, limit=100).action(message(1)).startswith("450")


@given(
    st.lists(st.tuples(st.integers(0, 2 * DAY_S), st.integers(1, 30)), max_size=60),
    st.integers(1, 40),
)
def test_never_more_than_the_limit_within_a_day(asks: list[tuple[int, int]], limit: int) -> None:
    """However somebody asks, what was granted within any 24 hours is within the limit."""
    usage, granted = Usage(), list[tuple[float, int]]()
    now = float(NOON)
    for pause, recipients in asks:
        now += pause / 20
        match usage.ask(ANN, recipients, limit, now):
            case Granted():
                usage.add(Entry(slot(now), recipients, ANN), now)
                granted.append((now, recipients))
            case Later(used, at):
                assert used + recipients > limit
                then = copy.deepcopy(usage)  # looking ahead forgets what is over by then
                assert isinstance(then.ask(ANN, recipients, limit, at - 1), Later)
                assert isinstance(then.ask(ANN, recipients, limit, at), Granted)
            case Never():
                assert recipients > limit
    for end, _ in granted:
        assert sum(n for at, n in granted if end - DAY_S < at <= end) <= limit


async def test_on_a_socket(clock: Clock) -> None:
    """Requests on one connection are answered in order; nonsense ends it, and it alone."""
    listener = policy_listener(outbound(clock))
    await listener.start(listen(Endpoint(LOOPBACK, 0))[0])
    text = b"sasl_username=ann@example.org\nrecipient_count=6\n\n"
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(LOOPBACK, listener.port)
        writer.write(text + text + b"nonsense\n\n" + text)
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    first, second, rest = answer.split(b"\n\n")
    assert (first, rest) == (b"action=DUNNO", b"")
    assert second.startswith(b"action=450 4.7.1 ann@example.org has sent to 6 recipients")
    await listener.stop(1)
