"""The lookup ports on the wire: who is answered what, and what is refused."""

import asyncio

import pytest
from tests.unit.couchmail.running import Running, running

from mailstack.protocols import netstring


def ask(name: str, key: str) -> bytes:
    return netstring.encode(f"{name} {key}".encode())


@pytest.mark.parametrize(
    ("port", "name", "key", "answer"),
    [
        ("domains", "domains", "example.org", "OK example.org"),
        ("domains", "domains", "closed.example", "NOTFOUND "),
        ("domains", "domains", "", "NOTFOUND "),
        ("domains", "mailboxes", "alice@example.org", "PERM no such map here"),
        ("mailboxes", "mailboxes", "alice@example.org", "OK alice@example.org"),
        ("mailboxes", "mailboxes", "alice+tag@example.org", "OK alice@example.org"),
        ("mailboxes", "mailboxes", "gone@example.org", "NOTFOUND "),
        ("mailboxes", "mailboxes", "example.org", "NOTFOUND "),
        ("mailboxes", "mailboxes", "@example.org", "NOTFOUND "),
        ("aliases", "aliases", "both@example.org", "OK alice@example.org, bob@example.org"),
        ("aliases", "aliases", "postmaster@example.org", "OK owner@outside.example"),
        ("aliases", "aliases", "nobody@example.org", "NOTFOUND "),
        ("aliases", "senders", "alice@example.org", "OK alice@example.org"),
        ("aliases", "senders", "nobody@example.org", "NOTFOUND "),
    ],
)
async def test_socketmap(couchmail: Running, port: str, name: str, key: str, answer: str) -> None:
    """Each port answers its own maps; what is no address is simply not found."""
    assert await couchmail.ask(port, ask(name, key)) == netstring.encode(answer.encode())


@pytest.mark.parametrize(
    ("port", "key", "answer"),
    [
        ("domains", "example.org", "200 example.org\n"),
        ("mailboxes", "alice%40example.org", "200 alice@example.org\n"),
        ("mailboxes", "%ff", "500 not%20found\n"),
        ("aliases", "both@example.org", "200 alice@example.org,%20bob@example.org\n"),
        ("aliases", "many@example.org", "400 the%20answer%20is%20too%20long\n"),
    ],
)
async def test_tcp_table(couchmail: Running, port: str, key: str, answer: str) -> None:
    """The same ports speak tcp_table, where an answer that does not fit is temporary."""
    assert (await couchmail.ask(port, f"get {key}\n".encode())).decode() == answer


async def test_an_alias_too_long_for_tcp_table_fits_socketmap(couchmail: Running) -> None:
    """Two hundred targets are some 10,000 octets: why our Postfix uses socketmap."""
    answer = await couchmail.ask("aliases", ask("aliases", "many@example.org"))
    assert answer.count(b"@elsewhere.example") == 200


async def test_requests_may_come_many_at_once_and_cut_anywhere(couchmail: Running) -> None:
    """A thousand requests in one write, and one octet by octet, are answered in order."""
    expected = netstring.encode(b"OK example.org") + netstring.encode(b"NOTFOUND ")
    pair = ask("domains", "example.org") + ask("domains", "x.example")
    assert await couchmail.ask("domains", pair * 1000) == expected * 1000
    pieces = [pair[i : i + 1] for i in range(len(pair))]
    assert await couchmail.dialog("domains", pieces) == expected


async def test_a_fault_closes_the_connection_after_what_was_due(couchmail: Running) -> None:
    """What came before the fault is answered, the rest is not read, and the fault is counted."""
    good, bad = ask("domains", "example.org"), b"7:domains,"
    answer = await couchmail.ask("domains", good + bad + good)
    assert answer == netstring.encode(b"OK example.org")
    assert await couchmail.ask("mailboxes", b"put a b\n") == b""
    numbers = await couchmail.numbers()
    assert numbers['couchmail_malformed_requests_total{port="domains"}'] == 1
    assert numbers['couchmail_malformed_requests_total{port="mailboxes"}'] == 1


async def test_lookups_are_counted_by_table_and_outcome(couchmail: Running) -> None:
    """Every series is there from the start, and each answer adds to one."""
    before = await couchmail.numbers()
    await couchmail.ask("domains", ask("domains", "example.org") + ask("domains", "x.example"))
    await couchmail.ask("aliases", b"get both@example.org\n")
    after = await couchmail.numbers()
    lookups = 'couchmail_lookups_total{outcome="%s",table="%s"}'
    assert before[lookups % ("unavailable", "senders")] == 0
    assert after[lookups % ("found", "domains")] == 1
    assert after[lookups % ("not_found", "domains")] == 1
    assert after[lookups % ("found", "aliases")] == 1
    assert after["couchmail_lookup_seconds_count"] == 3
    assert after['couchmail_connections_accepted_total{port="domains"}'] == 1


async def test_a_peer_that_does_not_read_is_not_answered_on(couchmail: Running) -> None:
    """Thirty megabytes of answers are not piled up for it, nor is one lost when it reads on."""
    reader, writer = await couchmail.connect("aliases")
    one = await couchmail.ask("aliases", ask("aliases", "many@example.org"))
    writer.write(ask("aliases", "many@example.org") * 3000)
    answered = [0.0, 1.0]
    while answered[-1] != answered[-2]:
        numbers = await couchmail.numbers()
        answered.append(numbers['couchmail_lookups_total{outcome="found",table="aliases"}'])
    assert answered[-1] < 3000
    for _ in range(3000):
        assert await reader.readexactly(len(one)) == one
    writer.close()


async def test_connections_are_bounded() -> None:
    """One connection too many is closed at once and counted; a place that is free is given."""
    async with running(max_connections=2) as couchmail:
        first, second = await couchmail.connect("domains"), await couchmail.connect("domains")
        assert await couchmail.ask("mailboxes", ask("mailboxes", "x")) != b""
        reader, writer = await couchmail.connect("domains")
        assert await _read_to_end(reader) == b""
        writer.close()
        refused = 'couchmail_connections_refused_total{port="domains"}'
        assert (await couchmail.numbers())[refused] == 1
        for _, one in (first, second):
            one.close()


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_silent_connections_are_closed() -> None:
    """A connection that says nothing for the idle time gives its place back."""
    async with running(idle_s=0.05) as couchmail, asyncio.timeout(5):
        reader, writer = await couchmail.connect("dict")
        assert await _read_to_end(reader) == b""
        writer.close()


async def test_stopping_ends_open_connections_in_order(couchmail: Running) -> None:
    """What was asked is answered, then the connection ends, and the port is closed."""
    reader, writer = await couchmail.connect("domains")
    writer.write(ask("domains", "example.org"))
    answer = netstring.encode(b"OK example.org")
    assert await reader.readexactly(len(answer)) == answer
    couchmail.stop.set()
    async with asyncio.timeout(10):
        assert await reader.read() == b""
        await couchmail.task
    writer.close()
    with pytest.raises(OSError, match=r"Connect|refused"):
        await couchmail.connect("domains")
    assert not couchmail.config.socket.exists()
