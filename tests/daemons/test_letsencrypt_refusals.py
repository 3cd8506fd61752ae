"""What goes wrong between us, the authority and DNS: one clear line each, and the old one stays."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.acme_front import FINALIZE, NEW_ORDER, ORDER, Front, Refusal, front, problem
from tests.api_server import NAME, api_server
from tests.authority import leaf_for
from tests.daemons.test_letsencrypt import HOST, OTHER, ZONE, World, world
from tests.nameserver import named
from tests.pebble import free_port, pebble

from mailstack.agent.keys import self_signed
from mailstack.letsencrypt.authority import Authority, OrderFailed, seconds
from mailstack.letsencrypt.cluster import ClusterSecret
from mailstack.letsencrypt.errand import Result, Wish
from mailstack.letsencrypt.order import NothingGained, Prover, obtain
from mailstack.letsencrypt.pair import Folder, Pair
from mailstack.letsencrypt.proofs import Pages, serving
from mailstack.letsencrypt.run import run
from mailstack.letsencrypt.zone_proofs import Records
from mailstack.topology.model import Endpoint

__all__ = ["world"]

LIMITED = "too many certificates already issued"


@pytest.fixture
def before(world: World, tmp_path: Path) -> Iterator[Front]:
    """A front of the authority of ``world``."""
    (tmp_path / "front").mkdir()
    with front(world.ca, tmp_path / "front") as made:
        yield made


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """The certificate of the first start is in force."""
    (tmp_path / "tls").mkdir()
    key, first = self_signed([HOST])
    (tmp_path / "tls" / "privkey.pem").write_text(key)
    (tmp_path / "tls" / "fullchain.pem").write_text(first)
    return Pair(Folder(tmp_path / "tls"), tmp_path / "kept")


async def _errand(
    world: World, before: Front, pair: Pair, *names: str, prover: Prover | None = None
) -> Result:
    """Do one as the service does, against the front."""
    authority = Authority(
        before.directory, str(before.ca_file), "me@example.org", pair.kept / "account.pem"
    )
    pages = Pages()

    def order() -> Result:
        with serving(pages, Endpoint("127.0.0.1", world.port)):
            return run(
                pair,
                authority,
                lambda: nullcontext(prover or pages),
                Wish(names or (HOST, OTHER)),
                renew_at=2 / 3,
            )

    return await asyncio.to_thread(order)


async def _failed(world: World, before: Front, pair: Pair, prover: Prover | None = None) -> Result:
    """Do one that fails, and see that it changes nothing and says why in a line."""
    there = pair.place.certificate()
    result = await _errand(world, before, pair, prover=prover)
    assert result.done == "failed"
    assert result.first
    assert "\n" not in result.why
    assert pair.place.certificate() == there
    return result


async def test_through_the_front(world: World, before: Front, pair: Pair) -> None:
    """Where it refuses nothing, the certificate comes, is in force, and is not due any more."""
    result = await _errand(world, before, pair)
    assert (result.done, set(result.names), result.asked) == (
        "issued",
        {HOST, OTHER},
        (HOST, OTHER),
    )
    assert (await _errand(world, before, pair)).done == "kept"
    assert (await _errand(world, before, pair, HOST)).names == (HOST,)


async def test_rate_limited(world: World, before: Front, pair: Pair) -> None:
    """A limit of the authority is passed on, with the time it wants to be left alone."""
    refusal = problem("rateLimited", LIMITED, 429, Retry_After="7200")
    before.refusals[NEW_ORDER] = [refusal]
    result = await _failed(world, before, pair)
    assert LIMITED in result.why
    assert "rateLimited" in result.why
    assert result.retry_after_s == 7200
    assert before.asked.count(NEW_ORDER) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [("unauthorized", 403), ("serverInternal", 500), ("userActionRequired", 403), ("caa", 403)],
)
async def test_refused(world: World, before: Front, pair: Pair, kind: str, status: int) -> None:
    """Whatever else it says no by is passed on in its words, once."""
    before.refusals[NEW_ORDER] = [problem(kind, "not today", status)]
    result = await _failed(world, before, pair)
    assert f"not today ({kind})" in result.why
    assert result.retry_after_s == 0
    assert before.asked.count(NEW_ORDER) == 1


async def test_not_an_authority(world: World, before: Front, pair: Pair) -> None:
    """An answer that is no problem document is no crash either."""
    before.refusals["/dir"] = [Refusal(502, {"<html>": "bad gateway"})]
    assert "refused" in (await _failed(world, before, pair)).why


async def test_an_order_that_becomes_invalid(world: World, before: Front, pair: Pair) -> None:
    """The proof went well, and then the authority changes its mind."""
    why = {"type": "urn:ietf:params:acme:error:serverInternal", "detail": "the signer is broken"}
    invalid = Refusal(200, {"status": "invalid", "error": why})
    before.refusals[ORDER] = [invalid]
    assert "the signer is broken" in (await _failed(world, before, pair)).why


async def test_a_finalization_that_is_refused(world: World, before: Front, pair: Pair) -> None:
    """A request for signing that the authority does not like ends the order."""
    before.refusals[FINALIZE] = [problem("badCSR", "the key is weak", 400)]
    assert "the key is weak (badCSR)" in (await _failed(world, before, pair)).why


async def test_nonces_that_are_refused_again_and_again(
    world: World, before: Front, pair: Pair
) -> None:
    """A nonce that is refused costs a request, not an order; one that always is ends it."""
    stale = problem("badNonce", "the nonce is old", 400)
    before.refusals[NEW_ORDER] = [stale] * 3
    assert (await _errand(world, before, pair)).done == "issued"
    before.refusals[NEW_ORDER] = [stale] * 99
    result = await _errand(world, before, pair, HOST)
    assert (result.done, set(result.names)) == ("failed", {HOST, OTHER})
    assert "badNonce" in result.why


async def test_a_name_that_is_signed_for_nobody(world: World, before: Front, pair: Pair) -> None:
    """A name that the authority refuses by policy is left out, and costs the others nothing."""
    sub = {
        "type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "not on this list",
        "identifier": {"type": "dns", "value": OTHER},
    }
    whole = problem("rejectedIdentifier", "some of these names", 400)
    before.refusals[NEW_ORDER] = [Refusal(400, {**whole.body, "subproblems": [sub]})]
    result = await _errand(world, before, pair)
    assert (result.done, result.names) == ("issued", (HOST,))
    assert result.dropped == {OTHER: "not on this list (rejectedIdentifier)"}


async def test_nothing_is_signed_for_nothing(world: World) -> None:
    """A name that is tried again and still cannot be proved costs no certificate."""
    pages, gone = Pages(), "mail.gone.example.org"

    def order() -> None:
        with serving(pages, Endpoint("127.0.0.1", world.port)):
            obtain(world.authority(), [HOST, gone], pages, covered=[HOST])

    with pytest.raises(NothingGained) as told:
        await asyncio.to_thread(order)
    assert list(told.value.dropped) == [gone]


@pytest.mark.parametrize("text", ["nonsense", "", "-----BEGIN PRIVATE KEY-----\n"])
async def test_a_malformed_account_key(world: World, before: Front, pair: Pair, text: str) -> None:
    """A damaged file is named, nobody is asked, and the way out is told."""
    pair.kept.mkdir()
    file = pair.kept / "account.pem"
    file.write_text(text)
    result = await _failed(world, before, pair)
    assert result.why == f"{file} holds no RSA key of an account; remove it; a new account is made"
    assert not before.asked


async def test_the_key_of_something_else(world: World, before: Front, pair: Pair) -> None:
    """A key of another kind is none of an account."""
    pair.kept.mkdir()
    (pair.kept / "account.pem").write_bytes(leaf_for(HOST)[2])
    assert "holds no RSA key" in (await _failed(world, before, pair)).why


def _records(world: World, **changed: object) -> Records:
    server, tsig = world.server, world.server.tsig
    given = {"server": server.endpoint, "zone": "example.org", "resolver": server.endpoint}
    return Records(**{**given, "tsig": tsig, **changed})  # type: ignore[arg-type]


async def test_a_secret_that_is_not_the_servers(world: World, before: Front, pair: Pair) -> None:
    """The right name with another secret is told apart from a name that is not known."""
    tsig = world.server.tsig
    other = type(tsig)(tsig.name, tsig.algorithm, "c29tZXRoaW5nIGVsc2UgdGhhbiB0aGUgc2VjcmV0")
    why = (await _failed(world, before, pair, _records(world, tsig=other))).why
    assert "BADSIG" in why
    stranger = type(tsig)("stranger", tsig.algorithm, tsig.secret)
    assert "BADKEY" in (await _failed(world, before, pair, _records(world, tsig=stranger))).why


async def test_a_name_server_that_is_away(world: World, before: Front, pair: Pair) -> None:
    """Where the zone cannot be changed the server is named."""
    nobody = Endpoint("127.0.0.1", free_port())
    why = (await _failed(world, before, pair, _records(world, server=nobody))).why
    assert f"the name server {nobody} did not answer" in why


@pytest.fixture
async def broken() -> AsyncIterator[Endpoint]:
    """A resolver that answers SERVFAIL to everything."""

    class Broken(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            flags = bytes([data[2] | 0x80, 0x82])  # QR, RA, RCODE 2
            self.transport.sendto(data[:2] + flags + data[4:], addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Broken, local_addr=("127.0.0.1", 0))
    yield Endpoint("127.0.0.1", transport.get_extra_info("sockname")[1])
    transport.close()


async def test_a_resolver_that_fails(
    world: World, before: Front, pair: Pair, broken: Endpoint
) -> None:
    """SERVFAIL is no word about a zone: it is told as what it is."""
    why = (await _failed(world, before, pair, _records(world, zone="", resolver=broken))).why
    assert f"the resolver cannot tell the zone of {HOST}" in why
    assert "SERVFAIL" in why


async def test_an_authority_that_refuses_many_a_nonce(tmp_path: Path) -> None:
    """Pebble can be unkind enough; the certificate comes nevertheless."""
    port = free_port()
    async with (
        named({"example.org": ZONE}) as server,
        pebble(http_port=port, dnsserver=str(server.endpoint), nonce_reject=15) as ca,
    ):
        world = World(ca, server, port, tmp_path)
        for _ in range(2):
            await world.order(HOST, OTHER)


async def test_on_a_cluster(world: World, before: Front, tmp_path: Path) -> None:
    """The Secret is exchanged; one that cannot be written costs no second certificate later."""
    (tmp_path / "pod").mkdir()
    with api_server(tmp_path / "pod") as api:
        key, first = self_signed([HOST])
        api.put(**{"tls.crt": _base64(first), "tls.key": _base64(key)})
        secret = ClusterSecret(NAME, api.endpoint, api.account, sleep=lambda _: None)
        pair = Pair(secret, tmp_path / "kept")
        api.refuse_patches = True
        result = await _errand(world, before, pair)
        assert (result.done, result.first) == ("failed", True)
        assert "does not do its part for the Secret" in result.why
        api.refuse_patches = False
        orders = before.asked.count(NEW_ORDER)
        result = await _errand(world, before, pair)
        assert (result.done, set(result.names)) == ("kept", {HOST, OTHER})
        assert before.asked.count(NEW_ORDER) == orders
        assert api.secret is not None
        assert api.secret["data"]["tls.crt"] == _base64((pair.kept / "fullchain.pem").read_text())
        assert api.secret["data"]["tls.key"] == _base64(key)  # which DNS may tell of


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_proof_that_still_counts(tmp_path: Path) -> None:
    """A name that the authority holds for proved is not proved again: nobody serves the page."""
    port = free_port()
    async with (
        named({"example.org": ZONE}) as server,
        pebble(http_port=port, dnsserver=str(server.endpoint), authz_reuse=100) as ca,
    ):
        world = World(ca, server, port, tmp_path)
        await world.order(HOST)
        again = await asyncio.to_thread(obtain, world.authority(), [HOST], Pages())
        assert not again.dropped


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("120", 120), ("soon", 0), ("-1", 0), ("99999999", 604_800)]
)
def test_how_long_to_wait(text: str, expected: float) -> None:
    """Retry-After in seconds, within a week; what is none is no wish."""
    assert seconds(text) == expected


def test_until_when_to_wait() -> None:
    """Retry-After as a date; one that is over is no wish."""
    assert seconds("Fri, 31 Dec 1999 23:59:59 GMT") == 0
    assert seconds("Fri, 31 Dec 2100 23:59:59 GMT") == 604_800


async def test_the_old_one_is_told(world: World, before: Front, pair: Pair) -> None:
    """A failure says what is in force all the same."""
    before.refusals[NEW_ORDER] = [problem("unauthorized", "no")]
    with pytest.raises(OrderFailed):
        await world.order("no.such.name.example.org")
    result = await _failed(world, before, pair)
    assert HOST in result.names
    assert result.expires > result.begins > 0
