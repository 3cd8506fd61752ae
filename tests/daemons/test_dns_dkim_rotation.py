"""A rotation of DKIM keys while mail flows, with real name servers of which one lags behind.

Whatever state the rotation is in, each message is verified by each name server's records: no
verifier of the world may find one that it cannot verify.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim  # type: ignore[import-untyped]
import dns.message
import dns.query
import dns.rdatatype
import pytest
from cryptography.hazmat.primitives import serialization
from tests.daemons.couchmail_stage import api, couchmail
from tests.daemons.mail_stage import make_dkim_keys
from tests.daemons.milter_client import signed
from tests.daemons.stage import Running, running, site_for, state_folder
from tests.nameserver import PRIMARY, SECONDARY, NameServer, lagging, named

from mailstack.client import Client, UnixTransport
from mailstack.daemons.opendkim import DAEMON as OPENDKIM
from mailstack.dkim.keeper import Keeper
from mailstack.dkim.master import MASTER, new_master, read_master
from mailstack.dkim.rotation import Rules
from mailstack.dkim.world import Dns
from mailstack.dns.records import quoted
from mailstack.topology.model import Endpoint

DOMAIN = "example.org"
RULES = Rules(("rsa", "ed25519"), rotate_days=90, keep_days=7, first_at_once=True, prefix="ms")
HEADERS = {"From": f"alice@{DOMAIN}", "To": "bob@elsewhere.example", "Subject": "hello"}


@dataclass
class Stage:
    """Everything that has a part in a rotation."""

    couchmail: Running
    opendkim: Running
    primary: NameServer
    folder: Path

    def keeper(self, *, updates: bool) -> Keeper:
        world = Dns(
            self.primary.endpoint,
            server=self.primary.endpoint if updates else None,
            tsig=self.primary.tsig,
            port=self.primary.port,
        )
        client = Client(UnixTransport(self.couchmail.site.paths.run / "api.sock"))
        return Keeper(client, world, RULES, read_master(self.folder / "secure" / MASTER))

    async def keep(self, *, updates: bool = True, later: timedelta = timedelta()) -> bool:
        """One pass of the keeper over the domain, now or in some days."""
        keeper = self.keeper(updates=updates)
        return await keeper.see_to(DOMAIN, datetime.now(UTC) + later)

    async def rotate(self) -> None:
        async with api(self.couchmail) as client:
            answer = await client.post(f"/v1/domains/{DOMAIN}/dkim/rotate")
            assert answer.status_code == 202

    async def states(self) -> dict[str, list[str]]:
        async with api(self.couchmail) as client:
            items = (await client.get(f"/v1/domains/{DOMAIN}/dkim")).json()["items"]
        found: dict[str, list[str]] = {"rsa": [], "ed25519": []}
        for item in items:
            found[item["algorithm"]].append(item["state"])
        return found

    async def send(self, *servers: NameServer) -> list[str]:
        """Send a message; return the selectors, once each server's records verify them."""
        addresses = self.opendkim.site.addresses
        message = b""
        found: list[str] = []
        for port in ("opendkim.milter", "opendkim.milter-ed25519"):
            message = await asyncio.to_thread(signed, addresses[port], HEADERS, b"hello\r\n")
            found += re.findall(r"s=([^;]+);", message.decode())
            for server in servers:
                await asyncio.to_thread(verify, message, server.endpoint)
        return found

    async def rsa_selector(self) -> list[str]:
        """Send a message; return the selector of the RSA signature, which the primary verifies."""
        address = self.opendkim.site.addresses["opendkim.milter"]
        message = await asyncio.to_thread(signed, address, HEADERS, b"hello\r\n")
        await asyncio.to_thread(verify, message, self.primary.endpoint)
        return re.findall(r"s=([^;]+);", message.decode())

    def stack_key(self) -> str:
        """The record of the key that signs where a domain has none."""
        pem = (self.folder / "secure" / "dkim.private").read_bytes()
        key = serialization.load_pem_private_key(pem, None).public_key()
        der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def verify(message: bytes, server: Endpoint) -> None:
    """By another library than the one that signed, asking one server alone."""

    def txt(name: bytes, timeout: int = 5) -> bytes:
        query = dns.message.make_query(name.decode(), "TXT")
        reply, _ = dns.query.udp_with_fallback(
            query, server.host, timeout=12 * timeout, port=server.port
        )
        return b"".join(b"".join(r.strings) for rrset in reply.answer for r in rrset)

    assert message.count(b"DKIM-Signature:") == 1
    assert dkim.DKIM(message).verify(dnsfunc=txt), f"{server} cannot verify {message.decode()}"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The domain has keys that sign, and the primary has their records."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(state_folder())
        primary = await stack.enter_async_context(
            named({DOMAIN: ""}, nameservers=(PRIMARY, SECONDARY))
        )
        store = await stack.enter_async_context(couchmail(folder, {f"domains/{DOMAIN}": {}}))
        names = ("couchmail.domains", "couchmail.api")
        peers = {name: store.site.addresses[name] for name in names}
        site = site_for(OPENDKIM, folder, offset=4000, addresses=peers)
        make_dkim_keys(folder, site.account.uid)
        signer = await stack.enter_async_context(running(OPENDKIM, site))
        found = Stage(store, signer, primary, folder)
        assert not await found.keep()
        yield found


