"""The trainer's HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.trainer.world import ANNA, World

from mailstack.aio.http import Answer, Request
from mailstack.trainer.metrics import TrainerMetrics
from mailstack.trainer.service import Service
from mailstack.trainer.training import Training

TOKEN = "secret"


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[Service]:
    """The service, with the tasks that it starts."""
    training = Training(world.peers, TrainerMetrics())
    async with asyncio.TaskGroup() as group:
        yield Service(training, TOKEN, group)


def post(path: str, body: object = None, token: str = TOKEN) -> Request:
    headers = {"authorization": f"Bearer {token}"}
    return Request("POST", (path,), headers, json.dumps(body or {}).encode())


async def lines(answer: Answer) -> list[Mapping[str, Any]]:
    assert answer.pieces is not None
    return [json.loads(piece) async for piece in answer.pieces]


async def test_training_on_demand(world: World) -> None:
    """Progress comes as it is made, one JSON object a line, and the figures at the end."""
    world.mailbox.fill("Spam", "pills", 3)
    async with serving(world) as service:
        told = await lines(await service.handle(post("train", {"users": [ANNA, ANNA.upper()]})))
    events = [line["event"] for line in told]
    assert (events[0], events[-2:]) == ("begun", ["done", "end"])
    assert events.count("progress") >= 3
    assert (told[-2]["learned_spam"], told[-1]["failed"]) == (3, 0)
    assert world.records.notes[0][0]["learned_spam"] == 3


async def test_training_of_everybody(world: World) -> None:
    """Without names it is everybody's turn."""
    async with serving(world) as service:
        told = await lines(await service.handle(post("train")))
    assert [line["user"] for line in told if line["event"] == "done"] == [ANNA]


async def test_a_user_who_was_removed_meanwhile(world: World) -> None:
    """Is nobody's failure, and leaves nothing in the ledger."""
    world.mailbox.fill("Spam", "pills", 1)
    async with serving(world) as service:
        await lines(await service.handle(post("train")))
        world.mailbox.gone, world.records.there = True, False
        told = await lines(await service.handle(post("train")))
    assert (told[-2]["gone"], told[-2]["failed"], told[-1]["failed"]) == (True, None, 0)
    assert not list(world.ledger.users())


async def test_a_master_user_who_is_refused(world: World) -> None:
    """Is a failure, and says whose."""
    world.mailbox.gone = True
    async with serving(world) as service:
        told = await lines(await service.handle(post("train")))
        page = (await service.handle(Request("GET", ("metrics",), {}))).body
    assert "master user" in told[-2]["failed"]
    assert told[-1]["failed"] == 1
    assert b'mailstack_trainer_runs_total{end="failed"} 1.0' in page


async def test_a_fault_of_ours_ends_one_run(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """One user's trouble is not everybody's."""
    world.records.page = two_users  # type: ignore[method-assign]
    world.mailbox.fill("Spam", "pills", 1)
    async with serving(world) as service:
        told = await lines(await service.handle(post("train")))
    done = {line["user"]: line for line in told if line["event"] == "done"}
    assert done["zoe@example.org"]["failed"]
    assert done[ANNA]["failed"] is None
    assert "fault of this program" in caplog.text


async def two_users(after: str = "") -> tuple[list[Any], str]:
    """Zoe's is another mailbox than the one that is there, which ends in an AssertionError."""
    assert not after
    return [ANNA, "zoe@example.org"], ""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post("train", token="another"), 401),
        (post("train", {"users": [7]}), 400),
        (Request("POST", ("train",), {"authorization": f"Bearer {TOKEN}"}, b"no JSON"), 400),
        (Request("GET", ("train",), {}), 405),
        (Request("GET", ("healthz",), {}), 200),
        (Request("GET", ("readyz",), {}), 200),
        (Request("GET", ("elsewhere",), {}), 404),
    ],
)
async def test_statuses(world: World, request_: Request, status: int) -> None:
    """Health is open; everything else needs the token and an address."""
    async with serving(world) as service:
        assert (await service.handle(request_)).status == status
