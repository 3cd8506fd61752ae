"""Answers to requests, over a directory that is played."""

import base64
import hashlib
import json
import plistlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.names.test_clients import FACTS

from mailstack.aio.http import Answer, Request
from mailstack.errors import StoreUnavailable
from mailstack.model.wkd import wkd_hash
from mailstack.names.directory import Directory
from mailstack.names.site import Site

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = b"\x98not looked at"


class Played:
    """Documents, as long as it is up."""

    def __init__(self) -> None:
        self.up = True
        self.documents: dict[tuple[str, ...], Mapping[str, Any]] = {
            ("domains", "example.org"): {"enabled": True},
            ("domains", "closed.example"): {"enabled": False},
            ("users", "joe.doe@example.org", "openpgp"): {"public": base64.b64encode(KEY).decode()},
        }

    async def document(self, *segments: str) -> Mapping[str, Any] | None:
        if not self.up:
            raise StoreUnavailable("down")
        return self.documents.get(segments)


@pytest.fixture
def store() -> Played:
    return Played()


@pytest.fixture
def site(store: Played) -> Site:
    return make(store)


def make(store: Played) -> Site:
    return Site(Directory(store), lambda: FACTS, lambda: NOW)


async def get(site: Site, host: str, path: str, query: str = "", **headers: str) -> Answer:
    parts = tuple(path.split("/")[1:])
    return await site.answer(Request("GET", parts, {"host": host, **headers}, query=query))


async def test_a_key_by_either_method(site: Site) -> None:
    """The name is the hash of the lower-cased local part (the draft's own example)."""
    name = "iy9q119eutrkn8s1mk4r39qejnbu3n5q"
    assert wkd_hash("Joe.Doe") == name
    for host, folder in (("openpgpkey.example.org", "/example.org"), ("example.org", "")):
        path = f"/.well-known/openpgpkey{folder}/hu/{name}"
        found = await get(site, host, path, "l=Joe.Doe")
        assert (found.status, found.body) == (200, KEY)
        assert (await get(site, host, path, "l=joe.doe&l=x")).status == 400
        assert (await get(site, host, path, "l=%ff")).status == 400
        assert (await get(site, host, path, "l=@")).status == 404
    other = f"/.well-known/openpgpkey/other.example/hu/{name}"
    assert (await get(site, "openpgpkey.example.org", other, "l=Joe.Doe")).status == 404


async def test_a_profile_has_one_form_whatever_its_address_is_called(site: Site) -> None:
    """The address stands in the path or in the query, and the profile replaces itself."""
    by_path = await get(site, "example.org", "/apple/Ann@example.org.mobileconfig")
    by_query = await get(
        site, "autoconfig.example.org", "/mail.mobileconfig", "email=ann@example.org"
    )
    assert by_path.status == 200
    assert by_path.body == by_query.body
    assert by_path.content_type == "application/x-apple-aspen-config"
    assert plistlib.loads(by_path.body)["PayloadContent"][0]["EmailAddress"] == "ann@example.org"


@pytest.mark.parametrize(
    ("host", "file", "status"),
    [
        ("example.org", "ann@other.example.mobileconfig", 404),
        ("example.org", ".mobileconfig", 404),
        ("example.org", "no address.mobileconfig", 400),
        ("example.org", '"\r\nX: y"@example.org.mobileconfig', 400),
        ("example.org", "ann@example.org", 404),
        ("mta-sts.example.org", "ann@example.org.mobileconfig", 404),
        ("other.example", "ann@other.example.mobileconfig", 421),
    ],
)
async def test_whose_profile_is_not_made(site: Site, host: str, file: str, status: int) -> None:
    """Addresses of the asked domain only; what is none of them gets no profile."""
    assert (await get(site, host, f"/apple/{file}")).status == status


async def test_security_txt_expires_within_a_year(site: Site) -> None:
    """Its address is the owner's; the end is told to the second, in UTC."""
    found = await get(site, "example.org", "/.well-known/security.txt")
    assert b"Contact: mailto:owner@example.org\r\nExpires: 2026-08-28T00:00:00Z\r\n" in found.body


async def test_a_domain_that_goes_is_forgotten(site: Site, store: Played) -> None:
    """What was hosted and is no longer is not served from memory, even in an outage."""
    path = "/.well-known/mta-sts.txt"
    assert (await get(site, "mta-sts.example.org", path)).status == 200
    store.documents.pop(("domains", "example.org"))
    assert (await get(site, "mta-sts.example.org", path)).status == 421
    store.up = False
    assert (await get(site, "mta-sts.example.org", path)).status == 503


async def test_a_key_outlives_an_outage(site: Site, store: Played) -> None:
    """One that was served is served on; of another nobody says that it is not there."""
    path = "/.well-known/openpgpkey/hu/"
    name = wkd_hash("joe.doe")
    assert (await get(site, "example.org", path + name, "l=joe.doe")).status == 200
    store.up = False
    assert (await get(site, "example.org", path + name, "l=joe.doe")).body == KEY
    assert (await get(site, "example.org", path + wkd_hash("ann"), "l=ann")).status == 503


async def test_outlook_asks_about_its_own_domain_only(site: Site) -> None:
    """An address of another domain, or no request at all, gets Outlook's error."""
    for body in (b"", b"<a><Request><EMailAddress>a@b.example</EMailAddress></Request></a>"):
        request = Request(
            "POST", ("autodiscover", "autodiscover.xml"), {"host": "example.org"}, body
        )
        assert b"<ErrorCode>600</ErrorCode>" in (await site.answer(request)).body


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80), st.binary(max_size=80))
async def test_whatever_is_asked(host: str, path: str, query: str, body: bytes) -> None:
    """Any request has an answer."""
    site = make(Played())
    for where in (host, "example.org", "openpgpkey.example.org"):
        for method in ("GET", "POST"):
            parts = tuple(path.split("/"))
            for one in (parts, (".well-known", "openpgpkey", "hu", *parts)):
                request = Request(method, one, {"host": where}, body, query)
                assert 200 <= (await site.answer(request)).status < 500


