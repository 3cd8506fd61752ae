"""One user's scripts, kept by couchmail.

The client is a blocking one: it runs in a thread, since a person edits filters seldom and one at
a time.
"""

import asyncio
from functools import partial
from typing import Any

from mailstack.client import Answer, Client
from mailstack.managesieve.scripts import ScriptName


class StoredScripts:
    """The scripts of ``owner``; errors are those that the client raises."""

    def __init__(self, client: Client, owner: str) -> None:
        self._client = client
        self._owner = owner

    async def names(self) -> list[ScriptName]:
        """List them by name."""
        answer = await self._call("GET")
        return [ScriptName(item["name"], item["active"]) for item in answer.fields["items"]]

    async def text(self, name: str) -> str:
        """Read one."""
        return str((await self._call("GET", name)).fields["text"])

    async def put(self, name: str, text: str) -> None:
        """Create or replace; an active script stays active."""
        active = any(script.active and script.name == name for script in await self.names())
        await self._call("PUT", name, document={"text": text, "active": active})

    async def delete(self, name: str) -> None:
        """Remove one."""
        await self._call("DELETE", name)

    async def rename(self, old: str, new: str) -> None:
        """In one transaction of the store."""
        await self._call("POST", old, "rename", document={"name": new})

    async def activate(self, name: str) -> None:
        """Put one in force; the empty name puts none in force."""
        if name:
            await self._call("POST", name, "activate")
            return
        for script in await self.names():
            if script.active:
                await self._call("POST", script.name, "deactivate")

    async def _call(self, method: str, *segments: str, document: Any = None) -> Answer:  # noqa: ANN401 - becomes JSON
        path = ("users", self._owner, "sieve", *segments)
        return await asyncio.to_thread(partial(self._client.call, method, *path, document=document))
