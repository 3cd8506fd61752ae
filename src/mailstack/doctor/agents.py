"""How the services are, as the agents of a cluster's pods tell it.

On one machine the supervisor knows that. Here each agent is asked at its Service, behind which only
pods are that are ready: where nobody answers, none is.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

import h11
from prometheus_client.parser import text_string_to_metric_families

from mailstack.aio.http_client import Peer
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint
from mailstack.topology.selection import selected
from mailstack.topology.stack import STACK

_TIMEOUT_S: Final = 5.0


async def addresses() -> dict[str, str]:
    """Look up, by the cluster's DNS, what is asked by address; without one it cannot be asked."""
    loop, name = asyncio.get_running_loop(), STACK.pod_of("resolver")
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            found = await loop.getaddrinfo(name, None)
    except OSError:
        return {}
    return {name: str(found[0][4][0])}


async def told_by_agents(settings: Settings) -> dict[str, Any]:
    """Return what ``status --json`` of one machine has about health."""
    names = [service.name for service in selected(STACK, settings).services]
    told = await asyncio.gather(*map(_ask, names))
    return {"services": dict(zip(names, told, strict=True))}


def agent_of(service: str) -> Endpoint:
    """Where the agent of a service answers."""
    return Endpoint(STACK.pod_of(service), STACK.agent_port(service))


async def _ask(service: str) -> dict[str, Any]:
    at = agent_of(service)
    try:
        status, body = await Peer(at).ask("GET", "/status", timeout_s=_TIMEOUT_S)
        found: dict[str, Any] = json.loads(body)
    except (OSError, h11.ProtocolError, ValueError) as error:
        return _silent(f"no agent that is ready answers at {at} ({str(error) or 'not in time'})")
    return found if status == HTTPStatus.OK else _silent(f"{at} answers {status}")


async def numbers_of(service: str) -> dict[str, float]:
    """Return what the agent of a service tells Prometheus: name → value, of the service itself.

    Raises:
        OSError: nobody answers in time, or not with numbers.
    """
    at = agent_of(service)
    try:
        status, body = await Peer(at).ask("GET", "/metrics", timeout_s=_TIMEOUT_S)
        families = [*text_string_to_metric_families(body.decode())]
    except (h11.ProtocolError, ValueError) as error:
        raise OSError(f"{at} tells no numbers: {error}") from error
    if status != HTTPStatus.OK:
        raise OSError(f"{at} answers {status}")
    return {one.name: one.value for family in families for one in family.samples}


def _silent(reason: str) -> dict[str, Any]:
    config = {"state": "unknown", "reason": "", "since": ""}
    return {"state": "not ready", "reason": reason, "remark": "", "config": config}
