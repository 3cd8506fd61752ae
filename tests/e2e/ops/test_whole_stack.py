"""The stack as one thing: taken down and up again, twice on one machine, behind a balancer."""

import base64
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from tests.e2e.stack import Stack, User
from tests.e2e.traffic import flowing, wait_until

from mailstack.demo import client, letter
from mailstack.errors import ServiceFailed
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

_BOUNCE = "Undelivered Mail Returned to Sender"
"""The subject of Postfix's bounces."""


def _submit(stack: Stack, user: User, recipient: str, subject: str) -> None:
    with stack.submission(user) as session:
        octets = letter.write(user.address, recipient, subject)
        session.sendmail(user.address, [recipient], octets)


def _subjects(stack: Stack, user: User) -> list[str]:
    with stack.mailbox(user) as mailbox:
        return mailbox.subjects()


def test_down_and_up_keeps_the_queue(second_stack: Stack, measured: Callable[[str], None]) -> None:
    """Mail on its way out and mail coming in live through it: none is lost, none bounces."""
    stack = second_stack
    writer, reader = stack.user(), stack.user()
    recipient = f"{stack.fresh('busy')}@other.example"
    stack.internet.refuse({recipient: "451 4.3.0 come again"})
    _submit(stack, writer, recipient, "waits")
    wait_until(lambda: any(message["queue_name"] == "deferred" for message in stack.queue()))
    with flowing(stack, reader, pause_s=0.3) as traffic:
        traffic.wait_for(10)
        stack.throwaway.down()
        stack.throwaway.up()
        assert any(message["sender"] == writer.address for message in stack.queue())
        traffic.wait_for(5)
    duplicates = traffic.check()
    stack.internet.refuse({recipient: ""})
    stack.flush_queue()
    assert len(stack.internet.received(recipient=recipient, timeout_s=60)) == 1
    wait_until(lambda: not stack.queue())
    assert _BOUNCE not in _subjects(stack, writer)
    measured(
        f"down and up: {len(traffic.accepted)} messages, none lost, none bounced, "
        f"{duplicates} twice"
    )


def test_two_stacks_side_by_side(stack: Stack, second_stack: Stack) -> None:
    """Each has its own users, mail and ports; one goes on while the other starts again."""
    first, second = stack, second_stack
    assert first.state != second.state
    assert first.throwaway.offset != second.throwaway.offset
    name = first.fresh("twin")
    of_first, of_second = first.user(name), second.user(name)
    assert of_first.address == of_second.address
    with flowing(first, of_first) as traffic:
        traffic.wait_for(3)
        second.throwaway.down()
        second.throwaway.up()
        assert second.send(of_second.address, "to the second").code == 250
        second.delivered(of_second, "to the second")
        traffic.wait_for(3)
    assert traffic.check() == 0
    assert not traffic.deferred
    assert _subjects(second, of_second) == ["to the second"]
    assert "to the second" not in _subjects(first, of_first)


def test_behind_a_load_balancer(second_stack: Stack) -> None:
    """On each public port the client is who the header names, and each log says so.

    The last one of this stack, which stays so.
    """
    stack, friend = second_stack, second_stack.internet.plan.friend
    stack.throwaway.down()
    settings = {**stack.throwaway.settings, "listen.proxy_networks": json.dumps([f"{friend}/32"])}
    stack = Stack(replace(stack.throwaway, settings=settings), stack.numbers)
    stack.throwaway.up()
    sizes, user = stack.log_sizes(), stack.user()
    # A header must come within seconds, which a busy machine does not always keep.
    for service, port, address, last in (
        ("postfix", "smtp", "203.0.113.1", "QUIT"),
        ("postfix", "submission", "203.0.113.2", "QUIT"),
        ("dovecot", "imap", "203.0.113.4", "a LOGOUT"),
    ):
        wait_until(partial(_through, stack, service, port, address, last))
    for service, port, address in (
        ("postfix", "submissions", "203.0.113.3"),
        ("dovecot", "imaps", "203.0.113.5"),
        ("managesieve", "managesieve", "203.0.113.6"),
    ):
        wait_until(partial(_guessed, stack, service, port, address, user))

    def logged() -> bool:
        logs = stack.log_since(sizes)
        return (
            all(f"[203.0.113.{n}]" in logs.get("postfix", "") for n in (1, 2, 3))
            and all(f"rip=203.0.113.{n}," in logs.get("dovecot", "") for n in (4, 5))
            and f"{user.address},203.0.113.6" in logs.get("dovecot", "")
            and "from 203.0.113.6" in logs.get("managesieve", "")
        )

    wait_until(logged)
    stranger = stack.internet.plan.stranger(1)
    for service, port in (("dovecot", "imap"), ("managesieve", "managesieve")):
        assert not _through(stack, service, port, "203.0.113.7", "", source=stranger)
    wait_until(lambda: f"hung up on {stranger}" in stack.log_since(sizes).get("managesieve", ""))
    assert "203.0.113.7" not in "".join(stack.log_since(sizes).values())
    with stack.mailbox(user) as mailbox:  # by the port of those who need no header
        assert mailbox.subjects() == []


def _balancer(
    stack: Stack, service: str, port: str, address: str, source: str = ""
) -> socket.socket:
    """Connect from the balancer, and say who the client is."""
    declared = STACK.service(service).port(port).for_balancers
    assert declared is not None
    throwaway = stack.throwaway
    at = Endpoint(throwaway.address, declared.number + throwaway.offset)
    found = stack.internet.connect(source or stack.internet.plan.friend, at, timeout_s=60)
    found.sendall(f"PROXY TCP4 {address} {at.host} 56324 {declared.number}\r\n".encode())
    return found


def _through(
    stack: Stack, service: str, port: str, address: str, last: str, *, source: str = ""
) -> bool:
    """Whether something is said through the balancer, or it is hung up on."""
    with _balancer(stack, service, port, address, source) as connection:
        try:
            line = connection.makefile("rb").readline()
            connection.sendall(f"{last}\r\n".encode())
        except ConnectionError:
            return False
    return bool(line)


def _guessed(stack: Stack, service: str, port: str, address: str, user: User) -> bool:
    """Try a wrong password, under TLS. Whether it was refused, or it is hung up on before that."""
    secret = base64.b64encode(f"\0{user.address}\0wrong".encode()).decode()
    commands = {
        "submissions": ("EHLO laptop.local", f"AUTH PLAIN {secret}"),
        "imaps": (f'a LOGIN {user.address} "wrong"',),
        "managesieve": (f'AUTHENTICATE "PLAIN" "{secret}"',),
    }
    with suppress(OSError, ServiceFailed), _balancer(stack, service, port, address) as connection:
        if port == "managesieve":
            lines = connection.makefile("rb")
            _read_until(lines, "OK")
            connection.sendall(b"STARTTLS\r\n")
            _read_until(lines, "OK")
        tls = client.trusting(stack.throwaway.certificate)
        with client.wrap(connection, tls, stack.throwaway.hostname) as secured:
            lines = secured.makefile("rb")
            for command in commands[port]:
                secured.sendall(f"{command}\r\n".encode())
            return _read_until(lines, "535", "a NO", "NO")
    return False


def _read_until(lines: BinaryIO, *ends: str) -> bool:
    """Read up to a line that begins with one of ``ends``; false at the end of the connection."""
    return any(line.decode().startswith(ends) for line in iter(lines.readline, b""))
