"""What one client may ask of a public port."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstack.aio.clients import Clients, Verdict, client_of

SERVED, TOLD, DROPPED = Verdict.SERVED, Verdict.TOLD, Verdict.DROPPED


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(clients: Clients, name: str) -> Verdict:
    """Come, ask one thing, and go."""
    found = clients.enter(name)
    clients.leave(name)
    return found


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_who_is_one_client(address: str, client: str) -> None:
    """An address of IPv4, however it is written; a network of 64 bits of IPv6."""
    assert client_of(address) == client


def test_connections_at_once() -> None:
    """So many of one client; each that ends makes room, and others are not concerned."""
    clients = Clients(at_once=2)
    assert [clients.enter("a") for _ in range(3)] == [SERVED, SERVED, DROPPED]
    assert clients.enter("b") is SERVED
    clients.leave("a")
    assert clients.enter("a") is DROPPED
    clients.leave("a")
    clients.leave("a")
    assert clients.enter("a") is SERVED


def test_requests_in_a_minute() -> None:
    """As many at once as in a minute; then it is told so, as often again; then hung up on."""
    clock = Clock()
    clients = Clients(a_minute=3, clock=clock)
    assert [ask(clients, "a") for _ in range(7)] == [SERVED] * 3 + [TOLD] * 3 + [DROPPED]
    assert ask(clients, "b") is SERVED
    clock.now += 20
    assert [ask(clients, "a") for _ in range(2)] == [TOLD, DROPPED]
    clock.now += 80
    assert [ask(clients, "a") for _ in range(2)] == [SERVED, TOLD]
    clock.now += 3600
    assert [ask(clients, "a") for _ in range(4)] == [SERVED] * 3 + [TOLD]


def test_without_limits() -> None:
    """Everybody is served."""
    clients = Clients()
    assert {clients.enter("a") for _ in range(1000)} == {SERVED}


def test_who_is_exempt() -> None:
    """Is served, and takes no place in the table."""
    clients = Clients(at_once=1, a_minute=1, exempt=[client_of("::1")])
    assert {clients.enter(client_of("::1")) for _ in range(9)} == {SERVED}
    clients.leave(client_of("::1"))
    assert len(clients) == 0
    assert [clients.enter("a"), clients.enter("a")] == [SERVED, DROPPED]


def test_the_table_is_bounded() -> None:
    """Who has been quiet longest is forgotten, but nobody who is connected."""
    clients = Clients(at_once=1, most=3)
    assert clients.enter("first") is SERVED
    for name in "bcdefg":
        ask(clients, name)
    assert len(clients) == 3
    assert clients.enter("first") is DROPPED


@settings(max_examples=500)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.floats(0, 100))))
def test_whatever_comes(steps: list[tuple[str, bool, float]]) -> None:
    """The table stays small, and who has left owes nothing."""
    clock = Clock()
    clients = Clients(at_once=2, a_minute=2, most=2, clock=clock)
    here: list[str] = []
    for name, comes, later in steps:
        clock.now += later
        if comes:
            clients.enter(name)
            here.append(name)
        elif name in here:
            clients.leave(name)
            here.remove(name)
        assert len(clients) <= 2 + len(set(here))
    for name in here:
        clients.leave(name)
    clock.now += 240
    assert all(clients.enter(name) is SERVED for name in "abcdef")
