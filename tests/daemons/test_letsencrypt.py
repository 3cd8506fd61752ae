"""Certificates of a real authority (Pebble), with a real name server (BIND)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.authority import leaf_for
from tests.nameserver import PRIMARY, SECONDARY, NameServer, lagging, named
from tests.pebble import Pebble, free_port, pebble
from tests.unit.cli.conftest import Mailstack, couchmail, mailstack

__all__ = ["couchmail", "mailstack"]

from mailstack.agent.keys import self_signed
from mailstack.errors import MailstackError
from mailstack.letsencrypt.authority import ACCOUNT_URI, Authority, OrderFailed
from mailstack.letsencrypt.errand import Wish
from mailstack.letsencrypt.order import Prover, obtain
from mailstack.letsencrypt.pair import Folder, Pair, read
from mailstack.letsencrypt.proofs import Pages, serving
from mailstack.letsencrypt.run import run
from mailstack.letsencrypt.zone_proofs import Records
from mailstack.topology.model import Endpoint

HOST, OTHER, GONE = "mail.example.org", "mta-sts.example.org", "mail.gone.example.org"
ZONE = "mail A 127.0.0.1\nmta-sts A 127.0.0.1\n"


class World:
    """The authority, the zone, the port at which the authority looks for pages."""

    def __init__(self, ca: Pebble, server: NameServer, port: int, folder: Path) -> None:
        self.ca, self.server, self.port, self.folder = ca, server, port, folder

    def authority(self, *, directory: str = "", ca_file: str | None = None) -> Authority:
        trusted = str(self.ca.ca_file) if ca_file is None else ca_file
        account = self.folder / "account.pem"
        return Authority(directory or self.ca.directory, trusted, "me@example.org", account)

    async def order(self, *names: str, by: Prover | None = None) -> tuple[str, str, dict[str, str]]:
        pages = Pages()

        def run() -> tuple[str, str, dict[str, str]]:
            with serving(pages, Endpoint("127.0.0.1", self.port)):
                issued = obtain(self.authority(), names, by or pages)
            return issued.certificate, issued.key, dict(issued.dropped)

        return await asyncio.to_thread(run)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    port = free_port()
    async with (
        named({"example.org": ZONE}) as server,
        pebble(http_port=port, dnsserver=str(server.endpoint)) as ca,
    ):
        yield World(ca, server, port, tmp_path)


async def test_pages_prove_names(world: World) -> None:
    """A certificate for all names is had by http-01, and the account is used again."""
    for _ in range(2):
        certificate, _, dropped = await world.order(HOST, OTHER)
        found = read(certificate, Path("new"))
        assert set(found.names) == {HOST, OTHER}
        assert not dropped
        assert not found.self_signed
    told = (world.folder / ACCOUNT_URI).read_text().strip()
    assert told.startswith(world.ca.directory.rpartition("/")[0])


async def test_renewals_use_the_key_that_was_announced(world: World) -> None:
    """Known in advance for DNS; a certificate for other names has the key in force."""
    pages, place = Pages(), world.folder / "tls"
    place.mkdir()
    pair = Pair(Folder(place), world.folder / "kept")

    def errand(*names: str, force: bool = False) -> str:
        wish = Wish(names=names, force=force)
        with serving(pages, Endpoint("127.0.0.1", world.port)):
            result = run(pair, world.authority(), lambda: nullcontext(pages), wish, renew_at=0.66)
        assert result.done == "issued", result
        return (place / "privkey.pem").read_text()

    first = await asyncio.to_thread(errand, HOST)
    announced = pair.next_key()
    assert announced not in ("", first)
    assert await asyncio.to_thread(errand, HOST, OTHER) == first
    assert pair.next_key() == announced
    assert await asyncio.to_thread(errand, HOST, OTHER, force=True) == announced
    assert pair.next_key() not in ("", first, announced)


async def test_a_name_elsewhere_is_left_out(world: World) -> None:
    """A name whose DNS does not point here is told, and costs the others nothing."""
    certificate, _, dropped = await world.order(HOST, GONE)
    assert read(certificate, Path("new")).names == (HOST,)
    assert list(dropped) == [GONE]
    assert "\n" not in dropped[GONE]


async def test_our_own_name_must_be_proved(world: World) -> None:
    """Without the server's own name there is no certificate, and one line says why."""
    with pytest.raises(OrderFailed, match=f"{GONE} cannot be proved") as told:
        await world.order(GONE, HOST)
    assert "\n" not in str(told.value)


async def test_records_prove_names(world: World) -> None:
    """A certificate is had by dns-01, and no proof stays in the zone."""
    by = _records(world.server)
    certificate, _, dropped = await world.order(HOST, GONE, by=by)
    assert set(read(certificate, Path("new")).names) == {HOST, GONE}
    assert not dropped
    left = await world.server.records("example.org")
    assert not [name for name, kind, _ in left if kind == "TXT"]


