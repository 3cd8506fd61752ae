"""The examination of a cluster: by the links that the declaration gives it, and nothing beside."""

import json
from pathlib import Path

import pytest
from tests.e2e.stack import Stack

from mailstack.client import Client, TcpTransport
from mailstack.doctor import context as contexts
from mailstack.doctor.context import JOB, Context
from mailstack.doctor.registry import CHECKS
from mailstack.doctor.run import examination, keep, run
from mailstack.settings_file import load
from mailstack.topology.addresses import cluster, one_machine
from mailstack.topology.stack import STACK

ELSEWHERE = {"queue", "disk", "backup", "secrets"}
"""What lies in other pods."""
MACHINE = {"disk", "memory"}


@pytest.mark.usefixtures("zone")
async def test_links_are_enough(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the state folder, and with no port but those of its links, all else is examined."""
    words = [word.removeprefix("--set=") for word in stack.throwaway.command if "--set=" in word]
    settings = load(stack.throwaway.config, words)
    listen = settings.listen
    reached = one_machine(STACK, JOB, public_host=listen.address, offset=listen.port_offset)
    assert set(reached) == set(cluster(STACK, JOB))
    monkeypatch.setattr(contexts, "cluster", lambda *_: reached)
    token = (stack.state / "secure" / "api.token").read_text().strip()
    api = Client(TcpTransport(reached["couchmail.api"], token))
    here = Context(settings, tmp_path, (), stack.status(), pod=True, remote=api)
    results = await run(here, CHECKS, lambda _: None)
    found = [finding for result in results for finding in result.findings]
    ill = {f.key: f for f in found if f.severity in {"failure", "warning"}}
    assert set(ill) - MACHINE == {"tls.issuer"}, ill
    unknown = {f.key: f.what for f in found if f.severity == "unknown"}
    assert set(unknown) == ELSEWHERE | {"dnssec", "reverse", "blocklist", "port25.in"}, unknown
    keep(api, results)
    assert stack.status()["findings"]["summary"] == json.loads(
        examination(results, 1).sum().model_dump_json()
    )
