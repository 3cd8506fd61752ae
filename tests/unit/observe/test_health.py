"""The record of a service's health."""

from mailstack.observe.health import ConfigState, Health, State


def test_changes_are_told_once() -> None:
    """Whoever watches hears of each change, and of nothing else."""
    told: list[State] = []
    health = Health("postfix", lambda now: told.append(now.state))
    health.now(State.STARTING)
    health.now(State.STARTING)
    health.now(State.HEALTHY)
    health.now(State.HEALTHY)
    assert told == [State.STARTING, State.HEALTHY]


def test_a_new_reason_does_not_change_the_time() -> None:
    """``since`` tells how long the state lasts, however often its reason changes."""
    health = Health("postfix", since="long ago", state=State.UNHEALTHY)
    health.now(State.UNHEALTHY, "another reason")
    assert (health.since, health.reason) == ("long ago", "another reason")
    health.now(State.HEALTHY)
    assert health.since != "long ago"
    assert health.reason == ""


def test_refusals_are_counted_until_accepted() -> None:
    """A refusal stays visible until something is accepted; the count stays."""
    health = Health("postfix")
    assert health.config.state is ConfigState.PENDING
    health.config_refused("main.cf:3: unknown parameter")
    health.config_refused("main.cf:4: unknown parameter")
    assert (health.config.state, health.config.refusals) == (ConfigState.REFUSED, 2)
    assert health.config.reason == "main.cf:4: unknown parameter"
    health.config_accepted()
    assert (health.config.state, health.config.reason) == (ConfigState.ACCEPTED, "")
    assert health.config.refusals == 2
