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
from urllib.parse import parse_qsl

from mailstack.aio.http import Answer, Request, document, text
from mailstack.errors import ProtocolError, StoreUnavailable
from mailstack.model.addresses import parse_address, split_address
from mailstack.model.wkd import wkd_hash
from mailstack.names import clients, page, texts
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
"""In every answer, unless it says otherwise itself: nothing runs, and nothing is shown."""
HTTPS_ONLY: Final = ("Strict-Transport-Security", "max-age=15552000")
"""For half a year (RFC 6797), under names that exist for this service alone. Never for a domain
itself: what else its owner serves there is theirs to say."""
PRIVATE: Final = ("Cache-Control", "no-store")
"""Of what names a person, and of errors: those may be over at once."""
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
        more = [*SAFE, PRIVATE]
        if found.status != HTTPStatus.MISDIRECTED_REQUEST:
            more += self._secure(request.headers.get("host", ""))
        told = {name for name, _ in found.headers}
        return _with(found, tuple(header for header in more if header[0] not in told))

    def _secure(self, host: str) -> tuple[tuple[str, str], ...]:
        facts, found = self.facts(), readings(host)
        ours = found and (found[0].role or found[0].domain == facts.hostname)
        return (HTTPS_ONLY,) if ours and not facts.shifted else ()

    async def _answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD", "POST"):
            refused = text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")
            return _with(refused, (("Allow", "GET, HEAD"),))
        named = await self._named(request.headers.get("host", ""))
        if named is None:
            return text(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here")
        match [part.lower() for part in request.path]:
            case ["autodiscover", "autodiscover.xml"]:
                return await self._outlook(named, request)
            case ["autodiscover", "autodiscover.json", *_]:
                return self._outlook_place(request)
        if request.method == "POST":
            return _with(text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD"), _ALLOW)
        found = await self._page(named, request)
        is_told = any(name == PRIVATE[0] for name, _ in found.headers)
        return found if is_told or found.status != HTTPStatus.OK else _cached(found, request)

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
            case ((None | "autoconfig" | "autodiscover"), ("mail.mobileconfig",)):
                return await self._apple(named, _parameter(request, "email"))
            case ((None | "autoconfig"), ("apple", file)) if (
                address := file.removesuffix(PROFILE_SUFFIX)
            ) not in ("", file):
                return await self._apple(named, address)
            case ((None | "autoconfig" | "autodiscover"), ("",)):
                return self._for_people(named)
        return self._fixed(named, request.path)

    def _for_people(self, named: Named) -> Answer:
        facts = self.facts()
        domain = "" if named.domain == facts.hostname else named.domain
        policy = (("Content-Security-Policy", page.POLICY),)
        return Answer(HTTPStatus.OK, page.page(domain, facts), page.HTML, policy)

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

    async def _outlook(self, named: Named, request: Request) -> Answer:
        if request.method != "POST":
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        try:
            address = parse_address(clients.asked_by_outlook(request.body))
        except (ProtocolError, ValueError):
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        if not await self._serves(named, split_address(address)[1]):
            return Answer(HTTPStatus.OK, clients.outlook_error(), XML)
        return Answer(HTTPStatus.OK, clients.outlook(address, self.facts()), XML)

    def _outlook_place(self, request: Request) -> Answer:
        host = request.headers["host"].lower()
        served, told = clients.outlook_place(_parameter(request, "protocol"), host)
        return document(told, HTTPStatus.OK if served else HTTPStatus.BAD_REQUEST)

    async def _serves(self, named: Named, domain: str) -> bool:
        """Whether settings for ``domain`` are told here: under the server's own name, for all."""
        if named.domain == self.facts().hostname:
            return await self.directory.hosts(domain)
        return named.domain == domain

    async def _apple(self, named: Named, given: str) -> Answer:
        """Without an address, the device asks for it."""
        try:
            address = parse_address(given) if given else ""
        except ValueError:
            return text(HTTPStatus.BAD_REQUEST, "that is no address")
        domain = split_address(address)[1] if address else named.domain
        if address and not await self._serves(named, domain):
            return text(HTTPStatus.NOT_FOUND, "no address of this domain")
        profile = clients.apple(domain, address, self.facts())
        disposition = ("Content-Disposition", f'attachment; filename="{domain}.mobileconfig"')
        return Answer(HTTPStatus.OK, profile, PROFILE, (disposition, PRIVATE))

    async def _openpgp(self, named: Named, rest: list[str], request: Request) -> Answer:
        match rest:
            case ["policy"]:
                return Answer(HTTPStatus.OK, b"", headers=ANYBODY)
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
        return Answer(HTTPStatus.OK, key, KEY, ANYBODY)


_ALLOW: Final = (("Allow", "GET, HEAD"),)
ANYBODY: Final = (("Access-Control-Allow-Origin", "*"),)
"""Mail programs that are web pages of others fetch keys too."""


def _parameter(request: Request, name: str) -> str:
    """A parameter of the query that stands there once, in capitals or not; of eight at most."""
    try:
        given = parse_qsl(request.query, max_num_fields=8, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        return ""
    values = [value for key, value in given if key.lower() == name]
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
