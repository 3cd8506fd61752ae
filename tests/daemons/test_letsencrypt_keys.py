"""Senders who use DANE always find the key in force in DNS: a real authority, a real zone."""

import asyncio
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.daemons.test_letsencrypt import HOST, OTHER, World, world

from mailstack.agent.keys import self_signed
from mailstack.letsencrypt.errand import Wish
from mailstack.letsencrypt.keys import digest, first_key, published
from mailstack.letsencrypt.pair import Folder, Pair
from mailstack.letsencrypt.proofs import Pages, serving
from mailstack.letsencrypt.run import run
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.topology.model import Endpoint

__all__ = ["world"]

TLSA = f"_25._tcp.{HOST}."


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """The certificate of the first start is in force."""
    (tmp_path / "tls").mkdir()
    key, first = self_signed([HOST])
    (tmp_path / "tls" / "privkey.pem").write_text(key)
    (tmp_path / "tls" / "fullchain.pem").write_text(first)
    return Pair(Folder(tmp_path / "tls"), tmp_path / "kept")


async def _publish(world: World, *keys: str) -> None:
    """As ``mailstack dns records --update`` does."""
    data = [f"3 1 1 {digest(key)}" for key in keys]
    await world.server.put("example.org", TLSA, "TLSA", *data)


async def _errand(world: World, pair: Pair, *names: str, force: bool = False) -> str:
    """Do one, and return the digest of the key that is in force then."""
    pages = Pages()

    def order() -> str:
        with serving(pages, Endpoint("127.0.0.1", world.port)):
            result = run(
                *(pair, world.authority(), lambda: nullcontext(pages), Wish(names, force)),
                renew_at=0.66,
                announced=lambda: asyncio.run(published(HOST, world.server.endpoint)),
            )
        assert result.done == "issued", result
        return digest(first_key(pair))

    return await asyncio.to_thread(order)


async def _told(world: World) -> frozenset[str]:
    found = await published(HOST, world.server.endpoint)
    assert isinstance(found, Found)
    return found.value


async def test_what_is_in_force_is_always_published(world: World, pair: Pair) -> None:
    """Before and after the first certificate, with another name, and after each roll of the key."""
    self_made = pair.place.key()
    await _publish(world, self_made)
    assert await _errand(world, pair, HOST) == digest(self_made)
    assert await _errand(world, pair, HOST, OTHER) in await _told(world)
    # nobody has published the next key yet: it has to wait
    assert await _errand(world, pair, HOST, OTHER, force=True) == digest(self_made)
    await _publish(world, self_made, pair.next_key())
    announced = digest(pair.next_key())
    assert await _errand(world, pair, HOST, OTHER, force=True) == announced
    assert announced in await _told(world)
    assert digest(pair.next_key()) != announced
    assert await _errand(world, pair, HOST, OTHER, force=True) == announced


async def test_without_dane_each_renewal_has_another_key(world: World, pair: Pair) -> None:
    """Where DNS tells of no key, none has to be waited for."""
    first = await _errand(world, pair, HOST)
    assert isinstance(await published(HOST, world.server.endpoint), NotFound)
    assert await _errand(world, pair, HOST, force=True) != first


async def test_a_resolver_that_cannot_tell(world: World, pair: Pair) -> None:
    """A key that the world may know alone is not given up for one that it may not know."""
    known = await _errand(world, pair, HOST)
    result = await published("mail.elsewhere.test", world.server.endpoint)
    assert isinstance(result, Unavailable)
    pages = Pages()

    def order() -> str:
        with serving(pages, Endpoint("127.0.0.1", world.port)):
            run(
                *(pair, world.authority(), lambda: nullcontext(pages), Wish((HOST,), force=True)),
                renew_at=0.66,
                announced=lambda: result,
            )
        return digest(first_key(pair))

    assert await asyncio.to_thread(order) == known


def test_a_key_of_another_certificate(pair: Pair) -> None:
    """Two files that do not belong together are no reason to order for that key."""
    assert isinstance(pair.place, Folder)
    assert first_key(pair)
    (pair.place.path / "privkey.pem").write_text(self_signed([HOST])[0])
    assert not first_key(pair)
    (pair.place.path / "privkey.pem").write_text("nonsense")
    assert not first_key(pair)
