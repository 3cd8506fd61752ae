"""Answers to requests, over a directory that is played."""

import base64
import plistlib
from collections.abc import Mapping
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
