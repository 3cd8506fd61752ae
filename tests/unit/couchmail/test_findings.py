"""The HTTP API: what the last examination found, and its numbers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.couchmail.running import TOKEN, Running
from tests.unit.couchmail.test_api import detail

from mailstack.couchmail.examination import FILE, Examinations
from mailstack.findings import Finding
from mailstack.model.examination import MAX_FINDINGS, MAX_WORDS, Counts, Told

FINDINGS = "/v1/findings"
FAILURE = {"severity": "failure", "key": "relay", "what": "open", "meaning": "spam", "fix": "close"}


def body(**changes: object) -> dict[str, Any]:
    """What mailstack doctor puts."""
    checks = {"relay": {"failure": 1}, "tls": {"ok": 3, "warning": 1}}
    return {"at": 1_795_000_000, "checks": checks, "findings": [FAILURE], **changes}


@pytest.fixture
async def api(couchmail: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client on the unix socket."""
    async with couchmail.on_socket() as client:
        yield client


async def test_the_last_one_is_shown(api: httpx.AsyncClient) -> None:
    """Before the first there is none; each takes the place of the one before."""
    assert "not been examined" in detail(await api.get(FINDINGS), 404)
    assert (await api.put(FINDINGS, json=body())).status_code == 200
    shown = (await api.get(FINDINGS)).json()
    assert shown["summary"] == {"ok": 3, "warning": 1, "failure": 1, "unknown": 0}
    assert shown["findings"] == [FAILURE]
    await api.put(FINDINGS, json=body(at=1_795_000_001, checks={}, findings=[]))
    shown = (await api.get(FINDINGS)).json()
    assert (shown["at"], shown["checks"], shown["findings"]) == (1_795_000_001, {}, [])


async def test_its_numbers(api: httpx.AsyncClient) -> None:
    """Every severity has a number from the start: a series that is missing raises no alert."""
    page = (await api.get("/metrics")).text
    assert 'mailstack_doctor_findings{severity="failure"} 0.0' in page
    assert "mailstack_doctor_last_run_timestamp_seconds " not in _samples(page)
    await api.put(FINDINGS, json=body())
    page = (await api.get("/metrics")).text
    assert 'mailstack_doctor_findings{severity="failure"} 1.0' in page
    assert 'mailstack_doctor_check_findings{check="tls",severity="warning"} 1.0' in page
    assert 'mailstack_doctor_check_findings{check="tls",severity="failure"} 0.0' in page
    assert "mailstack_doctor_last_run_timestamp_seconds 1.795e+09" in _samples(page)


def _samples(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "yesterday"},
        {"at": 0},
        {"checks": {"relay": {"failure": -1}}},
        {"checks": {"relay": {"catastrophe": 1}}},
        {"checks": {"Relay!": {}}},
        {"checks": {f"check{number}": {} for number in range(100)}},
        {"findings": [FAILURE] * (MAX_FINDINGS + 1)},
        {"findings": [{**FAILURE, "severity": "bad"}]},
        {"findings": [{**FAILURE, "what": "x" * (MAX_WORDS + 1)}]},
        {"more": 1},
    ],
)
async def test_what_is_wrong_is_refused(api: httpx.AsyncClient, changes: dict[str, object]) -> None:
    """Types and bounds hold, and the refusal names the field."""
    assert detail(await api.put(FINDINGS, json=body(**changes)), 422)
    assert (await api.get(FINDINGS)).status_code == 404


async def test_only_who_has_the_token_puts(couchmail: Running) -> None:
    """By TCP it takes the stack's token, like everything that is not open to all."""
    url = f"http://127.0.0.1:{couchmail.ports['api']}{FINDINGS}"
    async with httpx.AsyncClient() as client:
        assert (await client.put(url, json=body())).status_code == 401
        right = {"authorization": f"Bearer {TOKEN}"}
        assert (await client.put(url, json=body(), headers=right)).status_code == 200


async def test_a_restart_does_not_forget(couchmail: Running) -> None:
    """It lies beside the database; what cannot be read counts as none."""
    async with couchmail.on_socket() as client:
        await client.put(FINDINGS, json=body())
    folder = couchmail.config.database.parent
    kept = Examinations(folder)
    assert kept.last is not None
    assert kept.last.at == 1_795_000_000
    (folder / FILE).write_text("{}")
    assert Examinations(folder).last is None


def test_long_texts_are_cut() -> None:
    """A finding may quote a peer, who may say much."""
    told = Told.of(Finding("failure", "a.b", "x" * 5000))
    assert len(told.what) == MAX_WORDS
    assert Counts.of({"ok": 2}) + Counts.of({"ok": 1, "failure": 1}) == Counts(ok=3, failure=1)