def headers(answer: Answer) -> dict[str, str]:
    assert len({name for name, _ in answer.headers}) == len(answer.headers)
    return dict(answer.headers)


@pytest.mark.parametrize(
    ("host", "path", "query", "kept"),
    [
        ("mta-sts.example.org", "/.well-known/mta-sts.txt", "", True),
        ("autoconfig.example.org", "/mail/config-v1.1.xml", "emailaddress=a@example.org", True),
        ("autoconfig.example.org", "/", "", True),
        ("example.org", "/apple/ann@example.org.mobileconfig", "", False),
        ("autodiscover.example.org", "/autodiscover/autodiscover.xml", "", False),
        ("autodiscover.example.org", "/autodiscover/autodiscover.json", "", False),
        ("example.org", "/nothing", "", False),
        ("other.example", "/", "", False),
    ],
)
async def test_headers(site: Site, host: str, path: str, query: str, *, kept: bool) -> None:
    """Nothing is sniffed or framed; what is about a person, and no page at all, is never kept."""
    told = headers(await get(site, host, path, query))
    assert told["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in told["Content-Security-Policy"]
    assert told["Referrer-Policy"] == "no-referrer"
    assert told["Cache-Control"] == ("public, max-age=300" if kept else "no-store")


async def test_https_only_where_nobody_else_serves(store: Played) -> None:
    """Under names made for this service and on the usual port; never for a domain itself."""
    site, shifted = make(store), Site(Directory(store), lambda: replace(FACTS, shifted=True))
    for host, told in (
        ("mta-sts.example.org", True),
        ("mail.example.org", True),
        ("example.org", False),
        ("mta-sts.other.example", False),
    ):
        name = "Strict-Transport-Security"
        assert (name in headers(await get(site, host, "/"))) is told, host
        assert name not in headers(await get(shifted, host, "/"))


@pytest.mark.parametrize(
    "host",
    ["autoconfig.example.org", "autodiscover.example.org", "example.org", "mail.example.org"],
)
async def test_a_page_for_people(site: Site, host: str) -> None:
    """Servers and ports in words, a form for Apple's profile; the browser may do nothing else."""
    found = await get(site, host, "/")
    assert (found.status, found.content_type) == (200, "text/html; charset=utf-8")
    page = found.body.decode()
    for words in ("mail.example.org", ">993<", ">465<", ">143<", ">587<", "mail.mobileconfig"):
        assert words in page
    assert "<script" not in page
    assert "http" not in page
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in headers(found)["Content-Security-Policy"]
    form = await get(site, host, "/mail.mobileconfig", "email=ann%40example.org")
    assert plistlib.loads(form.body)["PayloadContent"][0]["EmailAddress"] == "ann@example.org"


@pytest.mark.parametrize("host", ["mta-sts.example.org", "openpgpkey.example.org"])
async def test_names_that_no_person_opens(site: Site, host: str) -> None:
    """There is no page."""
    assert (await get(site, host, "/")).status == 404


async def test_a_name_in_its_own_script() -> None:
    """People see the domain as they write it."""
    store = Played()
    store.documents["domains", "xn--bcher-kva.example"] = {"enabled": True}
    found = await get(make(store), "autoconfig.xn--bcher-kva.example", "/")
    assert "Mail for bücher.example" in found.body.decode()


async def test_the_servers_own_name_tells_of_all_domains(site: Site) -> None:
    """Who is led there by an SRV record asks about any address; but of domains that are ours."""
    ask = "<a><Request><EMailAddress>ann@{}</EMailAddress></Request></a>"
    for domain, expected in (("example.org", b"<LoginName>"), ("other.example", b"ErrorCode")):
        body = ask.format(domain).encode()
        path = ("Autodiscover", "Autodiscover.xml")
        request = Request("POST", path, {"host": "mail.example.org"}, body)
        assert expected in (await site.answer(request)).body
    profile = "/apple/ann@other.example.mobileconfig"
    assert (await get(site, "mail.example.org", profile)).status == 404


async def test_outlook_asks_where(site: Site) -> None:
    """In either form of the path, and in any letters."""
    for path, query in (
        ("/autodiscover/autodiscover.json", "Email=a@example.org&Protocol=Autodiscoverv1"),
        ("/Autodiscover/Autodiscover.json/v1.0/a@example.org", "Protocol=AutodiscoverV1"),
    ):
        found = await get(site, "autodiscover.example.org", path, query)
        assert json.loads(found.body)["Url"].endswith("/autodiscover/autodiscover.xml")
    nothing = await get(site, "autodiscover.example.org", "/autodiscover/autodiscover.json")
    assert nothing.status == 400


async def test_how_long_couchmail_is_silent(store: Played) -> None:
    """Every answer counts, also that there is nothing; who is silent is asked."""
    now = [0.0]
    directory = Directory(store, lambda: now[0])
    now[0] = 3.0
    assert await directory.silent_s("mail.example.org") == 3.0
    now[0] = 60.0
    assert await directory.silent_s("mail.example.org") == 0.0
    store.up = False
    now[0] = 200.0
    assert await directory.silent_s("mail.example.org") == 140.0
