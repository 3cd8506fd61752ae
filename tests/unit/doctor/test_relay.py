"""The test for an open relay, against servers that open it, hide it, or hear nobody."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from mailstack.doctor.door import Door
from mailstack.doctor.relay import Tries, attempt, judge, recipients, senders
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint

DOMAIN, HOSTNAME = "example.org", "mail.example.org"
INSIDE = Door(Endpoint("127.0.0.1", 25), public=False)
DENIED = "554 5.7.1 Relay access denied"
Answer = Callable[[str, str], str]


async def tried(answer: Answer, *by: str) -> Tries:
    """Let a server answer RCPT as ``answer(sender, recipient)`` has it; all else is taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender = ""
        writer.write(b"220 test\r\n")
        while (line := (await reader.readline()).decode().strip()) not in {"", "QUIT"}:
            reply = "250 2.0.0 Ok"
            if line.startswith("MAIL FROM:"):
                sender = line.partition(":")[2]
            elif line.startswith("RCPT TO:"):
                reply = answer(sender, line.partition(":")[2])
            writer.write(f"{reply}\r\n".encode())
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    dialogs: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialogs.append(asyncio.create_task(serve(reader, writer)))

    tries = Tries()
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        at = Endpoint(*server.sockets[0].getsockname())
        for sender in by or ("<>",):
            await attempt(Door(at, public=False), sender, DOMAIN, HOSTNAME, tries)
        await asyncio.gather(*dialogs)
    return tries


def closed(_: str, recipient: str) -> str:
    return "250 2.1.5 Ok" if recipient == f"<postmaster@{DOMAIN}>" else DENIED


async def test_a_relay_that_is_closed() -> None:
    """Every form is tried, and refused."""
    tries = await tried(closed)
    assert tries.made == len(recipients(DOMAIN, HOSTNAME))
    finding = judge(tries, INSIDE, "/s/overrides/postfix")
    assert finding.severity == "ok"
    assert finding.what.endswith("asked at 127.0.0.1:25 from within")


async def test_a_sender_that_is_refused_proves_nothing() -> None:
    """Where each sender is refused first, nobody can tell whether the relay is open."""
    tries = await tried(lambda *_: "550 5.1.8 Sender address rejected: Domain not found")
    assert judge(tries, INSIDE, "/s/overrides/postfix").severity == "unknown"


async def test_a_relay_open_to_one_kind_of_sender() -> None:
    """One sender for whom it is open is enough; the finding names it."""
    ours = f"<postmaster@{DOMAIN}>"
    tries = await tried(lambda s, r: "250 2.1.5 Ok" if s == ours else closed(s, r), "<>", ours)
    finding = judge(tries, INSIDE, "/s/overrides/postfix")
    assert finding.severity == "failure"
    assert f"{ours} to " in finding.what
    assert finding.fix.endswith("/s/overrides/postfix/main.cf")


@pytest.mark.parametrize("form", recipients(DOMAIN, HOSTNAME))
async def test_each_form_alone(form: str) -> None:
    """A relay that is open to one spelling only is open."""
    tries = await tried(lambda s, r: "250 2.1.5 Ok" if r == form else closed(s, r))
    assert tries.taken == [f"<> to {form}"]


async def test_greylisting_does_not_hide_it() -> None:
    """Who is asked to come back later would be carried then."""
    tries = await tried(lambda *_: "450 4.2.0 Greylisted, come back later")
    assert judge(tries, INSIDE, "/s/overrides/postfix").severity == "failure"


async def test_a_server_that_hangs_up() -> None:
    """Too many errors end a dialog: what was not asked is not known."""
    tries = await tried(lambda *_: "421 4.7.0 Error: too many errors")
    assert judge(tries, INSIDE, "/s/overrides/postfix").severity == "unknown"


def test_senders_that_must_be_taken_come_first() -> None:
    """Neither a bounce nor a domain that exists may be refused for its sender alone."""
    first, second, *_ = senders(Settings(email="owner@example.net", domain=DOMAIN))
    assert first == "<>"
    assert not second.endswith(".invalid>")
