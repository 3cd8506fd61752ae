"""What the owner should hear of, as Events of the cluster: and never waited for."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from tests.api_server import NAMESPACE, ApiServer, api_server
from tests.unit.agent.conftest import Stage
from tests.unit.agent.test_certificate import Serving, give
from tests.unit.daemons.test_certificate import dated
from tests.unit.fake_daemon import BAD, PATIENCE_S

from mailstack.agent import alerts, alone, events
from mailstack.agent.alerts import Matter
from mailstack.agent.events import Events
from mailstack.aio.kubernetes_api import Api
from mailstack.errors import ConfigError
from mailstack.settings_kubernetes import VERSIONS
from mailstack.topology.model import Endpoint

POD, UID = "postfix-0", "6f1d6f0e-0d8a-4b6c-9b43-0f0a3c1f2a11"
NOW = 1_800_000_000.25
NOT_TOLD = "the cluster was not told of ConfigurationRefused"
WORDS = "own.cf:3: unknown parameter"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    (tmp_path / "account").mkdir()
    with api_server(tmp_path / "account") as running:
        yield running


class Cluster:
    """Events that go to a fake API server, and what was said of them."""

    def __init__(self, server: ApiServer, endpoint: Endpoint | None = None) -> None:
        self.lines: list[str] = []
        self.now = NOW
        api = Api(
            endpoint or server.endpoint,
            server.account,
            timeout_s=20,
            tries=3,
            sleep=lambda _: None,
        )
        self.events = Events("postfix", self.lines.append, api, POD, UID, now=lambda: self.now)


@pytest.fixture
def cluster(server: ApiServer) -> Cluster:
    return Cluster(server)


def made(server: ApiServer) -> list[dict[str, Any]]:
    return list(server.events.values())


async def test_an_alert_is_an_event(server: ApiServer, cluster: Cluster) -> None:
    """Of the pod and container, as a warning, with the time at which it was."""
    async with cluster.events.sending():
        cluster.events.alert(Matter.REFUSED, WORDS)
    (event,) = made(server)
    assert event["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": POD,
        "namespace": NAMESPACE,
        "uid": UID,
        "fieldPath": "spec.containers{postfix}",
    }
    assert (event["type"], event["reason"], event["note"]) == (
        "Warning",
        "ConfigurationRefused",
        WORDS,
    )
    assert event["eventTime"] == "2027-01-15T08:00:00.250000Z"
    assert event["metadata"]["namespace"] == NAMESPACE
    assert cluster.lines == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_is_one_that_the_server_takes(
    server: ApiServer, cluster: Cluster, version: str
) -> None:
    """Strictly valid, and what the server asks for beyond its schema."""
    async with cluster.events.sending():
        for matter in Matter:
            cluster.events.alert(matter, "ä" * 2000)
    assert len(made(server)) == len(Matter)
    for event in made(server):
        kubernetes_validate.validate(event, version, strict=True)
        required = ("action", "reason", "reportingController", "reportingInstance")
        assert all(0 < len(event[name]) <= 128 for name in required)
        assert 900 < len(event["note"].encode()) <= 1024
        assert event["regarding"]["namespace"] == event["metadata"]["namespace"]


async def test_the_same_is_told_once_an_hour(server: ApiServer, cluster: Cluster) -> None:
    """Other words at once; the same when the cluster has forgotten them."""
    async with cluster.events.sending():
        for at, words in ((0, WORDS), (10, WORDS), (20, "other"), (3500, "other"), (3700, "other")):
            cluster.now = NOW + at
            cluster.events.alert(Matter.REFUSED, words)
    assert [event["note"] for event in made(server)] == [WORDS, "other", "other"]


@pytest.mark.parametrize("failure", [0, 401, 429, 500, 503])
async def test_what_fails_for_now_is_tried_again(
    server: ApiServer, cluster: Cluster, failure: int
) -> None:
    """A server that is busy or cut off is asked again."""
    server.failures = [failure, failure]
    async with cluster.events.sending():
        cluster.events.alert(Matter.REFUSED, WORDS)
    assert [event["note"] for event in made(server)] == [WORDS]
    assert cluster.lines == []


async def test_a_lost_answer_makes_no_second_event(server: ApiServer, cluster: Cluster) -> None:
    """The name is ours, so a second try finds that the first arrived, and that is well."""
    server.lost_answers = 1
    async with cluster.events.sending():
        cluster.events.alert(Matter.REFUSED, WORDS)
    assert len(made(server)) == 1
    assert [code for _, code in server.asked] == [0, 409]
    assert cluster.lines == []


async def test_a_refusal_is_a_line_in_the_log(server: ApiServer, cluster: Cluster) -> None:
    """And the next is told all the same."""
    server.failures = [403, 422]
    async with cluster.events.sending():
        cluster.events.alert(Matter.REFUSED, WORDS)
        cluster.events.alert(Matter.CERTIFICATE, "soon")
        cluster.events.alert(Matter.REFUSED, "other")
    assert [event["note"] for event in made(server)] == ["other"]
    assert cluster.lines == [
        f"{NOT_TOLD}: so it was told; apply the manifests again",
        "the cluster was not told of CertificateEnds: so it was told",
    ]


async def test_without_a_token_nothing_breaks(server: ApiServer, cluster: Cluster) -> None:
    """A pod of an older render has none."""
    (server.account / "token").unlink()
    async with cluster.events.sending():
        cluster.events.alert(Matter.REFUSED, WORDS)
    assert len(cluster.lines) == 1
    assert "No such file" in cluster.lines[0]


async def test_nobody_waits_for_a_silent_server(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that hangs is given up with the service, and what is too much is left out."""
    monkeypatch.setattr(events, "LAST_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster(server, Endpoint("localhost", silent.getsockname()[1]))
        async with asyncio.timeout(PATIENCE_S), cluster.events.sending():
            for number in range(events.MAX_WAITING + 1):
                cluster.events.alert(Matter.REFUSED, f"{number}")
    assert cluster.lines == [f"{NOT_TOLD}: {events.MAX_WAITING} others wait"]


async def test_what_takes_too_long_is_given_up(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all its tries an Event has a bounded time."""
    monkeypatch.setattr(events, "PATIENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster(server, Endpoint("localhost", silent.getsockname()[1]))
        async with cluster.events.sending():
            cluster.events.alert(Matter.REFUSED, WORDS)
            await cluster.events._waiting.join()
    assert cluster.lines == [f"{NOT_TOLD}: no answer in time"]


async def test_a_refused_configuration_is_told(
    server: ApiServer, cluster: Cluster, stage: Stage
) -> None:
    """While the one before runs on."""
    stage.alert = cluster.events.alert
    async with cluster.events.sending(), stage.healthy():
        stage.override(BAD)
        await stage.changes.until(lambda: stage.health.config.refusals)
    assert [(event["reason"], event["note"]) for event in made(server)] == [
        ("ConfigurationRefused", stage.health.config.reason)
    ]


async def test_a_start_that_is_refused_is_told(
    server: ApiServer, cluster: Cluster, stage: Stage
) -> None:
    """The process ends of it; the Event goes out before."""
    stage.alert = cluster.events.alert
    (stage.paths.overrides / "own.conf").write_text(BAD)
    with pytest.raises(ConfigError):
        async with cluster.events.sending():
            await stage.build().run()
    assert [event["reason"] for event in made(server)] == ["ConfigurationRefused"]


async def test_a_certificate_near_its_end_is_told(
    server: ApiServer, cluster: Cluster, stage: Stage
) -> None:
    """With the words of the log."""
    stage.daemon, stage.alert = Serving(), cluster.events.alert
    (stage.paths.secure / "tls").mkdir(parents=True)
    key, text = dated(timedelta(days=-85), timedelta(days=5))
    give(stage, key=key, text=text)
    async with cluster.events.sending(), stage.healthy():
        await stage.changes.until(lambda: stage.health.remark)
    assert [(event["reason"], event["note"]) for event in made(server)] == [
        ("CertificateEnds", stage.health.remark)
    ]


async def test_without_that_right_nobody_is_told(
    monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    """Events are made where the manifests say so."""
    around = stage.build().around
    monkeypatch.delenv(alerts.POD, raising=False)
    async with alone._telling_the_cluster("postfix", around):
        assert around.alert is alerts.nobody
    monkeypatch.setenv(alerts.POD, POD)
    monkeypatch.setenv(alerts.POD_UID, UID)
    async with alone._telling_the_cluster("postfix", around):
        assert getattr(around.alert, "__func__", None) is Events.alert


def test_the_pod_is_named_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the manifests have it; the server is the cluster's own."""
    monkeypatch.setenv(alerts.POD, POD)
    monkeypatch.setenv(alerts.POD_UID, UID)
    found = events.events("postfix", print)
    assert (found.pod, found.uid, found.service) == (POD, UID, "postfix")
    assert str(found.api.server) == "kubernetes.default.svc:443"