def _records(server: NameServer, **changed: float) -> Records:
    at = server.endpoint
    return Records(at, "example.org", at, server.tsig, port=server.port, **changed)  # type: ignore[arg-type]


async def test_every_name_server_has_the_proof(tmp_path: Path) -> None:
    """While one of them lags behind the authority is not called, and the name is told."""
    async with (
        named({"example.org": ZONE}, nameservers=(PRIMARY, SECONDARY)) as server,
        lagging(server),
        pebble(http_port=free_port(), dnsserver=str(server.endpoint)) as ca,
    ):
        world = World(ca, server, 0, tmp_path)
        with pytest.raises(OrderFailed, match=SECONDARY) as told:
            await asyncio.to_thread(
                obtain, world.authority(), [HOST], _records(server, settle_s=3.0)
            )
        assert f"_acme-challenge.{HOST} is not seen yet" in str(told.value)
        left = await server.records("example.org")
        assert not [name for name, kind, _ in left if kind == "TXT"]


async def test_a_wrong_key_is_told(world: World) -> None:
    """A TSIG key that the name server does not know ends the order with the server's reason."""
    stranger = type(world.server.tsig)("stranger", "hmac-sha256", world.server.tsig.secret)
    by = Records(world.server.endpoint, "example.org", world.server.endpoint, stranger)
    with pytest.raises(OrderFailed, match="BADKEY"):
        await world.order(HOST, by=by)


async def test_an_untrusted_directory_is_told(world: World) -> None:
    """An authority whose own certificate is not trusted is not talked to."""
    with pytest.raises(OrderFailed, match="not trusted"):
        await asyncio.to_thread(obtain, world.authority(ca_file=""), [HOST], Pages())


async def test_an_unreachable_directory_is_told(world: World) -> None:
    """An authority that is away is named in one line."""
    away = world.authority(directory=f"https://localhost:{free_port()}/dir")
    with pytest.raises(OrderFailed, match="cannot be reached"):
        await asyncio.to_thread(obtain, away, [HOST], Pages())


async def test_a_refusal_is_told(world: World) -> None:
    """What the authority says to a name that it does not sign is passed on."""
    with pytest.raises(OrderFailed, match="refused"):
        await asyncio.to_thread(obtain, world.authority(), ["127.0.0.1.invalid_"], Pages())


async def test_the_pair_is_exchanged(world: World, tmp_path: Path) -> None:
    """What was ordered takes the place of what was ordered before, and never of the owner's own."""
    tls = tmp_path / "tls"
    tls.mkdir()
    pair = Pair(Folder(tls), tmp_path / "kept")
    for _ in range(2):
        certificate, key, _ = await world.order(HOST)
        pair.replace(certificate, key)
        assert (tls / "fullchain.pem").read_text() == certificate
    _, own, own_key = leaf_for(HOST)
    (tls / "fullchain.pem").write_bytes(own)
    (tls / "privkey.pem").write_bytes(own_key)
    with pytest.raises(MailstackError, match="is your own"):
        pair.replace(certificate, key)
    assert (tls / "fullchain.pem").read_bytes() == own


async def test_the_command(world: World, mailstack: Mailstack, couchmail: Path) -> None:
    """The command replaces the first certificate, does nothing until due, and fails in one line."""
    tls = couchmail / "secure" / "tls"
    tls.mkdir(parents=True, exist_ok=True)
    key, first = self_signed([HOST])
    (tls / "privkey.pem").write_text(key)
    (tls / "fullchain.pem").write_text(first)
    (tls.parent / "tsig.key").write_text(world.server.tsig.secret)
    config = couchmail / "mailstack.toml"
    config.write_text('domain = "example.org"\nemail = "owner@example.org"\n')
    sets = _sets(
        f'acme.directory="{world.ca.directory}"',
        f'acme.ca_file="{world.ca.ca_file}"',
        'acme.challenge="dns-01"',
        f'dns.update_server="{world.server.address}@{world.server.port}"',
        'dns.update_zone="example.org"',
        f'dns.tsig_name="{world.server.tsig.name}"',
    )
    sets = ["--config", str(config), *sets]
    status, out, err = await asyncio.to_thread(mailstack, "certificate", "renew", "--json", *sets)
    assert status == 0, err
    told = json.loads(out)
    assert told["renewed"]
    assert {HOST, OTHER} <= set(told["names"])
    status, out, _ = await asyncio.to_thread(mailstack, "certificate", "renew", *sets)
    assert out.startswith("not due")
    there = (tls / "fullchain.pem").read_text()
    away = _sets(f'acme.directory="https://localhost:{free_port()}/dir"')
    again = ("certificate", "renew", "--force", *sets, *away)
    status, out, err = await asyncio.to_thread(mailstack, *again)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert (tls / "fullchain.pem").read_text() == there


def _sets(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]
