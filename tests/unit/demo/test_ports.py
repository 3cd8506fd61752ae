"""Port offsets of stacks that are thrown away."""

import socket

import pytest

from mailstack.demo import ports
from mailstack.demo.addresses import SLOTS, Plan
from mailstack.demo.ports import EPHEMERAL_END, offset
from mailstack.errors import ServiceFailed
from mailstack.topology.addresses import max_offset
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK


def test_no_two_slots_share_a_port() -> None:
    """The loopback ports of every stack are on one address, so the offsets keep them apart."""
    numbers = [port.number for service in STACK.services for port in service.ports]
    used = [number + offset(Plan(slot)) for slot in range(SLOTS) for number in numbers]
    assert len(set(used)) == len(used)
    assert max(offset(Plan(slot)) for slot in range(SLOTS)) == max_offset(STACK)


def test_couchmail_listens_above_the_ports_of_clients() -> None:
    """A client's ephemeral port must not hold one of ours when it is to be bound."""
    lowest = min(port.number for port in STACK.service("couchmail").ports)
    assert lowest + offset(Plan(0)) > EPHEMERAL_END


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """Only what nobody listens on can be bound."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert not ports._free(LOOPBACK, port)
    assert ports._free(LOOPBACK, port)


def test_ports_in_use_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken port is one clear line, before anything is started."""
    monkeypatch.setattr(ports, "_free", lambda host, port: (host, port % 2) != (LOOPBACK, 0))
    with pytest.raises(ServiceFailed, match=r"listens on 127\.0\.0\.1:\d+, .*; stop it"):
        ports.refuse_taken(Plan(0))
