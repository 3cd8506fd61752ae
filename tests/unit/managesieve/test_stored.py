"""A user's scripts over couchmail's API."""

import json
from typing import Any

import pytest

from mailstack.client import Answer, Client
from mailstack.errors import StoreUnavailable
from mailstack.managesieve.scripts import ScriptName
from mailstack.managesieve.stored import StoredScripts


class Api(Client):
    """Plays couchmail, and writes down what it is asked."""

    def __init__(self, *items: dict[str, Any]) -> None:
        self.items = items
        self.asked: list[tuple[Any, ...]] = []

    def call(self, method: str, *segments: str, **more: object) -> Answer:
        assert segments[:3] == ("users", "anna@example.org", "sieve")
        self.asked.append((method, *segments[3:], more.get("document")))
        found: dict[str, Any] = {"items": list(self.items)}
        for item in self.items:
            if segments[3:] == (item["name"],):
                found = item
        return Answer(200, {}, json.dumps(found).encode())


def scripts(*items: dict[str, Any]) -> tuple[Api, StoredScripts]:
    api = Api(*items)
    return api, StoredScripts(api, "anna@example.org")


MAIN = {"name": "main", "active": True, "text": "keep;"}
OTHER = {"name": "other", "active": False, "text": "stop;"}


async def test_names_and_text() -> None:
    """The active one is marked."""
    _, mine = scripts(MAIN, OTHER)
    assert await mine.names() == [
        ScriptName("main", active=True),
        ScriptName("other", active=False),
    ]
    assert await mine.text("other") == "stop;"


@pytest.mark.parametrize(("name", "active"), [("main", True), ("other", False), ("new", False)])
async def test_put_keeps_what_is_active(name: str, *, active: bool) -> None:
    """A script that is replaced stays in force, and a new one is not."""
    api, mine = scripts(MAIN, OTHER)
    await mine.put(name, "discard;")
    assert api.asked[-1] == ("PUT", name, {"text": "discard;", "active": active})


async def test_changes() -> None:
    """Each is one request."""
    api, mine = scripts(MAIN, OTHER)
    await mine.delete("other")
    await mine.rename("main", "new")
    await mine.activate("other")
    assert api.asked == [
        ("DELETE", "other", None),
        ("POST", "main", "rename", {"name": "new"}),
        ("POST", "other", "activate", None),
    ]


async def test_none_active() -> None:
    """The empty name puts the active one out of force."""
    api, mine = scripts(OTHER, MAIN)
    await mine.activate("")
    assert api.asked[-1] == ("POST", "main", "deactivate", None)


async def test_an_outage_is_told() -> None:
    """Nothing becomes "no such script"."""

    class Down(Api):
        def call(self, method: str, *segments: str, **more: object) -> Answer:
            raise StoreUnavailable(f"{method} {segments} {more}")

    with pytest.raises(StoreUnavailable):
        await StoredScripts(Down(), "anna@example.org").names()
