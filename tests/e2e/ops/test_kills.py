"""Whatever is killed comes back, and no mail that was accepted is lost by it."""

from collections.abc import Callable

import pytest
from tests.e2e.stack import Stack
from tests.e2e.traffic import flowing


def test_kill_each_process_restarts(stack: Stack, measured: Callable[[str], None]) -> None:
    """Kill -9 of each main process in turn while mail flows: none lost, none bounced."""
    user, services = stack.user(), list(stack.status()["services"])
    with flowing(stack, user) as traffic:
        for service in services:
            traffic.wait_for(3)
            stack.wait_for_another(service, stack.kill(service))
        stack.wait_healthy()
        traffic.wait_for(3)
    duplicates = traffic.check()
    measured(
        f"kill -9 of {len(services)} services: {len(traffic.accepted)} messages, none lost, "
        f"none bounced, {duplicates} twice"
    )


@pytest.mark.parametrize("service", ["postgrey", "spamd"])
def test_mail_is_taken_without(stack: Stack, service: str) -> None:
    """Without greylisting mail flows; without the scanner it waits in the queue."""
    user = stack.user()
    pid = stack.kill(service)
    assert stack.send(user.address, f"without {service}").code == 250
    stack.wait_for_another(service, pid)
    stack.flush_queue()
    stack.delivered(user, f"without {service}")