def both(*states: str) -> dict[str, list[str]]:
    return {"rsa": list(states), "ed25519": list(states)}


async def test_mail_verifies_in_every_state(stage: Stage) -> None:
    """New keys sign only when the slower server shows them, and old ones until then."""
    primary = stage.primary
    async with lagging(primary) as secondary:
        old = await stage.send(primary, secondary)
        assert len(old) == 2
        await stage.rotate()
        for _ in range(3):
            busy, sent = await asyncio.gather(stage.keep(), stage.send(primary, secondary))
            assert (busy, sent) == (True, old)
            assert await stage.states() == both("signing", "published")
    assert await stage.keep()  # the second server is silent: nobody can tell
    assert await stage.states() == both("signing", "published")
    async with lagging(primary) as secondary:  # has all that the primary has
        busy, sent = await asyncio.gather(stage.keep(), stage.send(primary, secondary))
        assert not busy
        assert await stage.states() == both("retiring", "signing")
        new = await stage.send(primary, secondary)
        assert not set(new) & set(old)


async def test_old_records_go_when_no_mail_needs_them(stage: Stage) -> None:
    """After ``keep_days`` the record is withdrawn and the private half forgotten."""
    old = await stage.send(stage.primary)
    async with lagging(stage.primary):
        await stage.rotate()
        await stage.keep()
    async with lagging(stage.primary):
        await stage.keep()
    await stage.keep(later=timedelta(days=6))
    assert await stage.states() == both("retiring", "signing")
    await stage.keep(later=timedelta(days=8))
    assert await stage.states() == both("retired", "signing")
    names = {name for name, kind, _ in await stage.primary.records(DOMAIN) if kind == "TXT"}
    assert not names & {f"{selector}._domainkey.{DOMAIN}." for selector in old}
    assert await stage.send(stage.primary)


async def test_an_owner_publishes_by_hand(stage: Stage) -> None:
    """Without updates the keeper waits until it sees the records, whoever put them there."""
    old = await stage.send(stage.primary)
    await stage.rotate()
    assert await stage.keep(updates=False)
    assert await stage.states() == both("signing", "made")
    assert await stage.send(stage.primary) == old
    async with api(stage.couchmail) as client:
        items = (await client.get(f"/v1/domains/{DOMAIN}/dkim")).json()["items"]
    for key in items:
        await stage.primary.put(DOMAIN, key["name"], "TXT", quoted(key["record"]))
    async with lagging(stage.primary):
        assert not await stage.keep(updates=False)
    assert await stage.states() == both("retiring", "signing")


