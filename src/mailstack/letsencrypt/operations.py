"""The port of operations: health, numbers, what is planned, and renewal on demand."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Final

from mailstack.aio.http import Answer, Request, bears, document, text
from mailstack.letsencrypt.errand import Result
from mailstack.letsencrypt.keeper import Keeper, moment
from mailstack.letsencrypt.pages import PublicPages
from mailstack.observe.health_numbers import families

SERVICE: Final = "letsencrypt"
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Operations:
    """``answer`` is called with each request."""

    def __init__(
        self, keeper: Keeper, pages: PublicPages, token: str, left_out: Callable[[], int]
    ) -> None:
        self._keeper = keeper
        self._pages = pages
        self._token = token
        self._left_out = left_out

    async def answer(self, request: Request) -> Answer:
        match request.method, request.path:
            case "POST", ("renew",):
                return await self._renew(request)
            case "GET" | "HEAD", ("healthz",):
                return text(HTTPStatus.OK, "ok")
            case "GET" | "HEAD", ("readyz",):
                return self._ready()
            case "GET" | "HEAD", ("status",):
                return document({"remark": self.remark(), "next": self._keeper.again})
            case "GET" | "HEAD", ("metrics",):
                return Answer(HTTPStatus.OK, self._numbers().encode(), _CONTENT_TYPE)
        return text(HTTPStatus.NOT_FOUND, "no such page")

    async def _renew(self, request: Request) -> Answer:
        if not bears(request, self._token):
            return text(HTTPStatus.UNAUTHORIZED, "the stack's token is needed")
        try:
            force = bool(json.loads(request.body)["force"])
        except (ValueError, KeyError, TypeError):
            return text(HTTPStatus.BAD_REQUEST, 'give {"force": true} or {"force": false}')
        result = await self._keeper.errand(force=force)
        return Answer(HTTPStatus.OK, result.encode(), "application/json")

    def _ready(self) -> Answer:
        """Whether the certificate is in order; the agent asks port 80, which answers either way."""
        words = self.remark()
        last = self._keeper.plan.last
        well = last is not None and last.done != "failed" and last.expires > time.time()
        if well:
            return text(HTTPStatus.OK, words or "ok")
        return text(HTTPStatus.SERVICE_UNAVAILABLE, words or "nobody has looked yet")

    def remark(self) -> str:
        """Say in one line what an owner should know; empty: nothing."""
        last = self._keeper.plan.last
        return "" if last is None else "; ".join(self._remarks(last))

    def _remarks(self, last: Result) -> Iterator[str]:
        if last.done == "failed":
            yield f"no new certificate: {last.why}"
            yield f"the next try is at {self._keeper.again}"
        if last.done == "owners":
            yield "the certificate is your own, and is not renewed"
        if last.expires and last.expires < time.time():
            yield f"the certificate has expired at {moment(last.expires)}"
        for name, why in list(last.dropped.items())[:1]:
            more = f" (and {len(last.dropped) - 1} more)" if len(last.dropped) > 1 else ""
            yield f"the certificate is without {name}{more}: {why}"
        if self._left_out():
            yield f"{self._left_out()} names do not fit into one certificate"

    def _numbers(self) -> str:
        plan, keeper = self._keeper.plan, self._keeper
        last = plan.last or Result("kept")
        return _families(
            {
                (
                    "mailstack_certificate_expiry_seconds",
                    "gauge",
                    "When the certificate in force expires, in seconds of the epoch; 0: not known",
                ): int(last.expires),
                (
                    "mailstack_certificate_last_attempt_seconds",
                    "gauge",
                    "When the certificate was last looked at or ordered",
                ): int(plan.tried),
                (
                    "mailstack_certificate_last_success_seconds",
                    "gauge",
                    "When the last certificate was issued",
                ): int(plan.succeeded),
                (
                    "mailstack_certificate_failures",
                    "gauge",
                    "Attempts that failed since the last that did not",
                ): plan.failures,
                (
                    "mailstack_certificate_names_left_out",
                    "gauge",
                    "Names that the certificate should hold, and does not",
                ): len(last.dropped) + self._left_out(),
                (
                    "mailstack_certificate_issued_total",
                    "counter",
                    "Certificates issued since the start",
                ): keeper.issued,
                (
                    "mailstack_certificate_failed_total",
                    "counter",
                    "Attempts that failed since the start",
                ): keeper.failed,
                (
                    "mailstack_letsencrypt_proofs_total",
                    "counter",
                    "Proofs of names that were fetched",
                ): self._pages.counts["proof"],
                (
                    "mailstack_letsencrypt_redirects_total",
                    "counter",
                    "Requests that were sent on to https",
                ): self._pages.counts["redirect"],
            }
        )


def _families(values: Mapping[tuple[str, str, str], int]) -> str:
    return families({head: {SERVICE: value} for head, value in values.items()})
