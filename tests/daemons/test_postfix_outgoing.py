"""Real Postfix sends to other servers: forwarded mail, and what is demanded of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.daemons.mail_sink import Sink
from tests.daemons.mail_stage import MailStage, mail_stage, settings

from mailstack.daemons.postfix import DAEMON

pytestmark = pytest.mark.asyncio(loop_scope="module")
CAROL, REWRITTEN = "carol@remote.example", "SRS0=hash=tt=remote.example=carol@example.org"
LETTER = "From: carol@remote.example\nTo: away@example.org\nSubject: {0}\n\nhello\n"
OWN = "From: alice@example.org\nTo: dave@remote.example\nSubject: {0}\n\nhello\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[MailStage]:
    DAEMON.version()
    async with mail_stage(settings(dns={"dnssec": False})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sink(stage: MailStage) -> AsyncIterator[Sink]:
    """The other server; what its domain demands, and who is forwarded, a test says."""
    stage.peers.reset()
    async with Sink.on_stage(stage) as running:
        yield running
    stage.peers.reset()


async def test_forwarded_mail_has_a_sender_of_ours(stage: MailStage, sink: Sink) -> None:
    """The envelope is rewritten on the second pass, the From field is not."""
    stage.peers.aliases["away@example.org"] = "dave@remote.example"
    stage.peers.forwarded[CAROL] = REWRITTEN
    await stage.send(LETTER.format("onwards"), to="away@example.org")
    taken = await sink.taken()
    assert (taken.sender, taken.recipients) == (REWRITTEN, ("dave@remote.example",))
    assert f"From: {CAROL}" in taken.text


async def test_mail_to_a_mailbox_keeps_its_sender(stage: MailStage, sink: Sink) -> None:
    """Only what leaves is rewritten."""
    del sink
    stage.peers.forwarded[CAROL] = REWRITTEN
    await stage.send(LETTER.format("here"))
    assert (await stage.peers.delivered.get()).sender == CAROL


async def test_a_bounce_is_forwarded_as_one(stage: MailStage, sink: Sink) -> None:
    """A null sender stays null, whatever couchmail would say."""
    stage.peers.aliases["away@example.org"] = "dave@remote.example"
    begin = ("MAIL FROM:<>", "RCPT TO:<away@example.org>", "DATA")
    async with stage.session(*begin) as dialog:
        await dialog.ask("From: mailer-daemon@remote.example\r\nSubject: no\r\n\r\nno\r\n.")
    assert (await sink.taken()).sender == ""


@pytest.mark.parametrize(
    "policy",
    ["dane-only", "secure match=mx.remote.example:.example.net servername=hostname"],
)
async def test_what_a_policy_forbids_waits(stage: MailStage, sink: Sink, policy: str) -> None:
    """The words of our service are understood, and a server that does not comply gets nothing."""
    user = policy.split(maxsplit=1)[0]
    stage.peers.policies["remote.example"] = policy
    await stage.as_script("alice@example.org", f"{user}@remote.example", OWN.format("kept"))
    await stage.postfix.says(f"to=<{user}@remote.example>")
    (line,) = [one for one in stage.postfix.output if f"to=<{user}@remote.example>" in one]
    assert "status=deferred" in line
    assert sink.empty


async def test_a_policy_that_is_not_understood_holds_mail(stage: MailStage, sink: Sink) -> None:
    """What Postfix cannot read it does not pass over."""
    stage.peers.policies["remote.example"] = "no such level"
    await stage.as_script("alice@example.org", "eve@remote.example", OWN.format("kept"))
    await stage.postfix.says("to=<eve@remote.example>")
    (line,) = [one for one in stage.postfix.output if "to=<eve@remote.example>" in one]
    assert "status=deferred" in line
    assert sink.empty
