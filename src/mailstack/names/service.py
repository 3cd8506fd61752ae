"""Puts the parts together: what a reload exchanges, and what is counted."""

import ssl
from typing import Final

from prometheus_client.core import CounterMetricFamily

from mailstack.aio.clients import Clients, client_of
from mailstack.aio.http import Answer, Request
from mailstack.aio.tls import server_context
from mailstack.errors import ConfigError
from mailstack.feed import Reader
from mailstack.names.config import Config
from mailstack.names.directory import Directory
from mailstack.names.facts import Facts
from mailstack.names.site import Site
from mailstack.observe.metrics import Counter, Metrics, Sampled
from mailstack.program.pages import operations
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK

SILENT_S: Final = 120.0
"""So long couchmail may say nothing before this service calls itself not ready."""
OURSELVES: Final = (client_of(LOOPBACK), client_of("::1"))
"""Whose probes must get through, whatever a proxy on this machine asks."""
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Service:
    """``answer`` is called with each request of the public port, ``pages`` with the others."""

    def __init__(self, config: Config, token: str) -> None:
        self._config = config
        self._tls = _tls_context(config)
        self._fault = ""
        self._directory = Directory(Reader(config.api, token))
        self._site = Site(self._directory, self.facts)
        self.clients = Clients(
            at_once=config.connections_per_client,
            a_minute=config.requests_per_minute,
            exempt=OURSELVES,
        )
        self.answered = Counter(
            "mailstack_names_requests",
            "Requests for well-known names, by class of the answer's status.",
            ("status",),
            [(one,) for one in CLASSES],
        )
        limited = Sampled(
            CounterMetricFamily,
            "mailstack_names_limited",
            "Connections of clients that asked too often, or for too much at once.",
            (),
            lambda: [((), self.clients.refused)],
        )
        self._page = Metrics(self.answered, limited)

    def reload(self, config: Config) -> None:
        """Connections that are open go on with what they began with.

        Raises:
            ConfigError: certificate and key cannot be used; nothing has changed.
        """
        try:
            self._tls = _tls_context(config)
        except ConfigError as error:
            self._fault = str(error)
            raise
        self._fault = ""
        self._config = config
        self.clients.at_once = config.connections_per_client
        self.clients.a_minute = config.requests_per_minute

    def tls(self) -> ssl.SSLContext:
        return self._tls

    def facts(self) -> Facts:
        """What the pages are made of, now."""
        config = self._config

        def public(service: str, port: str) -> int:
            return STACK.service(service).port(port).number + config.port_offset

        return Facts(
            hostname=config.hostname,
            email=config.email,
            imap=public("dovecot", "imap"),
            imaps=public("dovecot", "imaps"),
            submission=public("postfix", "submission"),
            submissions=public("postfix", "submissions"),
            mta_sts=config.mta_sts,
            mta_sts_seconds=config.mta_sts_seconds,
            shifted=config.port_offset != 0,
        )

    async def answer(self, request: Request) -> Answer:
        """Answer, and count."""
        answer = await self._site.answer(request)
        self.answered.counts[(f"{answer.status // 100}xx",)] += 1
        return answer

    async def pages(self, request: Request) -> Answer:
        """``/healthz``: it serves. ``/readyz``: and what it serves is true."""
        why = await self._not_ready() if request.path == ("readyz",) else ""
        return operations(request, self._page.exposition, not_ready=why)

    async def _not_ready(self) -> str:
        """Say why, or nothing. What was seen is served on in any case."""
        if self._fault:
            return self._fault
        silent_s = await self._directory.silent_s(self._config.hostname)
        return f"couchmail says nothing for {silent_s:.0f} s" if silent_s > SILENT_S else ""


def _tls_context(config: Config) -> ssl.SSLContext:
    context = server_context(config.certificate, config.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
