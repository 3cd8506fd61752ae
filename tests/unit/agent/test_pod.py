"""The agent as process 1 of a container: what it tells the kubelet, and whom it finds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailstack.agent import pod
from mailstack.agent.site import Place
from mailstack.aio.http import Request
from mailstack.observe.health import Health, State
from mailstack.settings_file import check
from mailstack.topology.model import LOOPBACK, Endpoint
from mailstack.topology.stack import STACK

SETTINGS = check({"domain": "example.org", "email": "owner@example.net"})


def of(service: str) -> pod.Pod:
    return pod.Pod(service, Health(service), SETTINGS)


async def asked(one: pod.Pod, page: str) -> tuple[int, str]:
    answer = await one.answer(Request("GET", (page,), {}))
    return answer.status, answer.body.decode()


async def test_ready_is_what_the_last_probe_found() -> None:
    """A pod is ready while its daemon does its work, and says what is wrong while it does not."""
    one = of("postfix")
    assert await asked(one, "readyz") == (503, "waiting\n")
    one.health.now(State.HEALTHY)
    assert await asked(one, "readyz") == (200, "healthy\n")
    one.health.now(State.UNHEALTHY, "SMTP: RCPT was answered 451")
    assert await asked(one, "readyz") == (503, "unhealthy: SMTP: RCPT was answered 451\n")
    assert (await asked(one, "healthz"))[0] == 200


async def test_a_refused_configuration_is_seen_and_the_pod_stays_ready() -> None:
    """What the owner wrote and the daemon refused is in the status and the numbers."""
    one = of("postfix")
    one.health.now(State.HEALTHY)
    one.health.config_refused("main.cf:3: unknown parameter")
    assert (await asked(one, "readyz"))[0] == 200
    assert '"state": "refused", "reason": "main.cf:3' in (await asked(one, "status"))[1]
    assert 'mailstack_config_refused{service="postfix"} 1' in (await asked(one, "metrics"))[1]
    assert (await asked(one, "other"))[0] == 404


async def test_numbers_that_others_keep_are_shown_as_well(tmp_path: Path) -> None:
    """What a program that ends has counted lies in a file; there need not be one."""
    one = of("opendkim")
    one.kept = tmp_path
    assert (await asked(one, "metrics"))[1].startswith("# HELP mailstack_service_healthy")
    (tmp_path / "dkim.prom").write_text("mailstack_dkim_lost_domains 0.0\n")
    assert (await asked(one, "metrics"))[1].endswith("mailstack_dkim_lost_domains 0.0\n")


async def test_names_become_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Configurations hold addresses, and whoever has none yet is waited for."""
    known: dict[str, str] = {}

    async def look_up(name: str) -> str | None:
        known.setdefault(name, f"10.0.0.{len(known) + 1}")
        return known[name] if name != "opendkim" or len(told) else None

    told: list[str] = []
    monkeypatch.setattr(pod, "look_up", look_up)
    monkeypatch.setattr(pod, "_RETRY_S", 0.001)
    one = of("postfix")
    await one._find_everybody(told.append)
    assert told == ["the name opendkim has no address yet; is there a Service, and DNS?"]
    monkeypatch.setattr("mailstack.agent.site.account", lambda uid: uid)
    site = Place(STACK, tmp_path, in_pod=True, hosts=one.hosts).site("postfix", SETTINGS, ())
    assert site.addresses["opendkim.milter"].host == known["opendkim"]
    assert site.addresses["contentfilter.lmtp"].host == LOOPBACK
    assert site.resolver == known["resolver"]


@asynccontextmanager
async def listening() -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), LOOPBACK, 0)
    async with server:
        yield Endpoint(LOOPBACK, server.sockets[0].getsockname()[1])


async def test_what_a_service_needs_is_looked_at() -> None:
    """A daemon that hangs because another is away is not restarted: that would cure nothing."""
    async with listening() as peer:
        assert await pod.answers(peer)
    assert not await pod.answers(peer)


async def test_a_name_that_is_unknown_has_no_address() -> None:
    """DNS that does not know, or does not answer, is no error."""
    assert await pod.look_up("nobody.invalid") is None
    assert await pod.look_up(LOOPBACK) == LOOPBACK
