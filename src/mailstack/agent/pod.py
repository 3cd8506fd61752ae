"""What the agent does besides when it is process 1 of a container.

It answers the probes of the kubelet, which cost nothing because the agent knows; and it finds the
addresses of the pods that its service is linked with, and follows them when they change.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Never

from mailstack.agent.agent import Agent
from mailstack.agent.clients import Clients
from mailstack.agent.output import Output
from mailstack.agent.probes import Rhythm
from mailstack.aio.http import Answer, HttpServer, Request, document, text
from mailstack.errors import ServiceFailed
from mailstack.observe.health import Health, State
from mailstack.observe.health_numbers import exposition
from mailstack.settings import Settings
from mailstack.topology.addresses import cluster
from mailstack.topology.model import LOOPBACK, Endpoint
from mailstack.topology.selection import selected
from mailstack.topology.stack import STACK

RHYTHM: Final = Rhythm(start_s=600.0, hung_after=30)
"""Others may still be pulled; the pod is not ready meanwhile, and a restart would not help. So it
fails for half a minute first, in which what the service needs is looked at."""
PATIENCE_S: Final = 300.0
"""For a name to have an address. Services exist before pods, so it is about the cluster's DNS."""
_EVERY_S: Final = 15.0
"""Between two looks whether a name has another address."""
_RETRY_S: Final = 1.0
_CONNECT_S: Final = 2.0


@dataclass(slots=True)
class Pod:
    """The surroundings of one service in a cluster."""

    service: str
    health: Health
    settings: Settings
    hosts: dict[str, str] = field(default_factory=dict)
    """Name of another pod → its address."""
    needs_answer: bool = True
    """Whether the services that this one needs could be reached at the last look. Behind a Service
    that is the same as being ready: nobody answers for a pod that is not."""
    clients: Clients | None = None
    """Where a service has public ports of SMTP: whose addresses it sees."""
    kept: Path | None = None
    """Folder of numbers that others keep for Prometheus."""

    def listen_to(self, output: Output) -> None:
        """Learn from the daemon's log which addresses clients come from."""
        if any(port.proxied for port in STACK.service(self.service).ports):
            self.clients = Clients(self.service, output.say)
            output.overhear = self.clients.hear

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Answer probes, on every address of the pod.

        Raises:
            ServiceFailed: the port is taken.
        """
        http = HttpServer(self.answer)
        try:
            server = await asyncio.start_server(
                http.serve, None, STACK.agent_port(self.service), reuse_address=True
            )
        except OSError as error:
            raise ServiceFailed(f"probes cannot be answered: {error}") from error
        async with server:
            yield

    async def answer(self, request: Request) -> Answer:
        """``/readyz``: the last probe went well. ``/healthz``: the agent does its work."""
        match request.path:
            case ("readyz",) if self.health.state is State.HEALTHY:
                return text(200, "healthy")
            case ("readyz",):
                return text(503, self._words())
            case ("healthz",):
                failed = self.health.state is State.FAILED
                return text(503 if failed else 200, self._words())
            case ("status",):
                if self.clients and request.peer:
                    self.clients.know(request.peer)
                return document(self._status())
            case ("metrics",):
                return Answer(200, self._numbers().encode(), "text/plain; version=0.0.4")
            case _:
                return text(404, "no such page")

    def _words(self) -> str:
        reason = f": {self.health.reason}" if self.health.reason else ""
        return f"{self.health.state.value}{reason}"

    def _status(self) -> dict[str, object]:
        health, config = self.health, self.health.config
        return {
            "service": self.service,
            "state": health.state.value,
            "reason": health.reason,
            "remark": health.remark,
            "since": health.since,
            "pid": health.pid,
            "restarts": health.restarts,
            "config": {"state": config.state.value, "reason": config.reason, "since": config.since},
            "certificate_ends": health.certificate_ends,
            **(self.clients.status() if self.clients else {}),
        }

    def _numbers(self) -> str:
        """Those of the service's health, and what is kept in files beside (``dkim.prom``)."""
        kept = sorted(self.kept.glob("*.prom")) if self.kept else []
        return (
            exposition([self.health])
            + (self.clients.numbers() if self.clients else "")
            + "".join(file.read_text() for file in kept)
        )

    async def run(self, agent: Agent) -> None:
        """Run the service once its links have addresses, and follow these.

        Raises:
            MailstackError: it did not come up.
        """
        await self._find_everybody(agent.around.output.say)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(agent))
            await agent.run()

    async def _find_everybody(self, say: Callable[[str], None]) -> None:
        """Wait until each linked pod has an address. One that has none is told, and left a name."""
        for name in sorted(self._names()):
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self._find(name, say)

    async def _find(self, name: str, say: Callable[[str], None]) -> None:
        told = False
        while (address := await look_up(name)) is None:
            if not told:
                say(f"the name {name} has no address yet; is there a Service, and DNS?")
                told = True
            await asyncio.sleep(_RETRY_S)
        self.hosts[name] = address

    async def _follow(self, agent: Agent) -> Never:
        """Have the configuration made anew when a pod has another address."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.needs_answer = all([await answers(peer) for peer in self._needs()])
            found = {name: await look_up(name) for name in self._names()}
            changed = {n: a for n, a in found.items() if a is not None and self.hosts.get(n) != a}
            if changed:
                self.hosts.update(changed)
                agent.around.output.say(f"other addresses: {changed}")
                agent.look_again(agent.settings)

    def _needs(self) -> list[Endpoint]:
        """One port of each service that must be healthy before this one."""
        needed = {
            key.partition(".")[0]: endpoint
            for key, endpoint in cluster(STACK, self.service).items()
        }
        return [
            replace(needed[name], host=self.hosts.get(needed[name].host, needed[name].host))
            for name in STACK.service(self.service).after
        ]

    def _names(self) -> set[str]:
        wanted = selected(STACK, self.settings)
        if all(one.name != self.service for one in wanted.services):
            return set()
        hosts = {endpoint.host for endpoint in cluster(wanted, self.service).values()}
        return hosts - {LOOPBACK, "all"}


async def answers(peer: Endpoint) -> bool:
    """Whether somebody accepts a connection."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(peer.host, peer.port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


async def look_up(name: str) -> str | None:
    """Return the first address of ``name``; None when it has none now."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return str(found[0][4][0])
