"""Dynamic updates and questions, against a real BIND."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.nameserver import PRIMARY, SECONDARY, NameServer, lagging, named

from mailstack.dns.ask import Answers, ask, ask_authoritative, seen_by_all
from mailstack.dns.update import (
    Change,
    Tsig,
    UpdateRefused,
    UpdateUnavailable,
    update,
)
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint

ZONE = "example.org"
CHANGE = Change("add", "new.example.org", "TXT", ('"a text"',))


async def test_what_is_put_is_served() -> None:
    """Data are added, replaced and removed; each is seen by who asks the server."""
    async with named({ZONE: "www A 192.0.2.1"}) as server:
        await server.add(ZONE, "www.example.org", "A", "192.0.2.2")
        found = await ask(server.endpoint, "www.example.org", "A", recursive=False)
        assert isinstance(found, Found)
        assert found.value.data == ("192.0.2.1", "192.0.2.2")
        await server.put(ZONE, "www.example.org", "A", "192.0.2.3")
        assert ("www.example.org.", "A", "192.0.2.3") in await server.records(ZONE)
        await server.remove(ZONE, "www.example.org", "A")
        gone = await ask(server.endpoint, "www.example.org", "A", recursive=False)
        assert gone == NotFound()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "BADKEY"),
        ({"secret": "AAAA"}, "BADSIG"),
        ({"algorithm": "hmac-sha512"}, "BADKEY"),
    ],
)
async def test_a_wrong_key_is_explained(change: dict[str, str], words: str) -> None:
    """A wrong name, secret or algorithm of the key is told in one line, and nothing is changed."""
    async with named({ZONE: ""}) as server:
        with pytest.raises(UpdateRefused, match=words) as caught:
            await update(server.endpoint, ZONE, [CHANGE], replace(server.tsig, **change))
        assert "\n" not in str(caught.value)
        assert "AAAA" not in str(caught.value)
        found = await ask(server.endpoint, CHANGE.name, "TXT", recursive=False)
        assert found == NotFound()


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_wrong_is_explained(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Before or behind by more than the five minutes that a signature is good for."""
    async with named({ZONE: ""}) as server:
        wrong = SimpleNamespace(time=lambda: time.time() + 3600 * hours)
        monkeypatch.setattr("dns.message.time", wrong)
        with pytest.raises(UpdateRefused, match="BADTIME") as caught:
            await update(server.endpoint, ZONE, [CHANGE], server.tsig)
        assert "\n" not in str(caught.value)
        assert server.tsig.secret not in str(caught.value)
        assert await ask(server.endpoint, CHANGE.name, "TXT", recursive=False) == NotFound()


async def test_an_unsigned_update_is_refused() -> None:
    """As when the key file is lost: the server says no, and what to do is told."""
    async with named({ZONE: ""}) as server:
        with pytest.raises(UpdateRefused, match="REFUSED") as caught:
            await update(server.endpoint, ZONE, [CHANGE], None)
        assert "dns.tsig_name" in caught.value.advice


async def test_a_zone_that_refuses_and_a_zone_that_is_elsewhere() -> None:
    """REFUSED and NOTAUTH each have their own advice."""
    async with named({ZONE: ""}, updates=False) as server:
        with pytest.raises(UpdateRefused, match="REFUSED"):
            await update(server.endpoint, ZONE, [CHANGE], server.tsig)
        with pytest.raises(UpdateRefused, match="NOTAUTH"):
            await update(
                server.endpoint,
                "example.net",
                [replace(CHANGE, name="a.example.net")],
                server.tsig,
            )


async def test_a_server_that_is_down_and_one_that_is_silent() -> None:
    """No answer is told as such, in time."""
    async with named({ZONE: ""}) as server:
        await server.stop()
        with pytest.raises(UpdateUnavailable):
            await update(server.endpoint, ZONE, [CHANGE], server.tsig)
    silent = await asyncio.start_server(lambda _, writer: writer.close(), PRIMARY, 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(UpdateUnavailable):
            await update(Endpoint(PRIMARY, port), ZONE, [CHANGE], Tsig("a", "hmac-sha256", "AAAA"))


async def test_every_server_is_asked() -> None:
    """A secondary that lags behind keeps a record from counting as seen."""
    async with (
        named({ZONE: ""}, nameservers=(PRIMARY, SECONDARY)) as server,
        lagging(server) as second,
    ):
        await server.change(ZONE, CHANGE)
        answers = await _ask(server)
        assert isinstance(answers, Found)
        by_address = {s.address: outcome for s, outcome in answers.value.items()}
        assert isinstance(by_address[PRIMARY], Found)
        assert by_address[SECONDARY] == NotFound()
        assert not seen_by_all(answers, "a text")
        await second.stop()
        answers = await _ask(server)
        assert isinstance(answers, Found)
        assert any(isinstance(o, Unavailable) for o in answers.value.values())
        assert not seen_by_all(answers, "a text")


async def test_a_record_that_all_have_is_seen() -> None:
    """With one server that has it, a record counts as seen."""
    async with named({ZONE: 'new TXT "a text"'}) as server:
        assert seen_by_all(await _ask(server), "a text")


async def test_a_signed_zone_takes_updates() -> None:
    """With dnssec-policy, what is put is served with its signature."""
    async with named({ZONE: ""}, dnssec=(ZONE,)) as server:
        await server.change(ZONE, CHANGE)
        found = await ask(server.endpoint, CHANGE.name, "TXT", recursive=False)
        assert isinstance(found, Found)


async def _ask(server: NameServer) -> Outcome[Answers]:
    return await ask_authoritative(
        CHANGE.name, "TXT", resolver=server.endpoint, port=server.port, timeout_s=2
    )
