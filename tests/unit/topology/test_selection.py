"""Which services the settings ask for, here and on a cluster."""

import pytest

from mailstack.settings_file import check
from mailstack.topology.selection import on_one_machine, selected
from mailstack.topology.stack import STACK

_LEAST = {"domain": "example.org", "email": "owner@example.net"}
ALL = {service.name for service in STACK.services}


def test_what_has_to_be_asked_for() -> None:
    """Port 80 may be somebody else's: who takes it runs only where the owner says so."""
    off, on = check(_LEAST), check({**_LEAST, "acme": {"enabled": True}})
    assert ALL - {one.name for one in on_one_machine(STACK, off)} == {"letsencrypt"}
    assert {one.name for one in on_one_machine(STACK, on)} == ALL
    for settings, there in ((off, False), (on, True)):
        found = selected(STACK, settings)
        assert ("letsencrypt" in {one.name for one in found.services}) is there
        assert any(link.source == "letsencrypt" for link in found.links) is there


def test_what_is_switched_off_has_no_container() -> None:
    """On one machine it runs on, and can be switched on at once."""
    settings = check({**_LEAST, "greylist": {"enabled": False}})
    assert "postgrey" not in {one.name for one in selected(STACK, settings).services}
    assert "postgrey" in {one.name for one in on_one_machine(STACK, settings)}


@pytest.mark.parametrize(
    ("hours", "schedule"),
    [(6, "43 */6 * * *"), (1, "43 */1 * * *"), (24, "43 4 */1 * *"), (168, "43 4 */7 * *")],
)
def test_how_often_the_stack_is_examined(hours: int, schedule: str) -> None:
    """As often as the settings say, in the words of crontab(5)."""
    found = selected(STACK, check({**_LEAST, "doctor": {"every_hours": hours}}))
    assert {job.name: job.schedule for job in found.jobs}["doctor"] == schedule


@pytest.mark.parametrize(
    "tables", [{"doctor": {"every_hours": 0}}, {"kubernetes": {"profile": "micro"}}]
)
def test_where_nobody_examines_the_stack(tables: dict[str, object]) -> None:
    """Without the job its links are gone, too; the copies are made all the same."""
    found = selected(STACK, check({**_LEAST, **tables}))
    assert [job.name for job in found.jobs] == ["backup"]
    assert not found.links_from("doctor")
