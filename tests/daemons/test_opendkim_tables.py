"""OpenDKIM without Lua: its tables follow the datastore, and it is never ended for that.

Real OpenDKIM and couchmail, and what the agent does beside them: keys are made, tables written, and
the second signature is our own. What the signatures are like, test_opendkim.py says.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from tests.daemons.couchmail_stage import api, couchmail, put
from tests.daemons.mail_stage import make_dkim_keys
from tests.daemons.milter_client import Deferred, session, signed
from tests.daemons.stage import Running, running, site_for, state_folder

from mailstack.daemons import program
from mailstack.daemons.contract import Command
from mailstack.daemons.opendkim import DAEMON, conf, tables
from mailstack.dkim.keys import make
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.sealing import owner_line, seal, unseal

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOMAIN = "example.org"
BODY = b"hello  there\r\n\r\n"
GUARD = """
import runpy, sys
from mailstack.aio import privileges
real = privileges.drop
def drop(*account):
    real(*account)
    sys.addaudithook(
        lambda event, args: event == "import" and print("LATE", args[0], file=sys.stderr)
    )
privileges.drop = drop
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


@dataclass
class Stage:
    couchmail: Running
    opendkim: Running
    task: asyncio.Task[None] | None = None

    def attend(self) -> None:
        """Do what the agent does beside OpenDKIM."""
        beside = DAEMON.attend(self.opendkim.site, self.opendkim.output.append)
        self.task = asyncio.create_task(beside)

    async def leave(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    @property
    def folder(self) -> Path:
        return self.opendkim.site.paths.run / conf.TABLES

    async def keys(self) -> list[dict[str, Any]]:
        """What the datastore has of the domain's keys."""
        async with api(self.couchmail) as client:
            path = f"/v1/domains/{DOMAIN}/dkim"
            found = (await client.get(path, params={"sealed": "true"})).json()["items"]
        return list(found)

    async def send(self, domain: str = DOMAIN, port: str = conf.RSA_PORT) -> bytes:
        """Submit a message; what leaves."""
        at = self.opendkim.site.addresses[port]
        headers = {"From": f"Alice <alice@{domain}>", "Subject": "hello"}
        return await asyncio.to_thread(signed, at, headers, BODY)

    async def selector(self, domain: str = DOMAIN) -> str:
        """Of the RSA signature; empty without one."""
        found = re.search(rf"d={domain};\s+s=([^;]+);", (await self.send(domain)).decode())
        return found[1] if found else ""

    async def signs_with_its_own(self) -> bool:
        with suppress(Deferred):
            return (await self.selector()).startswith("ms")
        return False


async def until(seen: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await seen():  # noqa: ASYNC110 - another process gets there
            await asyncio.sleep(0.05)


@asynccontextmanager
async def unattended() -> AsyncIterator[Stage]:
    """Both run, and nothing is done beside them yet."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(state_folder())
        store = await stack.enter_async_context(couchmail(folder, {f"domains/{DOMAIN}": {}}))
        peers = {n: store.site.addresses[n] for n in ("couchmail.domains", "couchmail.api")}
        site = site_for(DAEMON, folder, offset=4000, addresses=peers)
        site = replace(site, features=frozenset())
        make_dkim_keys(folder, site.account.uid)
        found = Stage(store, await stack.enter_async_context(running(DAEMON, site)))
        stack.push_async_callback(found.leave)
        yield found


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as found:
        yield found


def _guarded(module: str, config: Path) -> Command:
    """As the agent starts a milter, with an eye on what is imported once root is given up."""
    argv = (sys.executable, "-c", GUARD, module, "--config", str(config))
    return Command(argv, env=program.ENVIRONMENT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(patch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """The domain signs with a key of its own."""
    async with unattended() as found:
        patch.setattr(program, "command", _guarded)
        with pytest.raises(Deferred):  # nothing leaves before it is known whom to sign for
            await found.send()
        found.attend()
        await until(found.signs_with_its_own)
        yield found


async def test_it_follows_the_datastore(stage: Stage) -> None:
    """Each change is in force without a new process; who is no domain of ours gets nothing."""
    assert await stage.selector("stranger.example") == ""
    await put(stage.couchmail, ("domains/new.example", {}))

    async def new_one_signs() -> bool:
        return (await stage.selector("new.example")).startswith("ms")

    await until(new_one_signs)
    async with api(stage.couchmail) as client:
        await client.delete("/v1/domains/new.example")

    async def is_gone() -> bool:
        return await stage.selector("new.example") == ""

    await until(is_gone)
    assert stage.opendkim.processes[0].returncode is None


async def test_both_signatures_verify(stage: Stage) -> None:
    """One by OpenDKIM and one by us, by the records that the datastore has."""

    async def has_two() -> bool:
        return len(await stage.keys()) >= 2

    await until(has_two)
    keys = await stage.keys()
    names = {f"{k['selector']}._domainkey.{DOMAIN}.".encode(): k["record"].encode() for k in keys}
    for port, algorithm in ((conf.RSA_PORT, b"rsa"), (conf.ED25519_PORT, b"ed25519")):

        async def verifies(port: str = port, algorithm: bytes = algorithm) -> bool:
            with suppress(Deferred):
                found = dkim.DKIM(await stage.send(port=port))
                asked = found.verify(dnsfunc=lambda name, timeout=5: names.get(name, b""))  # noqa: ARG005
                return bool(asked) and bytes(found.signature_fields[b"a"]).startswith(algorithm)
            return False

        await until(verifies)
    assert not stage.opendkim.said("LATE")


async def test_a_session_that_is_open_goes_on(stage: Stage) -> None:
    """A rotation is in force for who comes; who is there is signed for as at its beginning."""
    before = await stage.selector()
    at = stage.opendkim.site.addresses[conf.RSA_PORT]
    with session(at) as peer:
        await rotate(stage)

        async def another_signs() -> bool:
            return await stage.selector() == "next"

        await until(another_signs)
        headers = {"From": f"alice@{DOMAIN}"}
        assert f"s={before};".encode() in await asyncio.to_thread(peer.submit, headers, BODY)


async def rotate(stage: Stage) -> None:
    """As the keeper does: the key that signed retires, its private half stays."""
    master = read_master(stage.opendkim.site.paths.secure / MASTER)
    now = datetime.now(UTC)
    new = make(master, DOMAIN, "rsa", prefix="x", taken=(), now=now, state="signing")
    old = [dict(key) for key in await stage.keys()]
    for key in old:
        key["private"] = key.pop("sealed")
        del key["name"], key["record"]
        if key["algorithm"] == "rsa":
            key["state"] = "retiring"
    renamed = make_as("next", master, new.model_dump(mode="json"))
    document = {"type": "dkim", "domain": DOMAIN, "keys": [*old, renamed]}
    async with api(stage.couchmail) as client:
        revision = (await client.get(f"/v1/domains/{DOMAIN}/dkim")).headers["etag"]
        answer = await client.put(
            f"/v1/domains/{DOMAIN}/dkim", json=document, headers={"if-match": revision}
        )
        assert answer.is_success, answer.text


def make_as(selector: str, master: bytes, key: dict[str, Any]) -> dict[str, Any]:
    """The same key by another name, which stands in its seal, too."""
    private = unseal(master, owner_line(DOMAIN, key["selector"], "rsa"), key["private"])
    sealed = seal(master, owner_line(DOMAIN, selector, "rsa"), private)
    return {**key, "selector": selector, "private": sealed}


async def test_tables_that_cannot_be_read_change_nothing(stage: Stage) -> None:
    """OpenDKIM refuses them as a whole and says so; the old ones go on signing."""
    before = await stage.selector()
    await stage.leave()
    (stage.folder / conf.KEY_FILE).rename(stage.folder / "elsewhere")
    await tables.tell(stage.opendkim.site.paths.run / conf.PID_FILE)

    async def is_refused() -> bool:
        await DAEMON.probe(stage.opendkim.site)
        return stage.opendkim.said("No such file or directory")

    await until(is_refused)
    assert await stage.selector() == before
    assert stage.opendkim.processes[0].returncode is None
    (stage.folder / "elsewhere").rename(stage.folder / conf.KEY_FILE)
    stage.attend()


async def test_who_is_not_there_yet_is_waited_for(stage: Stage) -> None:
    """A number that is another process's now is not the one that is told."""
    file = stage.opendkim.site.paths.run / conf.PID_FILE
    number = file.read_text()
    file.write_text(str(os.getpid()))
    telling = asyncio.create_task(tables.tell(file))
    done, _ = await asyncio.wait({telling}, timeout=0.3)
    assert not done
    file.write_text(number)
    async with asyncio.timeout(60):
        await telling
