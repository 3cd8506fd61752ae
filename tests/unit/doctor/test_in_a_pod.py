"""``mailstack doctor`` in a cluster: what it asks, what it leaves out, what it advises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailstack.aio.http import Answer, HttpServer, Request, document, text
from mailstack.daemons.postfix.queue import Waiting
from mailstack.doctor import agents, certificates
from mailstack.doctor.agents import told_by_agents
from mailstack.doctor.context import JOB, Context
from mailstack.doctor.datastore import datastore
from mailstack.doctor.disk import disk
from mailstack.doctor.queue import judge_numbers, queue
from mailstack.doctor.secrets import secrets
from mailstack.doctor.services import overrides, services
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

SETTINGS = Settings(email="owner@example.net", domain="example.org")
STATUS = {
    "service": "postfix",
    "state": "healthy",
    "reason": "",
    "remark": "",
    "config": {"state": "refused", "reason": "main.cf:3: bad", "since": ""},
}


def context(state: Path, status: dict[str, object] | None = None) -> Context:
    return Context(SETTINGS, state, ("192.0.2.9",), status, pod=True)


@pytest.fixture
async def agent() -> AsyncIterator[Endpoint]:
    """Answers as the agent of a pod does: ``/status``, and Postfix's numbers."""

    async def answer(request: Request) -> Answer:
        if request.path == ("metrics",):
            return text(200, Waiting(messages=3, deferred=1, oldest=1000).numbers("postfix"))
        assert request.path == ("status",)
        return document(STATUS)

    server = await asyncio.start_server(HttpServer(answer).serve, "127.0.0.1", 0)
    async with server:
        yield Endpoint(*server.sockets[0].getsockname())


async def test_agents_tell_how_services_are(
    agent: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is asked at its Service; where nobody answers, no pod is ready."""
    silent = Endpoint("127.0.0.1", 1)
    where = {"postfix": agent}
    monkeypatch.setattr(agents, "agent_of", lambda service: where.get(service, silent))
    status = await told_by_agents(SETTINGS)
    assert status["services"]["postfix"] == STATUS
    assert status["services"]["dovecot"]["state"] == "not ready"
    found = await services(context(tmp_path, status))
    assert not [f for f in found if f.what.startswith("postfix")]
    (one,) = [f for f in found if f.what.startswith("dovecot")]
    assert one.fix == "kubectl -n mailstack logs -l app.kubernetes.io/name=dovecot -c dovecot"
    (refused,) = await overrides(context(tmp_path, status))
    assert "main.cf:3" in refused.what
    assert refused.fix.endswith("overrides/postfix")


def test_where_an_agent_is() -> None:
    """Services that share a pod have agents at ports of their own."""
    assert agents.agent_of("postfix") == Endpoint("postfix", STACK.agent_port("postfix"))
    assert agents.agent_of("contentfilter") == Endpoint(
        "postfix", STACK.agent_port("contentfilter")
    )


async def test_the_agent_tells_of_the_queue(
    agent: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many wait and for how long; the reasons are where the queue is."""
    monkeypatch.setattr(agents, "agent_of", lambda _: agent)
    (found,) = await queue(context(tmp_path))
    assert found.severity == "warning"
    assert found.what.startswith("3 wait, the oldest for ")
    assert "exec statefulset/postfix -c postfix -- mailstack doctor --only queue" in found.fix


@pytest.mark.parametrize(("messages", "hours"), [(0, 0), (1, 1)])
def test_a_queue_that_is_well(messages: int, hours: int, tmp_path: Path) -> None:
    """Nothing waits, or not for long."""
    now = 1_000_000
    told = judge_numbers(messages, now - hours * 3600, now, context(tmp_path))
    assert told.severity == "ok"


async def test_what_lies_in_other_pods_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unknown, not well and not ill, and where there is a way to ask, the fix names it."""
    monkeypatch.setattr(agents, "agent_of", lambda _: Endpoint("127.0.0.1", 1))
    here = context(tmp_path)
    told = [await check(here) for check in (secrets, queue, disk)]
    found = sum(told, (await datastore(Context(SETTINGS, tmp_path, (), None, pod=True)))[1:])
    unknown = {f.key: f for f in found if f.severity == "unknown"}
    assert set(unknown) == {"secrets", "queue", "disk", "backup"}
    assert unknown["queue"].fix == (
        "kubectl -n mailstack exec statefulset/postfix -c postfix -- mailstack doctor --only queue"
    )
    assert "kubectl -n mailstack get cronjob backup" in unknown["backup"].fix


@pytest.mark.parametrize(("service", "port", "_"), certificates._PORTS)
def test_each_certificate_is_reached_by_a_link(service: str, port: str, _: str) -> None:
    """A port without a link would be closed by the network policies."""
    here = context(Path("/nowhere"))
    assert here.port(service, port) == Endpoint(
        STACK.pod_of(service), STACK.service(service).port(port).inside
    )


def test_links_for_all_that_is_asked() -> None:
    """The canary, the resolver, the API; what has no link cannot be asked."""
    here = context(Path("/nowhere"))
    assert here.resolver.host == "resolver"
    assert here.port("postfix", "submission").host == "postfix"
    assert {link.port for link in STACK.links_from(JOB) if link.target == "internet"} == {
        "smtp",
        "dns",
        "ntp",
    }
    with pytest.raises(KeyError):
        here.port("spamd", "spamc")
    assert here.outside("postfix", "smtp") == [Endpoint("192.0.2.9", 25)]


def test_the_resolver_has_an_address() -> None:
    """A question to a name server goes to an address; that of its pod is looked up beforehand."""
    hosts = {"resolver": "10.96.0.53"}
    here = Context(SETTINGS, Path("/nowhere"), (), None, pod=True, hosts=hosts)
    assert here.resolver == Endpoint("10.96.0.53", STACK.service("resolver").port("dns").inside)


async def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is known of it, and what needs it is unknown."""

    async def fails(*_: object, **__: object) -> None:
        raise OSError("no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fails, raising=False)
    assert await agents.addresses() == {}


def test_what_a_load_balancer_would_say() -> None:
    """Where it names the client by the PROXY protocol, so does who examines; else nothing."""
    assert context(Path("/nowhere")).introduction("postfix", "smtp") == ""
    listen = SETTINGS.listen.model_copy(update={"proxy_networks": ("10.0.0.0/8",)})
    proxied = SETTINGS.model_copy(update={"listen": listen})
    here = Context(proxied, Path("/nowhere"), (), None, pod=True)
    assert here.introduction("postfix", "smtp").startswith("PROXY TCP4 ")
    assert here.introduction("names", "https") == ""
