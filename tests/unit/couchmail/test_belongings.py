"""The HTTP API: spam profiles and training records of users."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.unit.couchmail.running import Running
from tests.unit.couchmail.test_api import detail

SPAM = "/v1/users/alice@example.org/spam"
TRAINING = "/v1/users/alice@example.org/training"


@pytest.fixture
async def api(couchmail: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the unix socket."""
    async with couchmail.on_socket() as client:
        yield client


async def test_a_profile_is_written_and_read(api: httpx.AsyncClient) -> None:
    """PUT writes it whole, in canonical form; GET shows it with its revision."""
    detail(await api.get(SPAM), 404)
    written = await api.put(SPAM, json={"threshold": 7, "allow": ["Example.NET"]})
    assert written.status_code == 201
    answer = await api.get("/v1/users/Alice@Example.org/spam")
    assert answer.headers["etag"] == written.headers["etag"]
    assert answer.json() == {
        "type": "spam", "owner": "alice@example.org", "threshold": 7.0,
        "allow": ["*@example.net"], "block": [], "rules": [], "languages": [],
        "share_training": False, "revision": answer.headers["etag"].strip('"'),
    }  # fmt: skip
    same = {"if-none-match": answer.headers["etag"]}
    assert (await api.get(SPAM, headers=same)).status_code == 304
    assert (await api.put(SPAM, json={})).status_code == 200


async def test_a_patch_begins_with_the_defaults(api: httpx.AsyncClient) -> None:
    """Where no profile is stored, PATCH makes one; null restores a default."""
    made = await api.patch(SPAM, json={"threshold": 3, "languages": ["DE"]})
    assert made.status_code == 201
    changed = await api.patch(SPAM, json={"threshold": None})
    assert changed.status_code == 200
    assert changed.json()["threshold"] is None
    assert changed.json()["languages"] == ["de"]


async def test_a_lost_race_is_412(api: httpx.AsyncClient) -> None:
    """Whoever writes with an old revision is told, and so is who expects one that is not there."""
    detail(await api.patch(SPAM, json={}, headers={"if-match": '"1"'}), 412)
    old = {"if-match": (await api.put(SPAM, json={})).headers["etag"]}
    await api.patch(SPAM, json={"share_training": True})
    detail(await api.patch(SPAM, json={"share_training": False}, headers=old), 412)
    detail(await api.put(SPAM, json={}, headers=old), 412)
    detail(await api.delete(SPAM, headers=old), 412)
    detail(await api.put(SPAM, json={}, headers={"if-none-match": "*"}), 412)
    assert (await api.get(SPAM)).json()["share_training"] is True


async def test_many_first_patches_at_once_all_count(api: httpx.AsyncClient) -> None:
    """Several who begin with the defaults at the same time do not undo one another."""
    fields = [{"threshold": 3}, {"allow": ["a@b.example"]}, {"languages": ["en"]}]
    answers = await asyncio.gather(*(api.patch(SPAM, json=one) for one in fields))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    found = (await api.get(SPAM)).json()
    assert (found["threshold"], found["allow"], found["languages"]) == (3, ["a@b.example"], ["en"])


async def test_a_training_record(api: httpx.AsyncClient) -> None:
    """Figures of a run are kept as they come."""
    run = {"ham": 210, "recall": 0.97, "note": "fine", "worse": False, "before": None}
    assert (await api.put(TRAINING, json={"own_bayes": True, "runs": [run]})).status_code == 201
    assert (await api.get(TRAINING)).json()["runs"] == [run]
    assert (await api.delete(TRAINING)).status_code == 204
    detail(await api.get(TRAINING), 404)


async def test_all_of_them_are_listed(api: httpx.AsyncClient) -> None:
    """Services that follow them begin with pages of what there is."""
    for name in ("alice", "bob"):
        await api.put(f"/v1/users/{name}@example.org/spam", json={"threshold": 4})
    first = (await api.get("/v1/spam", params={"limit": 1})).json()
    assert [item["owner"] for item in first["items"]] == ["alice@example.org"]
    assert (first["next"], first["total"]) == ("alice@example.org", 2)
    rest = (await api.get("/v1/spam", params={"after": first["next"]})).json()
    assert [item["owner"] for item in rest["items"]] == ["bob@example.org"]
    assert rest["next"] is None
    position = (await api.get("/v1/changes")).json()["position"]
    assert (await api.get("/v1/training")).json() == {
        "items": [], "next": None, "total": 0, "position": position
    }  # fmt: skip


async def test_the_feed_tells_of_them(api: httpx.AsyncClient) -> None:
    """A write, and the removal with the user, are changes like any other."""
    since = (await api.get("/v1/changes")).json()["position"]
    await api.put(SPAM, json={"threshold": 4})
    await api.delete("/v1/users/alice@example.org")
    found = (await api.get("/v1/changes", params={"since": since})).json()["changes"]
    assert {(c["type"], c["name"], c["revision"]) for c in found if c["type"] == "spam"} == {
        ("spam", "alice@example.org", None)
    }


@pytest.mark.parametrize(
    ("target", "body", "status", "words"),
    [
        (f"PUT {SPAM}", b'{"threshold":0.5}', 422, "greater than or equal to 1"),
        (f"PUT {SPAM}", b'{"threshold":"5"}', 422, "valid number"),
        (f"PUT {SPAM}", b'{"rules":["include /etc/passwd"]}', 422, "header, body, score"),
        (f"PUT {SPAM}", b'{"owner":"bob@example.org"}', 422, "the body names"),
        (f"PATCH {SPAM}", b'{"colour":"red"}', 422, "no field 'colour'"),
        ("PUT /v1/users/nobody@example.org/spam", b"{}", 422, "no user nobody@example.org"),
        ("GET /v1/users/nonsense/spam", b"", 404, "is not an address"),
        (f"GET {TRAINING}", b"", 404, "no training record of alice@example.org"),
        (f"DELETE {SPAM}", b"", 404, "no spam profile of alice@example.org"),
    ],
)
async def test_bad_requests(
    api: httpx.AsyncClient, target: str, body: bytes, status: int, words: str
) -> None:
    """Each mistake gets its status and one sentence."""
    answer = await api.request(*target.split(), content=body)
    assert words in detail(answer, status)
