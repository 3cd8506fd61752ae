"""Requests → answers: which page a host and a path mean, and what the web wants beside a body.

Unknown host: 421. Unknown path: 404. Couchmail cannot say: 503. Names of a path are compared, and
never become a path.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from mailstack.aio.http import Answer, Request, text
from mailstack.errors import ProtocolError, StoreUnavailable
from mailstack.model.addresses import parse_address, split_address
from mailstack.model.wkd import wkd_hash
from mailstack.names import clients, texts
from mailstack.names.directory import Directory
from mailstack.names.facts import Facts
from mailstack.names.hosts import Named, readings

XML: Final = "application/xml; charset=utf-8"
PROFILE: Final = "application/x-apple-aspen-config"
PROFILE_SUFFIX: Final = ".mobileconfig"
KEY: Final = "application/octet-stream"
FRESH_S: Final = 300
"""For which a browser or proxy may keep a page."""
SAFE: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
)
"""Nothing here is a page that runs or shows anything."""
_RETRY: Final = (("Retry-After", "30"),)

Clock = Callable[[], datetime]

_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """``answer`` is called with each request."""

    directory: Directory
    facts: Callable[[], Facts]
    """Asked each time: a reload may change them."""
    clock: Clock = utc_now

    async def answer(self, request: Request) -> Answer:
        """Answer one request, whatever it is."""
        try:
            found = await self._answer(request)
        except StoreUnavailable as error:
            _log.warning("cannot answer: %s", error)
            found = _with(text(HTTPStatus.SERVICE_UNAVAILABLE, "try again later"), _RETRY)
        return _with(found, SAFE)

    async def _answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD", "POST"):
            refused = text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
            return _with(refused, (("Allow", "GET, HEAD"),))
        named = await self._named(request.headers.get("host", ""))
        if named is None:
            return text(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here")
        if [part.lower() for part in request.path] == ["autodiscover", "autodiscover.xml"]:
            return self._outlook(named, request)
        if request.method == "POST":
            return _with(text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD"), _ALLOW)
        page = await self._page(named, request)
        return _cached(page, request) if page.status == HTTPStatus.OK else page

    async def _named(self, host: str) -> Named | None:
        found = readings(host)
        if found and found[-1].domain == self.facts().hostname:
            return found[-1]  # the server itself, whatever the datastore says
        for named in found:
            if await self.directory.hosts(named.domain):
                return named
        return None

    async def _page(self, named: Named, request: Request) -> Answer:
        match named.role, request.path:
            case "openpgpkey", (".well-known", "openpgpkey", domain, *rest) if (
                domain.lower() == named.domain
            ):
                return await self._openpgp(named, rest, request)
            case None, (".well-known", "openpgpkey", *rest):
                return await self._openpgp(named, rest, request)
            case "autoconfig", ("mail.mobileconfig",):
                return self._apple(named, _parameter(request, "email"))
            case ((None | "autoconfig"), ("apple", file)) if (
                address := file.removesuffix(PROFILE_SUFFIX)
            ) not in ("", file):
                return self._apple(named, address)
        return self._fixed(named, request.path)

    def _fixed(self, named: Named, path: tuple[str, ...]) -> Answer:
        """What depends on the host alone."""
        facts = self.facts()
        match named.role, path:
            case "mta-sts", (".well-known", "mta-sts.txt"):
                return Answer(HTTPStatus.OK, texts.policy(facts))
            case ("autoconfig", ("mail", "config-v1.1.xml")) | (
                None | "autoconfig",
                (".well-known", "autoconfig", "mail", "config-v1.1.xml"),
            ):
                return Answer(HTTPStatus.OK, clients.thunderbird(named.domain, facts), XML)
            case _, (".well-known", "security.txt"):
                host = f"{named.role}.{named.domain}" if named.role else named.domain
                return Answer(HTTPStatus.OK, texts.security(host, facts, self.clock()))
        return text(HTTPStatus.NOT_FOUND, "there is no such page")

    def _outlook(self, named: Named, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        try:
            address = parse_address(clients.asked_by_outlook(request.body))
        except (ProtocolError, ValueError):
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        if split_address(address)[1] != named.domain:
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        return Answer(HTTPStatus.OK, clients.outlook(address, self.facts()), XML)

    def _apple(self, named: Named, given: str) -> Answer:
        """Without an address, the device asks for it."""
        try:
            address = parse_address(given) if given else ""
        except ValueError:
            return text(HTTPStatus.BAD_REQUEST, "that is no address")
        if address and split_address(address)[1] != named.domain:
            return text(HTTPStatus.NOT_FOUND, "no address of this domain")
        profile = clients.apple(named.domain, address, self.facts())
        disposition = (
            ("Content-Disposition", f'attachment; filename="{named.domain}.mobileconfig"'),
        )
        return Answer(HTTPStatus.OK, profile, PROFILE, disposition)

    async def _openpgp(self, named: Named, rest: list[str], request: Request) -> Answer:
        match rest:
            case ["policy"]:
                return Answer(HTTPStatus.OK, b"")
            case ["hu", name]:
                return await self._key(named, name, _parameter(request, "l"))
        return text(HTTPStatus.NOT_FOUND, "there is no such page")

    async def _key(self, named: Named, name: str, local: str) -> Answer:
        """``l`` is what the draft has clients send; the name alone could be anybody's."""
        if not local:
            return text(HTTPStatus.BAD_REQUEST, "the local part is missing: ?l=NAME")
        try:
            address = parse_address(f"{local}@{named.domain}")
        except ValueError:
            return text(HTTPStatus.NOT_FOUND, "there is no such key")
        key = await self.directory.key(address) if wkd_hash(local) == name else None
        if key is None:
            return text(HTTPStatus.NOT_FOUND, "there is no such key")
        return Answer(HTTPStatus.OK, key, KEY, (("Access-Control-Allow-Origin", "*"),))


_ALLOW: Final = (("Allow", "GET, HEAD"),)


def _parameter(request: Request, name: str) -> str:
    """A parameter of the query that stands there once; the body's length bounds how many."""
    try:
        values = parse_qs(request.query, max_num_fields=8, errors="strict").get(name, [])
    except ValueError:  # UnicodeDecodeError is one
        return ""
    return values[0] if len(values) == 1 else ""


def _with(answer: Answer, headers: tuple[tuple[str, str], ...]) -> Answer:
    return replace(answer, headers=(*answer.headers, *headers))


def _cached(answer: Answer, request: Request) -> Answer:
    """Name the page's version; who has it already is not sent it again (RFC 9110 13.1.2)."""
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:20]}"'
    told = _with(answer, (("ETag", tag), ("Cache-Control", f"public, max-age={FRESH_S}")))
    given = {
        one.strip().removeprefix("W/")
        for one in request.headers.get("if-none-match", "").split(",")
    }
    if tag in given or "*" in given:
        return replace(told, status=HTTPStatus.NOT_MODIFIED, body=b"")
    return told
