"""The outside's name server on real sockets."""

import dns.asyncquery
import dns.flags
import dns.message
import pytest

from mailstack.demo import nameserver
from mailstack.demo.zone import Zone
from mailstack.topology.model import LOOPBACK, Endpoint

ANYWHERE = Endpoint(LOOPBACK, 0)


@pytest.fixture
def zone() -> Zone:
    zone = Zone()
    zone.update(
        {
            "small.example": {"A": ("198.18.1.1",)},
            "large.example": {"TXT": tuple(f'"{number:0200}"' for number in range(20))},
        }
    )
    return zone


async def test_the_same_answer_by_udp_and_tcp(zone: Zone) -> None:
    """Resolvers ask by UDP first and may always ask by TCP (RFC 7766)."""
    query = dns.message.make_query("small.example", "A")
    async with nameserver.serving(zone, ANYWHERE) as at:
        by_udp = await dns.asyncquery.udp(query, at.host, port=at.port, timeout=2)
        by_tcp = await dns.asyncquery.tcp(query, at.host, port=at.port, timeout=2)
    assert by_udp.answer == by_tcp.answer != []


async def test_what_udp_cannot_hold_comes_by_tcp(zone: Zone) -> None:
    """A long answer is cut and says so; by TCP it is whole."""
    query = dns.message.make_query("large.example", "TXT")
    async with nameserver.serving(zone, ANYWHERE) as at:
        cut = await dns.asyncquery.udp(query, at.host, port=at.port, timeout=2)
        whole = await dns.asyncquery.tcp(query, at.host, port=at.port, timeout=2)
    assert cut.flags & dns.flags.TC
    assert len(whole.answer[0]) == 20


async def test_noise_gets_no_answer() -> None:
    """What is no DNS message is dropped, and the next question is answered."""
    assert nameserver._reply(Zone(), b"noise", max_octets=512) is None
