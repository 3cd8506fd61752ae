"""Port offsets of stacks that are thrown away."""

import socket

import pytest

from mailstack.demo import ports
from mailstack.demo.addresses import SLOTS, Plan
from mailstack.demo.ports import EPHEMERAL, candidates, free_offset
from mailstack.errors import ServiceFailed
from mailstack.topology.addresses import max_offset
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK


def test_no_two_slots_share_a_port() -> None:
    """The loopback ports of every stack are on one address, so the offsets keep them apart."""
    numbers = [port.number for service in STACK.services for port in service.ports]
    offsets = [next(candidates(Plan(slot))) for slot in range(SLOTS)]
    used = [number + offset for offset in offsets for number in numbers]
    assert len(set(used)) == len(used)
    assert max(offsets) <= max_offset(STACK)


def test_couchmail_listens_above_the_ports_of_clients() -> None:
    """A client's ephemeral port must not hold one of ours when it is to be bound."""
    lowest = min(port.number for port in STACK.service("couchmail").ports)
    assert lowest + min(candidates(Plan(0))) >= EPHEMERAL.stop


def test_few_ports_are_among_those_of_clients() -> None:
    """A busy machine's clients hold a port for a minute each; few of ours can be hit."""
    for slot in range(SLOTS):
        for offset in candidates(Plan(slot)):
            ours = [port.number + offset for s in STACK.services for port in s.ports]
            assert sum(number in EPHEMERAL for number in ours) <= 3


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """Only what nobody listens on can be bound."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports._free(LOOPBACK, port)
    assert ports._free(LOOPBACK, port)


def test_a_slot_has_another_offset_when_a_port_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client anywhere on the machine may hold one of the first candidate's ports."""
    first, second, *_ = candidates(Plan(0))
    held = STACK.service("dovecot").port("sasl").number + first
    monkeypatch.setattr(ports, "_free", lambda _host, port: port != held)
    assert free_offset(Plan(0)) == second


def test_ports_in_use_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When none is free, that is one clear line before anything is started."""
    monkeypatch.setattr(ports, "_free", lambda host, _port: host != LOOPBACK)
    with pytest.raises(ServiceFailed, match=r"listens on 127\.0\.0\.1:\d+, .*; stop it"):
        free_offset(Plan(0))
