"""What a transcript cannot show: scans shared and bounded, connections reused, endings."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.unit.contentfilter.peers import FAST, Theatre, theatre

from mailstack.protocols import lmtp


class Client:
    """A client that says whole transactions."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def lines(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            return [(await self.reader.readline()).decode().rstrip() for _ in range(count)]

    def say(self, text: str) -> None:
        self.writer.write(text.replace("\n", "\r\n").encode())

    async def begin(self, *recipients: str) -> list[str]:
        rcpts = "".join(f"RCPT TO:<{recipient}>\n" for recipient in recipients)
        self.say(f"MAIL FROM:<alice@example.net>\n{rcpts}DATA\n")
        return await self.lines(2 + len(recipients))

    async def send(self, text: str, *recipients: str) -> list[str]:
        """A whole transaction; the replies after the message."""
        await self.begin(*recipients)
        self.say(text + "\n.\n")
        return await self.lines(len(recipients))


@asynccontextmanager
async def client(stage: Theatre) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    found = Client(reader, writer)
    found.say("LHLO mx.test\n")
    await found.lines(7)
    try:
        yield found
    finally:
        writer.close()


async def get(stage: Theatre, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.http_port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: filter\r\n\r\n".encode())
    async with asyncio.timeout(5):
        text = (await reader.read()).decode()
    writer.close()
    return text


async def test_one_scan_per_profile(tmp_path: Path) -> None:
    """Recipients of one profile share a scan, and spamd is told the mailbox without its tag."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        await postfix.send(
            "Subject: x", "bob+a@example.org", "carol@example.org", "bob@example.org"
        )
        assert sorted(user for user, _ in stage.spamd.requests) == [
            "bob@example.org",
            "carol@example.org",
        ]


async def test_spamd_gets_the_envelope(tmp_path: Path) -> None:
    """The copy for spamd begins with the sender of the envelope and has no dots doubled."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        await postfix.send("Subject: x\n\n..dot", "bob@example.org")
        assert stage.spamd.requests == [
            (
                "bob@example.org",
                b"Return-Path: <alice@example.net>\r\nSubject: x\r\n\r\n.dot\r\n",
            )
        ]
        assert b"Return-Path" not in stage.mailboxes.copies[0].message


async def test_scans_at_once_are_bounded(tmp_path: Path) -> None:
    """No more scans go on than spamd has children; the others wait their turn."""
    recipients = [f"user{number}@example.org" for number in range(8)]
    async with (
        theatre(tmp_path, scans_at_once=2, scan_timeout_s=5) as stage,
        client(stage) as postfix,
    ):
        replies = await postfix.send("Subject: x", *recipients)
        assert [reply[:3] for reply in replies] == ["250"] * 8
        assert stage.spamd.most_at_once <= 2


async def test_waiting_for_a_turn_is_bounded(tmp_path: Path) -> None:
    """A message that waits too long for its turn is deferred, not kept for ever."""
    async with (
        theatre(tmp_path, scans_at_once=1, scan_timeout_s=0.2) as stage,
        client(stage) as first,
        client(stage) as second,
    ):
        stage.spamd.may_answer.clear()
        await first.begin("bob@example.org")
        first.say("Subject: x\n.\n")
        await stage.spamd.asked.wait()
        assert (await second.send("Subject: y", "carol@example.org"))[0].startswith("451 4.3.0")
        assert (await first.lines(1))[0].startswith("451 4.3.0")
        assert not stage.mailboxes.copies


async def test_connections_are_reused(tmp_path: Path) -> None:
    """All messages go over one connection to the mailbox server, without RSET between."""
    async with theatre(tmp_path) as stage:
        for _ in range(3):
            async with client(stage) as postfix:
                await postfix.send("Subject: x", "bob@example.org")
        assert stage.mailboxes.connections == 1
        assert lmtp.Rset() not in stage.mailboxes.commands


async def test_a_dead_idle_connection_is_replaced(tmp_path: Path) -> None:
    """A restart of the mailbox server between two messages is not noticed by the client."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        await postfix.send("Subject: x", "bob@example.org")
        stage.mailboxes.hang_up()
        assert (await postfix.send("Subject: y", "bob@example.org"))[0].startswith("250")
        assert stage.mailboxes.connections == 2


async def test_a_connection_that_dies_during_the_scan_is_replaced(tmp_path: Path) -> None:
    """Nothing was handed over yet, so beginning again cannot make a duplicate."""
    async with theatre(tmp_path, scan_timeout_s=5) as stage, client(stage) as postfix:
        stage.spamd.may_answer.clear()
        await postfix.begin("bob@example.org")
        postfix.say("Subject: x\n.\n")
        await stage.spamd.asked.wait()
        stage.mailboxes.hang_up()
        stage.spamd.may_answer.set()
        assert (await postfix.lines(1))[0].startswith("250")
        assert len(stage.mailboxes.copies) == 1


async def test_no_mailbox_server(tmp_path: Path) -> None:
    """Nobody listens there: every recipient is deferred when named, and nothing is scanned."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        stage.mailbox_listener.close()
        await stage.mailbox_listener.wait_closed()
        replies = await postfix.begin("bob@example.org", "carol@example.org")
        assert [reply[:9] for reply in replies] == [
            "250 2.1.0",
            "451 4.3.0",
            "451 4.3.0",
            "503 5.5.1",
        ]
        assert not stage.spamd.requests


async def test_a_client_that_left_gets_nothing_delivered(tmp_path: Path) -> None:
    """It left during the scan and will come again: delivering now would make a duplicate."""
    async with theatre(tmp_path, scan_timeout_s=5) as stage, client(stage) as postfix:
        stage.spamd.may_answer.clear()
        await postfix.begin("bob@example.org")
        postfix.say("Subject: x\n.\n")
        await stage.spamd.asked.wait()
        postfix.writer.close()
        await postfix.writer.wait_closed()
        # The end of the connection was there before this question, so it is seen before, too.
        await get(stage, "/healthz")
        stage.spamd.may_answer.set()
        while "mailstack_filter_connections 0" not in await get(stage, "/metrics"):
            pass
        assert not stage.mailboxes.copies


async def test_a_broken_off_message_is_forgotten(tmp_path: Path) -> None:
    """A client that leaves in the middle of a message leaves nothing behind, scanning or not."""
    for enabled in (True, False):
        async with theatre(tmp_path, enabled=enabled) as stage:
            async with client(stage) as postfix:
                await postfix.begin("bob@example.org")
                postfix.say("Subject: x\nhalf")
            async with client(stage) as postfix:
                assert (await postfix.send("Subject: y", "bob@example.org"))[0][:3] == "250"
            assert len(stage.mailboxes.copies) == 1


async def test_shutdown_finishes_what_is_under_way(tmp_path: Path) -> None:
    """Idle sessions get 421 at once, a message in hand is delivered first, then all ends."""
    async with (
        theatre(tmp_path, scan_timeout_s=5) as stage,
        client(stage) as idle,
        client(stage) as busy,
    ):
        stage.spamd.may_answer.clear()
        await busy.begin("bob@example.org")
        busy.say("Subject: x\n.\n")
        await stage.spamd.asked.wait()
        stage.stop.set()
        assert (await idle.lines(1))[0].startswith("421 4.3.2")
        assert "503" in (await get(stage, "/readyz")).split("\r\n")[0]
        stage.spamd.may_answer.set()
        first, second = await busy.lines(2)
        assert first.startswith("250")
        assert second.startswith("421 4.3.2")
        async with asyncio.timeout(5):
            await asyncio.wait([stage.ended])
        assert len(stage.mailboxes.copies) == 1


async def test_too_many_connections(tmp_path: Path) -> None:
    """Beyond the limit a connection is told to come later; the others are not disturbed."""
    async with theatre(tmp_path, max_connections=1) as stage, client(stage) as first:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        assert (await reader.readline()).startswith(b"421 4.3.2")
        writer.close()
        assert (await first.send("Subject: x", "bob@example.org"))[0].startswith("250")


async def test_a_silent_client_is_left(tmp_path: Path) -> None:
    """A client that says nothing for the idle time is disconnected."""
    async with theatre(tmp_path, timeouts=replace(FAST, idle=0.1)) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()


async def test_a_silent_mailbox_server_is_left(tmp_path: Path) -> None:
    """It takes the message and never answers: 451 in time, and another connection for the next."""
    quick = replace(FAST, delivery=0.1)
    async with theatre(tmp_path, timeouts=quick) as stage, client(stage) as postfix:
        assert (await postfix.send("Subject: x", "silent@example.org"))[0].startswith("451 4.3.0")
        assert (await postfix.send("Subject: y", "bob@example.org"))[0].startswith("250")
        assert stage.mailboxes.connections == 2


async def test_too_many_mistakes(tmp_path: Path) -> None:
    """A client that talks nonsense is disconnected."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        postfix.say("XYZZY\n" * 20)
        assert (await postfix.lines(21))[-1].startswith("421 4.7.0")
        assert await postfix.reader.read() == b""


async def test_large_messages_go_through_the_spool(tmp_path: Path) -> None:
    """A message beyond what is kept in memory arrives as it was sent."""
    body = "".join(f"line {number} of many\n" for number in range(20_000))
    async with theatre(tmp_path, memory_octets=10_000) as stage, client(stage) as postfix:
        assert (await postfix.send(f"Subject: x\n\n{body}", "bob@example.org"))[0][:3] == "250"
        received = stage.mailboxes.copies[0].message
        assert received.endswith(f"Subject: x\n\n{body}\n".replace("\n", "\r\n").encode())
        assert not os.listdir(tmp_path)  # noqa: PTH208 - a look into a folder of the test


async def test_no_room_in_the_spool(tmp_path: Path) -> None:
    """A spool that cannot be written defers the message; nothing of it is delivered."""
    missing = tmp_path / "missing"
    async with theatre(missing, memory_octets=10) as stage, client(stage) as postfix:
        assert (await postfix.send("Subject: more than ten", "bob@example.org")) == [
            "452 4.3.1 Out of space for messages, try again later"
        ]
        assert not stage.mailboxes.copies


async def test_numbers_are_counted(tmp_path: Path) -> None:
    """Verdicts, replies and missing verdicts are counted, and shown over HTTP."""
    async with theatre(tmp_path, max_scan_octets=1000) as stage, client(stage) as postfix:
        await postfix.send("Subject: BUY-NOW", "bob@example.org", "tolerant@example.org")
        await postfix.send("Subject: MAKE-SPAMD-MAD", "bob@example.org")
        await postfix.send("Subject: x\n" + "x" * 1000, "bob@example.org", "late-full@example.org")
        await postfix.lines(1)
        page = await get(stage, "/metrics")
        for line in (
            'mailstack_filter_verdicts_total{verdict="spam"} 1.0',
            'mailstack_filter_verdicts_total{verdict="ham"} 1.0',
            'mailstack_filter_unscanned_total{reason="garbage"} 1.0',
            'mailstack_filter_unscanned_total{reason="size"} 1.0',
            'mailstack_filter_replies_total{class="2"} 3.0',
            'mailstack_filter_replies_total{class="4"} 1.0',
            'mailstack_filter_replies_total{class="5"} 1.0',
            "mailstack_filter_scan_seconds_count 2.0",
            "mailstack_filter_connections 1.0",
        ):
            assert line in page


async def test_pages(tmp_path: Path) -> None:
    """The pages for probes answer; other paths and methods are refused."""
    async with theatre(tmp_path) as stage:
        assert (await get(stage, "/healthz")).endswith("ok\n")
        assert (await get(stage, "/readyz?x")).endswith("ready\n")
        assert "404" in (await get(stage, "/nothing")).split("\r\n")[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.http_port)
        writer.write(b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"405" in await reader.readline()
        writer.close()


async def test_reload(tmp_path: Path) -> None:
    """A reload drops no session; each transaction goes by the configuration it began with."""
    async with theatre(tmp_path) as stage, client(stage) as postfix:
        await postfix.begin("bob@example.org")
        stage.service.reload(replace(stage.config, enabled=False))
        postfix.say("Subject: x\n.\n")
        assert (await postfix.lines(1))[0].startswith("250")
        assert len(stage.spamd.requests) == 1
        assert (await postfix.send("Subject: y", "bob@example.org"))[0].startswith("250")
        assert len(stage.spamd.requests) == 1
        assert (await get(stage, "/readyz")).endswith("ready\n")
