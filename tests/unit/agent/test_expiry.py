"""A certificate that nears its end is told of: in status, numbers, and once a day in the log."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from tests.unit.agent.conftest import Stage
from tests.unit.agent.test_certificate import Serving, give
from tests.unit.agent.test_pod import asked, of
from tests.unit.daemons.test_certificate import dated

from mailstack.agent.expiry import Expiry
from mailstack.daemons.certificate import Validity
from mailstack.observe.health_numbers import exposition

DAY_S = 24 * 3600
END = datetime(2026, 12, 24, 18, 30, tzinfo=UTC).timestamp()


def expiry(days_left: float, *, issued_for: float = 90) -> Expiry:
    valid = Validity(END - issued_for * DAY_S, END)
    return Expiry(valid, now=lambda: END - days_left * DAY_S)


@pytest.mark.parametrize(
    ("days_left", "issued_for", "words"),
    [
        (20, 90, ""),
        (14.1, 90, ""),
        (13.9, 90, "the certificate ends at 2026-12-24 18:30 UTC, and is not renewed yet"),
        (0.01, 90, "the certificate ends at 2026-12-24 18:30 UTC, and is not renewed yet"),
        (2.1, 6, ""),
        (1.9, 6, "the certificate ends at 2026-12-24 18:30 UTC, and is not renewed yet"),
        (
            -1,
            90,
            "the certificate ended at 2026-12-24 18:30 UTC: whoever checks it refuses; replace it",
        ),
    ],
)
def test_from_two_weeks_on_it_is_told(days_left: float, issued_for: float, words: str) -> None:
    """Or from the last third on, of one that was issued for days; after its end it is another."""
    assert expiry(days_left, issued_for=issued_for).remark() == words


def test_no_certificate_no_remark() -> None:
    """Most services show none."""
    one = Expiry()
    assert (one.remark(), one.reminder()) == ("", "")


def test_the_log_has_it_once_a_day() -> None:
    """However often it is looked at; and no more once a new one is in force."""
    said, now = [], [0.0]
    one = Expiry(Validity(END - 90 * DAY_S, END), now=lambda: now[0])
    for hours in (0, 1, 2, 24, 25, 80):
        now[0] = END - 3 * DAY_S + hours * 3600
        said.append(one.reminder().partition(" at ")[0])
    ends, ended = "the certificate ends", "the certificate ended"
    assert said == [ends, "", "", ends, "", ended]
    one.of = Validity(END, END + 90 * DAY_S)
    now[0] += DAY_S
    assert not one.reminder()


async def test_an_agent_tells_of_the_one_in_force(stage: Stage) -> None:
    """A service is healthy with it, and its remark goes once the owner has replaced it."""
    stage.daemon = Serving()
    (stage.paths.secure / "tls").mkdir(parents=True)
    key, text = dated(timedelta(days=-85), timedelta(days=5))
    end = x509.load_pem_x509_certificate(text.encode()).not_valid_after_utc
    give(stage, key=key, text=text)
    async with stage.healthy() as agent:
        await stage.changes.until(lambda: stage.health.remark)
        assert f"{end:%Y-%m-%d %H:%M}" in stage.health.remark
        assert stage.health.certificate_ends == end.timestamp()
        told = [line for line in stage.lines if "the certificate ends" in line]
        assert told == [f"mailstack: warning: {stage.health.remark}"]
        give(stage)
        agent.look_again(agent.settings)
        await stage.changes.until(lambda: not stage.health.remark)
        assert stage.health.certificate_ends > end.timestamp()


async def test_one_that_has_ended_is_told_of_though_it_is_refused(stage: Stage) -> None:
    """It is in force where there is no other; the owner's files are refused, and both are seen."""
    stage.daemon = Serving()
    (stage.paths.secure / "tls").mkdir(parents=True)
    key, text = dated(timedelta(days=-90), timedelta(days=-1))
    end = x509.load_pem_x509_certificate(text.encode()).not_valid_after_utc
    give(stage, key=key, text=text)
    async with stage.healthy():
        await stage.changes.until(lambda: "the certificate ended at" in stage.health.remark)
        assert stage.health.certificate_ends == end.timestamp()
        assert "expired" in stage.health.config.reason


async def test_pod_and_numbers_show_it() -> None:
    """The status page has the end and the remark; the series is there where a service has one."""
    one = of("postfix")
    name = "mailstack_certificate_not_after_seconds{"
    assert name not in exposition([one.health])
    one.health.shows_certificate_until(END)
    one.health.says("the certificate ends soon")
    status = (await asked(one, "status"))[1]
    assert f'"certificate_ends": {END}' in status
    assert '"remark": "the certificate ends soon"' in status
    assert f'{name}service="postfix"}} {int(END)}\n' in (await asked(one, "metrics"))[1]