async def test_a_lost_master_key_is_made_up_for(stage: Stage) -> None:
    """The stack's key signs until new ones, sealed under the present one, are seen by all."""
    old = await stage.send(stage.primary)
    (stage.folder / "secure" / MASTER).write_text(new_master())
    await stage.primary.put(DOMAIN, f"dkim._domainkey.{DOMAIN}", "TXT", quoted(stage.stack_key()))
    keeper = stage.keeper(updates=True)
    assert await keeper.keep([DOMAIN], keeper.see_to) == [DOMAIN]
    assert keeper.lost == {DOMAIN}
    assert await stage.states() == both("signing", "published")
    assert await stage.rsa_selector() == ["dkim"]
    async with lagging(stage.primary):
        assert not await stage.keep()
    assert await stage.states() == both("retiring", "signing")
    assert not set(await stage.send(stage.primary)) & set(old)
    keeper = stage.keeper(updates=True)
    await keeper.keep([DOMAIN], keeper.see_to)
    assert not keeper.lost


async def test_a_key_that_waits_under_a_lost_master_key_is_made_anew(stage: Stage) -> None:
    """It never signed, so nobody misses it."""
    await stage.rotate()
    await stage.keep(updates=False)
    (stage.folder / "secure" / MASTER).write_text(new_master())
    async with api(stage.couchmail) as client:
        before = (await client.get(f"/v1/domains/{DOMAIN}/dkim")).json()["items"]
        await stage.keep(updates=False)
        after = (await client.get(f"/v1/domains/{DOMAIN}/dkim")).json()["items"]
    assert await stage.states() == both("signing", "made")
    names = [
        {key["selector"] for key in keys if key["state"] == "made"} for keys in (before, after)
    ]
    assert not names[0] & names[1]


async def test_a_domain_that_goes_while_it_rotates(stage: Stage) -> None:
    """The pass ends without a word, and writes no keys of a domain that is none."""
    await stage.rotate()
    keeper = stage.keeper(updates=True)

    async def goes(domain: str, now: datetime) -> bool:
        async with api(stage.couchmail) as client:
            answer = await client.delete(f"/v1/domains/{domain}")
            assert answer.status_code // 100 == 2
        return await keeper.see_to(domain, now)

    assert await keeper.keep([DOMAIN], goes) == []
    assert not keeper.failures


async def test_a_clock_that_was_ahead(stage: Stage) -> None:
    """Keys that were made in the future are of today; they are not kept for years by that."""
    years = timedelta(days=3650)
    await stage.rotate()
    async with lagging(stage.primary):
        await stage.keep(later=years)
    async with lagging(stage.primary):
        await stage.keep(later=years)
    assert await stage.states() == both("retiring", "signing")
    await stage.keep()  # the clock is right again
    assert await stage.states() == both("retiring", "signing")
    await stage.keep(later=timedelta(days=8))
    assert await stage.states() == both("retired", "signing")
    await stage.send(stage.primary)


async def test_all_keys_are_counted(stage: Stage) -> None:
    """By algorithm and state, with the domains that wait and those whose servers fail."""
    keeper = stage.keeper(updates=True)
    text = keeper.census().numbers(0, 0)
    for algorithm in ("rsa", "ed25519"):
        assert f'mailstack_dkim_keys{{algorithm="{algorithm}",state="signing"}} 1.0' in text
        assert f'mailstack_dkim_keys{{algorithm="{algorithm}",state="made"}} 0.0' in text
    assert "mailstack_dkim_waiting_domains 0.0" in text
    await stage.rotate()
    await stage.keep()
    assert "mailstack_dkim_waiting_domains 1.0" in keeper.census().numbers(0, 0)


async def test_a_refused_update_moves_nothing(stage: Stage) -> None:
    """With a wrong TSIG key the old keys go on, and the next pass tries again."""
    await stage.rotate()
    keeper = stage.keeper(updates=True)
    keeper.world = Dns(
        stage.primary.endpoint,
        server=stage.primary.endpoint,
        tsig=replace(stage.primary.tsig, secret="AAAA"),
        port=stage.primary.port,
    )
    assert await keeper.keep([DOMAIN], keeper.see_to) == [DOMAIN]
    assert "BADSIG" in keeper.failures[DOMAIN]
    assert await stage.states() == both("signing", "made")
    await stage.send(stage.primary)
