"""The HTTP API: DKIM keys of domains."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.unit.couchmail.running import Running
from tests.unit.couchmail.test_api import detail
from tests.unit.store.samples import dkim

DKIM = "/v1/domains/example.org/dkim"


@pytest.fixture
async def api(couchmail: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the unix socket."""
    async with couchmail.on_socket() as client:
        yield client


KEYS = dkim("example.org", "made", "made").model_dump(mode="json")["keys"]


def body(*states: str) -> dict[str, object]:
    """A document as the signing service writes it."""
    fields: dict[str, object] = dkim("example.org", *states).model_dump(mode="json")
    return fields


async def test_a_domain_without_keys_has_an_empty_list(api: httpx.AsyncClient) -> None:
    """The stack's one key signs for it; a domain that is not hosted is not found."""
    found = (await api.get(DKIM)).json()
    assert (found["items"], found["revision"], found["wanted"]) == ([], "", False)
    detail(await api.get("/v1/domains/elsewhere.example/dkim"), 404)
    detail(await api.get("/v1/domains/no..domain/dkim"), 404)


async def test_what_is_shown_has_no_private_half(api: httpx.AsyncClient) -> None:
    """A key is shown with its record; what is sealed only to who asks for it."""
    written = await api.put(DKIM, json=body("signing"), headers={"if-none-match": "*"})
    assert written.status_code == 200
    assert "sealed1" not in written.text
    (key,) = (await api.get(DKIM)).json()["items"]
    assert key["name"] == "k1._domainkey.example.org"
    assert key["record"] == f"v=DKIM1; k=rsa; p={'A' * 40}"
    assert "private" not in key
    assert "sealed" not in key
    (key,) = (await api.get(DKIM, params={"sealed": "true"})).json()["items"]
    assert key["sealed"] == "sealed1"


async def test_all_domains_are_listed(api: httpx.AsyncClient) -> None:
    """Page by page, with the position of the feed from which nothing is missed."""
    await api.put(DKIM, json=body("signing"))
    page = (await api.get("/v1/dkim", params={"limit": "1"})).json()
    assert [item["domain"] for item in page["items"]] == ["example.org"]
    assert "sealed1" not in str(page)
    after = (await api.get("/v1/dkim", params={"after": page["next"]})).json()
    assert (after["items"], after["total"]) == ([], 1)


async def test_a_wish_for_new_keys_is_noted(api: httpx.AsyncClient) -> None:
    """It stands beside the keys, and is in the feed; the keys stay."""
    await api.put(DKIM, json=body("signing"))
    before = (await api.get("/v1/changes")).json()["position"]
    noted = await api.post(f"{DKIM}/rotate")
    assert noted.status_code == 202
    assert noted.json()["wanted"] is True
    changes = (await api.get("/v1/changes", params={"since": str(before)})).json()["changes"]
    assert [(c["type"], c["name"]) for c in changes] == [("dkim", "example.org")]
    assert len((await api.get(DKIM)).json()["items"]) == 1
    detail(await api.post("/v1/domains/elsewhere.example/dkim/rotate"), 404)


async def test_keys_can_be_forgotten(api: httpx.AsyncClient) -> None:
    """Whoever lost the key that opens them begins anew; the feed tells the signing service."""
    detail(await api.delete(DKIM), 404)
    await api.put(DKIM, json=body("signing"))
    assert (await api.delete(DKIM)).status_code == 204
    assert (await api.get(DKIM)).json()["items"] == []
    (*_, last) = (await api.get("/v1/changes")).json()["changes"]
    assert (last["type"], last["name"], last["revision"]) == ("dkim", "example.org", None)


async def test_a_lost_race_is_412(api: httpx.AsyncClient) -> None:
    """Whoever moves keys on with an old revision is told."""
    first = await api.put(DKIM, json=body("made"))
    await api.post(f"{DKIM}/rotate")
    late = {"if-match": first.headers["etag"]}
    detail(await api.put(DKIM, json=body("signing"), headers=late), 412)
    detail(await api.put(DKIM, json=body("signing"), headers={"if-none-match": "*"}), 412)


async def test_keys_go_with_their_domain(api: httpx.AsyncClient) -> None:
    """A domain that comes again begins with new keys."""
    await api.put("/v1/domains/new.example", json={})
    await api.put("/v1/domains/new.example/dkim", json={})
    assert (await api.delete("/v1/domains/new.example")).status_code == 204
    await api.put("/v1/domains/new.example", json={})
    assert (await api.get("/v1/domains/new.example/dkim")).json()["revision"] == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"keys": [{**key, "state": "signing"} for key in KEYS]},
            "sign by the same algorithm",
        ),
        ({"domain": "other.example"}, "names another document"),
        ({"keys": [{**KEYS[0], "public": "?" * 40}]}, "not base64"),
        ({"keys": [{**KEYS[0], "private": ""}]}, "no private half"),
    ],
)
async def test_bad_documents_are_refused(
    api: httpx.AsyncClient, fields: dict[str, object], words: str
) -> None:
    """The error is one sentence that says what is wrong."""
    assert words in detail(await api.put(DKIM, json=fields), 422)
