"""Whose addresses a pod sees: counted from Postfix's log, and said aloud when they are hidden."""

import json

import pytest

from mailstack.agent.clients import ADVICE, ALIKE, LOOKED_AT, Clients
from mailstack.agent.output import Output
from mailstack.agent.pod import Pod
from mailstack.aio.http import Request
from mailstack.observe.health import Health
from mailstack.settings_file import check

STAMP = "Nov 28 04:17:20 mail "


def clients() -> tuple[Clients, list[str]]:
    said: list[str] = []
    return Clients("postfix", said.append), said


def connected(address: str) -> str:
    return f"{STAMP}postfix/postscreen[77]: CONNECT from [{address}]:40211 to [10.244.0.9]:25"


@pytest.mark.parametrize(
    ("line", "seen", "private"),
    [
        (connected("203.0.113.9"), 1, 0),
        (connected("10.244.0.1"), 1, 1),
        (connected("100.64.3.1"), 1, 1),
        (connected("192.168.1.7"), 1, 1),
        (connected("fd00:10:244::1"), 1, 1),
        (connected("2001:db8::25"), 1, 0),
        (connected("127.0.0.1"), 0, 0),
        (connected("::1"), 0, 0),
        (connected("1.2.3.4.5"), 0, 0),
        (f"{STAMP}postfix/submission/smtpd[8]: connect from unknown[10.244.0.1]", 1, 1),
        (f"{STAMP}postfix/submissions/smtpd[8]: connect from a.example[203.0.113.9]", 1, 0),
        ("postfix/submission/smtpd[8]: connect from unknown[203.0.113.9]:4021", 1, 0),
        (f"{STAMP}postfix/smtpd[8]: connect from unknown[10.244.0.1]", 0, 0),
        (f"{STAMP}postfix/reinject/smtpd[8]: connect from unknown[10.244.0.7]", 0, 0),
        (f"{STAMP}postfix/submission/smtpd[8]: disconnect from unknown[10.244.0.1]", 0, 0),
        (f"{STAMP}postfix/smtpd[8]: helo=<x {connected('203.0.113.9')}>", 0, 0),
        ("", 0, 0),
    ],
)
def test_which_lines_count(line: str, seen: int, private: int) -> None:
    """Each connection from outside once; none of the stack's own, and nothing a client wrote."""
    one, _ = clients()
    one.hear(line)
    assert (one.seen, one.private) == (seen, private)


def test_hidden_is_said_once() -> None:
    """The log has one line with the reason and what to do, not one for each connection."""
    one, said = clients()
    assert one.status()["client_addresses"] == "ok"
    for _ in range(3):
        one.hear(connected("10.244.0.1"))
    assert len(said) == 1
    assert "hidden" in said[0]
    assert "10.244.0.1" in said[0]
    assert "externalTrafficPolicy Local" in said[0]
    assert "listen.proxy_networks" in said[0]
    assert "each of the last 3 connections" in one.reason


def test_one_stranger_shows_that_addresses_arrive() -> None:
    """Users in the owner's own network are no reason to complain."""
    one, said = clients()
    for _ in range(LOOKED_AT):
        one.hear(connected("192.168.1.7"))
    one.hear(connected("203.0.113.9"))
    assert (one.hidden, one.reason) == (False, "")
    assert said[-1] == "the addresses of clients arrive: one came from 203.0.113.9"
    for _ in range(LOOKED_AT - 1):
        one.hear(connected("192.168.1.7"))
    assert not one.hidden


def test_addresses_that_vanish_are_noticed() -> None:
    """A load balancer that is put in front later hides them from then on."""
    one, said = clients()
    one.hear(connected("203.0.113.9"))
    for _ in range(LOOKED_AT):
        one.hear(connected("10.244.0.1"))
    assert one.hidden
    assert len(said) == 1


def test_a_node_with_a_public_address_hides_them_too() -> None:
    """Nobody but one and the same client for so long is a node, or the owner's relay."""
    one, said = clients()
    for _ in range(ALIKE - 1):
        one.hear(connected("203.0.113.1"))
    assert (one.hidden, one.reason) == (False, "")
    one.hear(connected("203.0.113.1"))
    assert f"last {ALIKE} connections came from 203.0.113.1" in one.reason
    assert len(said) == 1
    one.hear(connected("198.51.100.7"))
    assert one.reason == ""
    assert said[-1] == "the addresses of clients arrive: one came from 198.51.100.7"


async def test_the_pod_tells() -> None:
    """Status and numbers of Postfix's pod say it; readiness does not depend on it."""
    settings = check({"domain": "example.org", "email": "owner@example.net"})
    one, lines = Pod("postfix", Health("postfix"), settings), list[str]()
    output = Output(lines.append)
    one.listen_to(output)
    output.hear(connected("10.244.0.1"))
    assert lines[1].startswith("mailstack: the addresses of clients are hidden")
    status = json.loads((await one.answer(Request("GET", ("status",), {}))).body)
    assert status["client_addresses"] == "hidden"
    assert status["client_addresses_advice"] == ADVICE
    assert status["clients"] == {"seen": 1, "private": 1}
    numbers = (await one.answer(Request("GET", ("metrics",), {}))).body.decode()
    assert 'mailstack_client_addresses_hidden{service="postfix"} 1\n' in numbers
    assert 'mailstack_clients_private_total{service="postfix"} 1\n' in numbers


async def test_the_doctor_is_no_client() -> None:
    """Who has asked for the status comes by port 25 next; who asks for anything else is a node."""
    settings = check({"domain": "example.org", "email": "owner@example.net"})
    one = Pod("postfix", Health("postfix"), settings)
    one.listen_to(Output(lambda _: None))
    for path, peer in (("status", "10.244.0.9"), ("readyz", "10.244.0.1")):
        await one.answer(Request("GET", (path,), {}, peer=peer))
        one.clients.hear(connected(peer))  # type: ignore[union-attr] # Postfix's pod has some
    assert one.clients is not None
    assert (one.clients.seen, one.clients.private) == (1, 1)
    assert "10.244.0.1" in one.clients.reason


def test_insiders_are_few() -> None:
    """Whoever asks again and again from elsewhere makes the oldest a client again."""
    one, _ = clients()
    for number in range(40):
        one.know(f"10.244.1.{number}")
    one.hear(connected("10.244.1.0"))
    one.hear(connected("10.244.1.39"))
    assert one.seen == 1


async def test_other_pods_say_nothing_of_clients() -> None:
    """What is not known is not claimed: only Postfix logs them in a way that is read."""
    settings = check({"domain": "example.org", "email": "owner@example.net"})
    one, output = Pod("dovecot", Health("dovecot"), settings), Output(lambda _: None)
    one.listen_to(output)
    assert output.overhear is None
    status = (await one.answer(Request("GET", ("status",), {}))).body
    assert b"client" not in status
