"""The milter that seals what is forwarded: there while it is needed, with the domain's keys."""

import asyncio
import base64
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from tests.arc import verdict
from tests.daemons.mail_stage import make_dkim_keys
from tests.daemons.milter_client import Deferred, signed
from tests.daemons.postfix_peers import Peers, peers
from tests.daemons.stage import EXAMPLE, commit, site_for, state_folder

from mailstack.daemons import program
from mailstack.daemons.contract import Command, Site
from mailstack.daemons.opendkim import DAEMON, sealer
from mailstack.dkim.keys import make
from mailstack.dkim.master import MASTER, new_master, read_master
from mailstack.settings import Settings
from mailstack.topology.addresses import resolver_host
from mailstack.topology.model import Endpoint

OFFSET = 4300
RESOLVER = resolver_host(OFFSET)
FIELDS = {
    "Authentication-Results": "mail.example.org; dmarc=pass header.from=remote.example",
    "From": "Carol <carol@remote.example>",
    "Subject": "hello",
}
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
runpy.run_module("mailstack.dkim.arc", run_name="__main__", alter_sys=True)
"""


@dataclass
class Stage:
    site: Site
    peers: Peers
    said: list[str] = field(default_factory=list)
    starts: int = 0

    async def sealed(self, fields: dict[str, str] | None = None) -> bytes:
        """Forward a message; what leaves."""
        at = self.site.addresses[sealer.PORT]
        return await asyncio.to_thread(signed, at, fields or FIELDS, BODY)

    def give_key(self, master: str = "") -> dict[str, str]:
        """A key of the domain's own; returns its record."""
        secret = (
            base64.b64decode(master) if master else read_master(self.site.paths.secure / MASTER)
        )
        key = make(
            secret, "example.org", "rsa",
            prefix="own", taken=(), now=datetime.now(UTC), state="signing",
        )  # fmt: skip
        self.peers.keys["rsa:example.org"] = f"{key.selector} {key.private}"
        name = f"{key.selector}._domainkey.example.org"
        self.peers.records[f"{name}.", "TXT"] = " ".join(
            f'"{part}"' for part in re.findall(".{1,200}", key.record)
        )
        return {name: key.record}

    def tell_idle(self, seconds: float) -> None:
        """How long it waits for a client before it ends."""
        file = self.site.paths.conf / sealer.FILE
        file.write_text(json.dumps({**json.loads(file.read_text()), "idle_s": seconds}))


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A socket of the agent, and couchmail and DNS played."""
    async with _stage(monkeypatch) as found:
        yield found


@asynccontextmanager
async def _stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    with state_folder() as state:
        (state / "secure").mkdir(mode=0o711)
        async with peers(RESOLVER) as them:
            asked = {"resolver.dns": Endpoint(RESOLVER, 53), **them.addresses}
            site = site_for(
                DAEMON,
                state,
                offset=OFFSET,
                settings=Settings.model_validate(EXAMPLE),
                addresses=asked,
            )
            make_dkim_keys(state, site.account.uid)
            await commit(DAEMON, site)
            found = Stage(site, them)
            monkeypatch.setattr(program, "command", _counting(found))
            task = asyncio.create_task(sealer.attend(site, found.said.append))
            try:
                yield found
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def _counting(stage: Stage) -> Callable[[str, Path], Command]:
    """As the agent starts it, with an eye on what is imported when there is no root any more."""
    real = program.command

    def command(module: str, config: Path) -> Command:
        stage.starts += 1
        made = real(module, config)
        return replace(made, argv=(sys.executable, "-c", GUARD, *made.argv[-2:]))

    return command


def one_key(site: Site) -> dict[str, str]:
    """The record of the stack's one key."""
    pem = (site.paths.secure / "dkim.private").read_bytes()
    public = serialization.load_pem_private_key(pem, None).public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    return {"dkim._domainkey.example.org": record}


async def test_it_runs_while_it_is_needed(stage: Stage) -> None:
    """Started by the first message, ended by silence, started again: each message has its seal."""
    assert stage.starts == 0
    stage.tell_idle(0.05)
    async with asyncio.timeout(60):
        while stage.starts < 3:
            assert verdict(await stage.sealed(), one_key(stage.site))[0] == "pass"
            await asyncio.sleep(0.1)
    assert not stage.said


async def test_by_the_domains_own_key(stage: Stage) -> None:
    """Opened here alone; the next message is sealed by whatever key signs then."""
    first = stage.give_key()
    message = await stage.sealed()
    assert verdict(message, first)[0] == "pass"
    assert b"i=1; mail.example.org; dmarc=pass header.from=remote.example" in message
    second = stage.give_key()
    assert verdict(await stage.sealed(), second)[0] == "pass"
    assert stage.starts == 1


async def test_it_needs_no_file_once_it_is_its_account(stage: Stage) -> None:
    """Root is given up, and nothing is imported afterwards, whatever it is asked."""
    record = stage.give_key()
    header, _, _ = (await stage.sealed()).partition(b"\r\n\r\n")
    fields = [one.partition(b":") for one in re.split(rb"\r\n(?![ \t])", header)]
    again = {name.decode(): value.decode().strip() for name, _, value in fields}
    message = await stage.sealed({**again, "From": "Käthe <k@bücher.example>"})
    assert b"ARC-Seal: i=2; cv=fail;" in message
    message = await stage.sealed(again)
    assert verdict(message, record)[0] == "pass"
    assert b"ARC-Seal: i=2; cv=pass;" in message
    assert not stage.said


async def test_what_cannot_be_told_waits(stage: Stage) -> None:
    """No answer of couchmail, or a key that another master sealed: the message comes again."""
    stage.peers.lookups_fail = True
    with pytest.raises(Deferred):
        await stage.sealed()
    stage.peers.lookups_fail = False
    stage.give_key(new_master())
    with pytest.raises(Deferred):
        await stage.sealed()
    stage.give_key()
    assert b"ARC-Seal" in await stage.sealed()
    assert any("another one than it was" in line for line in stage.said)


async def test_without_a_key_it_leaves_as_it_came(stage: Stage) -> None:
    """Nobody could verify a seal; the message is not held for that."""
    stage.peers.domains.clear()
    assert b"ARC-" not in await stage.sealed()


async def test_a_chain_whose_key_cannot_be_had(stage: Stage) -> None:
    """It is left alone: the next server may see what we cannot."""
    stage.give_key()
    header, _, _ = (await stage.sealed()).partition(b"\r\n\r\n")
    fields = [one.partition(b":") for one in re.split(rb"\r\n(?![ \t])", header)]
    again = {name.decode(): value.decode().strip() for name, _, value in fields}
    stage.peers.dns_fails_for = next(name for name, kind in stage.peers.records if kind == "TXT")
    assert (await stage.sealed(again)).count(b"ARC-Seal") == 1


async def test_killed_it_comes_back(stage: Stage) -> None:
    """Kill -9 in between: the next message is sealed by another one."""
    assert b"ARC-Seal" in await stage.sealed()
    for pid in _children():
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        while True:
            with suppress(Deferred, ConnectionError):
                assert b"ARC-Seal" in await stage.sealed()
                if stage.starts > 1:
                    return


def _children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return [p for p in found if b"seal.json" in Path(f"/proc/{p}/cmdline").read_bytes()]
