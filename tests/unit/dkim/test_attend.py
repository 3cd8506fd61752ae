"""What is watched beside OpenDKIM, and which passes that leads to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.unit.couchmail.running import TOKEN, Running, running

from mailstack.aio.command import Finished
from mailstack.dkim import attend
from mailstack.dkim.attend import Attendant
from mailstack.topology.model import LOOPBACK, Endpoint

EVERYTHING: list[str] = []
Pass = tuple[bool, list[str]]
"""Whether it only made keys, and the domains."""


@dataclass
class Passes:
    """Stands in for the processes: notes each, and answers what it is told."""

    seen: "asyncio.Queue[Pass]" = field(default_factory=asyncio.Queue)
    busy: list[str] = field(default_factory=list)
    failures: int = 0
    told: dict[str, object] = field(default_factory=dict)

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        stdin: bytes,
        env: Mapping[str, str],
    ) -> Finished:
        del timeout_s, env
        self.seen.put_nowait(("--make" in argv, stdin.decode().split()))
        if self.failures:
            self.failures -= 1
            return Finished(1, "dkim: told to fail\n")
        busy, self.busy = self.busy, []
        return Finished(0, f"dkim: something\n{json.dumps({'busy': busy, **self.told})}\n")

    async def next(self) -> Pass:
        async with asyncio.timeout(60):
            return await self.seen.get()


@pytest.fixture
async def couchmail() -> AsyncIterator[Running]:
    async with running() as service:
        yield service


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    found = Passes()
    monkeypatch.setattr("mailstack.aio.command.run", found.run)
    monkeypatch.setattr(attend, "SOON_S", 0.05)
    monkeypatch.setattr(attend, "RETRY_S", 0.05)
    return found


@asynccontextmanager
async def attending(
    couchmail: Running, said: list[str], tell: Callable[[str, str], None] = lambda *_: None
) -> AsyncIterator[httpx.AsyncClient]:
    api = Endpoint(LOOPBACK, couchmail.ports["api"])
    task = asyncio.create_task(Attendant(Path("dkim.json"), api, TOKEN, said.append, tell).run())
    try:
        async with couchmail.on_socket() as client:
            yield client
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_it_begins_with_all_domains(couchmail: Running, passes: Passes) -> None:
    """What there is already gets its keys; what they said is in the log."""
    said: list[str] = []
    async with attending(couchmail, said):
        assert await passes.next() == (True, EVERYTHING)
    assert said == ["dkim: something"]


async def test_a_new_domain_gets_its_keys_at_once(couchmail: Running, passes: Passes) -> None:
    """The feed names it; then it goes to the lane that asks DNS."""
    async with attending(couchmail, []) as api:
        await passes.next()
        passes.busy = ["new.example"]
        await api.put("/v1/domains/new.example", json={})
        assert await passes.next() == (True, ["new.example"])
        assert await passes.next() == (False, ["new.example"])


async def test_what_is_busy_is_looked_at_again(couchmail: Running, passes: Passes) -> None:
    """Until it is not."""
    passes.busy = ["example.org"]
    async with attending(couchmail, []):
        assert await passes.next() == (True, EVERYTHING)
        passes.busy = ["example.org"]
        assert await passes.next() == (False, ["example.org"])
        assert await passes.next() == (False, ["example.org"])


async def test_a_pass_that_failed_comes_again(couchmail: Running, passes: Passes) -> None:
    """With the same domains, and its words in the log."""
    said: list[str] = []
    async with attending(couchmail, said) as api:
        await passes.next()
        passes.failures = 1
        await api.post("/v1/domains/example.org/dkim/rotate")
        assert await passes.next() == (True, ["example.org"])
        assert await passes.next() == (True, ["example.org"])
    assert "dkim: told to fail" in said


async def test_trouble_is_told_until_its_domains_are_looked_at_again(
    couchmail: Running, passes: Passes
) -> None:
    """A pass that knows nothing of them takes nothing back."""
    told: list[str] = []
    passes.told = {"numbers": "1", "remark": "bad", "troubled": ["bad.example"]}
    async with attending(couchmail, [], lambda _, remark: told.append(remark)) as api:
        assert await passes.next() == (True, EVERYTHING)
        passes.told = {"numbers": "2", "remark": "", "troubled": []}
        await api.put("/v1/domains/new.example", json={})
        assert await passes.next() == (True, ["new.example"])
        passes.busy = ["bad.example"]
        await api.put("/v1/domains/bad.example", json={})
        assert await passes.next() == (True, ["bad.example"])
        assert await passes.next() == (False, ["bad.example"])
    assert told[0] == "bad"
    assert set(told[1:]) == {""}
