"""The HTTP API: documents, pages, preconditions, scripts, changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.couchmail.running import HASH, SCRIPT, Running

ALICE = "/v1/users/alice@example.org"


@pytest.fixture
async def api(couchmail: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the unix socket."""
    async with couchmail.on_socket() as client:
        yield client


def detail(answer: httpx.Response, status: int) -> str:
    """The sentence of a problem, which must have this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    return str(problem["detail"])


async def test_a_document_is_shown_with_its_revision(api: httpx.AsyncClient) -> None:
    """The revision is in the body and the ETag; a password hash is nowhere."""
    answer = await api.get(ALICE)
    shown = answer.json()
    assert answer.headers["etag"] == f'"{shown.pop("revision")}"'
    assert shown == {
        "type": "user", "address": "alice@example.org", "quota": 1048576, "enabled": True
    }  # fmt: skip
    again = await api.get(ALICE, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await api.head(ALICE)).status_code == 200


async def test_names_are_read_as_people_write_them(api: httpx.AsyncClient) -> None:
    """Case does not matter, nor does an umlaut in a domain."""
    assert (await api.get("/v1/users/ALICE@Example.org")).status_code == 200
    created = await api.put("/v1/domains/Bücher.example", json={})
    assert created.headers["location"] == "/v1/domains/xn--bcher-kva.example"
    assert (await api.get("/v1/domains/bücher.example")).status_code == 200


async def test_creating(api: httpx.AsyncClient) -> None:
    """POST creates once; the second is a conflict and changes nothing."""
    fields = {"address": "new@example.org", "password": HASH}
    created = await api.post("/v1/users", json=fields)
    assert created.status_code == 201
    assert created.headers["location"] == "/v1/users/new@example.org"
    assert "exists already" in detail(await api.post("/v1/users", json=fields), 409)
    assert (await api.get(created.headers["location"])).headers["etag"] == created.headers["etag"]


async def test_putting(api: httpx.AsyncClient) -> None:
    """PUT makes or replaces a whole document; If-None-Match: * only makes."""
    body = {"targets": ["alice@example.org"]}
    first = await api.put("/v1/aliases/info@example.org", json=body)
    second = await api.put("/v1/aliases/info@example.org", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    only_new = {"if-none-match": "*"}
    detail(await api.put("/v1/aliases/info@example.org", json=body, headers=only_new), 412)
    catch_all = await api.put("/v1/aliases/@example.org", json=body, headers=only_new)
    assert catch_all.status_code == 201


async def test_patching(api: httpx.AsyncClient) -> None:
    """PATCH changes the fields it names; null restores a default."""
    patched = await api.patch(ALICE, json={"enabled": False, "quota": None})
    assert patched.json()["enabled"] is False
    assert patched.json()["quota"] is None
    assert "no field 'colour'" in detail(await api.patch(ALICE, json={"colour": "red"}), 422)
    detail(await api.patch("/v1/users/nobody@example.org", json={}), 404)


async def test_a_lost_race_is_412(api: httpx.AsyncClient) -> None:
    """Whoever writes with an old revision is told, whatever the write is."""
    old = (await api.get(ALICE)).headers["etag"]
    await api.patch(ALICE, json={"quota": 1})
    headers = {"if-match": old}
    detail(await api.patch(ALICE, json={"quota": 2}, headers=headers), 412)
    detail(await api.put(ALICE, json={"password": HASH}, headers=headers), 412)
    detail(await api.delete(ALICE, headers=headers), 412)
    missing = "/v1/users/nobody@example.org"
    detail(await api.put(missing, json={"password": HASH}, headers={"if-match": '"1"'}), 412)
    assert (await api.get(ALICE)).json()["quota"] == 1


async def test_many_patches_at_once_all_count(api: httpx.AsyncClient) -> None:
    """Without If-Match, a patch is tried again when another one came first."""
    patches = [api.patch(ALICE, json={"quota": n}) for n in range(4)]
    patches += [api.patch(ALICE, json={"enabled": False})]
    answers = await asyncio.gather(*patches)
    assert {answer.status_code for answer in answers} == {200}
    assert (await api.get(ALICE)).json()["enabled"] is False


async def test_removing(api: httpx.AsyncClient) -> None:
    """A domain with users goes only when that is said."""
    assert (await api.delete("/v1/aliases/both@example.org")).status_code == 204
    detail(await api.delete("/v1/aliases/both@example.org"), 404)
    assert "still has" in detail(await api.delete("/v1/domains/example.org"), 422)
    gone = await api.delete("/v1/domains/example.org", params={"recursive": "true"})
    assert gone.status_code == 204
    detail(await api.get(ALICE), 404)


async def test_pages(api: httpx.AsyncClient) -> None:
    """A list is read page by page; 'next' is where to go on, and null at the end."""
    first = (await api.get("/v1/users", params={"limit": 2})).json()
    assert [item["address"] for item in first["items"]] == ["alice@example.org", "bob@example.org"]
    assert first["total"] == 3
    assert "password" not in first["items"][0]
    rest = (await api.get("/v1/users", params={"limit": 2, "after": first["next"]})).json()
    assert [item["address"] for item in rest["items"]] == ["gone@example.org"]
    assert rest["next"] is None


async def test_searching(api: httpx.AsyncClient) -> None:
    """'q' finds what holds the text, 'domain' what lies in it."""
    found = (await api.get("/v1/users", params={"q": "OB@"})).json()
    assert [item["address"] for item in found["items"]] == ["bob@example.org"]
    assert (await api.get("/v1/users", params={"domain": "closed.example"})).json()["items"] == []


@pytest.mark.parametrize(
    ("target", "body", "status", "words"),
    [
        ("POST /v1/users", b"{", 400, "not JSON"),
        ("POST /v1/users", b"[]", 400, "not a JSON object"),
        ("POST /v1/users", b"[" * 100_000, 400, "not JSON"),
        ("POST /v1/users", b'{"address":"a@example.org"}', 422, "no 'password'"),
        ("POST /v1/users", b'{"password_plain":"secret"}', 422, "plain passwords"),
        ("POST /v1/domains", b'{"name":"no domain"}', 422, "is not a domain name"),
        ("PUT /v1/users/a@example.org", b'{"address":"b@example.org"}', 422, ""),
        ("PUT /v1/users/a@x.test", b'{"password":"' + HASH.encode() + b'"}', 422, "x.test"),
        ("GET /v1/users/nonsense", b"", 404, "is not an address"),
        ("GET /v1/users?limit=-1", b"", 400, "'limit'"),
        ("GET /v1/users?limit=1001", b"", 400, "0 to 1000"),
        ("DELETE /v1/domains/example.org?recursive=maybe", b"", 400, "true or false"),
        ("GET /v2/users", b"", 404, "/openapi.json"),
        ("DELETE /v1/users", b"", 405, "method"),
        ("POST /v1/users", b'"' + b"x" * 8_400_000, 413, "octets"),
    ],
)
async def test_bad_requests(
    api: httpx.AsyncClient, target: str, body: bytes, status: int, words: str
) -> None:
    """Each mistake gets its status and one sentence, and changes nothing."""
    before = (await api.get("/v1/changes")).json()["position"]
    answer = await api.request(*target.split(), content=body)
    assert words in detail(answer, status)
    assert (await api.get("/v1/changes")).json()["position"] == before


@pytest.mark.parametrize("header", ["*", "7", 'W/"7"', '"7", "8"', '""'])
async def test_preconditions_that_are_not_understood(api: httpx.AsyncClient, header: str) -> None:
    """What RFC 9110 allows and this API does not is refused, not ignored."""
    answer = await api.patch(ALICE, json={"quota": 1}, headers={"if-match": header})
    assert "If-Match" in detail(answer, 400)


async def test_scripts(api: httpx.AsyncClient) -> None:
    """Scripts are written, listed, switched and removed; one at most is active."""
    path = f"{ALICE}/sieve"
    created = await api.put(f"{path}/away", json={"text": "keep;\n", "active": True})
    assert created.status_code == 201
    listed = (await api.get(path)).json()["items"]
    assert [(s["name"], s["active"]) for s in listed] == [("away", True), ("lists", False)]
    assert (await api.post(f"{path}/lists/activate")).json()["active"] is True
    assert (await api.get(f"{path}/away")).json()["active"] is False
    assert (await api.post(f"{path}/lists/deactivate")).json()["text"] == SCRIPT
    assert (await api.delete(f"{path}/away")).status_code == 204
    detail(await api.get(f"{path}/away"), 404)
    detail(await api.get("/v1/users/nobody@example.org/sieve"), 404)
    detail(await api.put("/v1/users/nobody@example.org/sieve/x", json={"text": ""}), 422)
    assert (await api.get("/v1/users/bob@example.org/sieve")).json() == {"items": []}


async def test_the_default_script_of_a_domain(api: httpx.AsyncClient) -> None:
    """It is written like a user's; who lists a user's scripts does not see it."""
    path = "/v1/users/@example.org/sieve"
    assert (await api.get(path)).json() == {"items": []}
    assert (await api.put(f"{path}/main", json={"text": "keep;"})).status_code == 201
    assert (await api.post(f"{path}/main/activate")).json()["owner"] == "@example.org"
    assert [s["name"] for s in (await api.get(path)).json()["items"]] == ["main"]
    assert (await api.get("/v1/users/bob@example.org/sieve")).json() == {"items": []}
    detail(await api.get("/v1/users/@elsewhere.example/sieve"), 404)
    detail(await api.put("/v1/users/@elsewhere.example/sieve/x", json={"text": ""}), 422)
    assert (await api.delete(f"{path}/main")).status_code == 204


async def test_a_change_wakes_who_waits_for_it(api: httpx.AsyncClient) -> None:
    """A long poll ends with the change, which names the document and its revision."""
    position = (await api.get("/v1/changes", params={"limit": 1000})).json()["position"]
    waiting = asyncio.create_task(
        api.get("/v1/changes", params={"since": position, "wait": 9}), name="poll"
    )
    await asyncio.sleep(0)
    written = await api.patch(ALICE, json={"quota": 5})
    found = (await waiting).json()
    revision = written.headers["etag"].strip('"')
    assert found["changes"] == [
        {"position": position + 1, "type": "user", "name": "alice@example.org",
         "revision": revision}
    ]  # fmt: skip
    assert found["position"] == position + 1
