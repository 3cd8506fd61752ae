"""Puts the parts together: what a reload exchanges, and what is counted."""

import ssl
from http import HTTPStatus
from typing import Final

from mailstack.aio.http import Answer, Request, text
from mailstack.aio.tls import server_context
from mailstack.feed import Reader
from mailstack.names.config import Config
from mailstack.names.directory import Directory
from mailstack.names.facts import Facts
from mailstack.names.site import Site
from mailstack.observe.metrics import CONTENT_TYPE, Counter, Metrics
from mailstack.topology.stack import STACK

CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Service:
    """``answer`` is called with each request of the public port, ``pages`` with the others."""

    def __init__(self, config: Config, token: str) -> None:
        self._config = config
        self._tls = _tls_context(config)
        self._site = Site(Directory(Reader(config.api, token)), self.facts)
        self.answered = Counter(
            "mailstack_names_requests",
            "Requests for well-known names, by class of the answer's status.",
            ("status",),
            [(one,) for one in CLASSES],
        )
        self._page = Metrics(self.answered)

    def reload(self, config: Config) -> None:
        """Connections that are open go on with what they began with.

        Raises:
            ConfigError: certificate and key cannot be used; nothing has changed.
        """
        self._tls = _tls_context(config)
        self._config = config

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
        )

    async def answer(self, request: Request) -> Answer:
        """Answer, and count."""
        answer = await self._site.answer(request)
        self.answered.counts[(f"{answer.status // 100}xx",)] += 1
        return answer

    async def pages(self, request: Request) -> Answer:
        """Who can ask is answered by a process that serves."""
        if request.method not in ("GET", "HEAD"):
            return text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        match request.path:
            case ("healthz",) | ("readyz",):
                return text(HTTPStatus.OK, "ok")
            case ("metrics",):
                return Answer(HTTPStatus.OK, self._page.exposition(), CONTENT_TYPE)
        return text(HTTPStatus.NOT_FOUND, "no such page")


def _tls_context(config: Config) -> ssl.SSLContext:
    context = server_context(config.certificate, config.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
