"""The order of starts and stops."""

from mailstack.supervisor.plan import plan
from mailstack.topology.stack import STACK


def test_needs_of_the_stack() -> None:
    """Postfix waits for its lookups and its resolver, couchmail for nobody."""
    ours = plan(STACK, [service.name for service in STACK.services])
    assert ours.needs["postfix"] == {"couchmail", "resolver"}
    assert ours.needs["couchmail"] == frozenset()
    assert "postfix" in ours.needed_by("couchmail")


def test_needs_elsewhere_are_not_waited_for() -> None:
    """A part of the stack starts without the rest."""
    assert plan(STACK, ["postfix"]).needs == {"postfix": frozenset()}


def test_whom_a_service_asks() -> None:
    """Every open link counts, whether the start waits for it or not; nobody outside does."""
    asks = plan(STACK, [service.name for service in STACK.services]).asks
    assert {"opendkim", "postgrey", "dovecot", "couchmail"} <= asks["postfix"]
    assert "internet" not in asks["resolver"]
