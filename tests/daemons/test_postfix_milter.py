"""What real Postfix refuses before the queue, when the filter's milter says so."""

import smtplib
from collections.abc import AsyncIterator

import pytest
from tests.daemons.mail_stage import MailStage, mail_stage, settings
from tests.daemons.stage import state_folder
from tests.unit.contentfilter.peers import Theatre
from tests.unit.contentfilter.test_milter import playing

from mailstack.topology.model import LOOPBACK, Endpoint

LETTER = "From: {}\r\nTo: bob@example.net\r\nSubject: hello\r\n\r\nhi\r\n"
NOBODY = Endpoint(LOOPBACK, 1)


def sending(author: str) -> str:
    return LETTER.format(author)


async def submit(stage: MailStage, text: str) -> None:
    def send(client: smtplib.SMTP) -> None:
        client.sendmail("alice@example.org", ["bob@example.org"], text)

    await stage.as_user(send)


async def test_a_user_writes_as_themselves() -> None:
    """The user's own address passes; somebody else's is refused with the reason."""
    async with mail_stage() as stage:
        await submit(stage, sending("Alice <Alice@example.org>"))
        assert "Subject: hello" in await stage.delivered()
        with pytest.raises(smtplib.SMTPDataError, match="not an address of alice") as refused:
            await submit(stage, sending("Boss <boss@corp.example>"))
        assert refused.value.smtp_code == 550


async def test_without_the_filter_a_user_waits() -> None:
    """A From field that nobody can compare is not taken; other servers' mail is."""
    async with mail_stage(addresses={"contentfilter.milter": NOBODY}) as stage:
        with pytest.raises(smtplib.SMTPResponseException) as waiting:
            await submit(stage, sending("alice@example.org"))
        assert waiting.value.smtp_code // 100 == 4
        assert (await stage.send(sending("boss@corp.example"))).startswith("250")


@pytest.fixture
async def rejecting() -> AsyncIterator[tuple[MailStage, Theatre]]:
    """Postfix with ``filter.reject_score``, and a filter whose spamd is played."""
    chosen = settings(filter={"reject_score": 8})
    with state_folder() as folder:
        async with playing(folder, reject_score=8.0) as (filter_, port):
            peers = {"contentfilter.milter": Endpoint(LOOPBACK, port)}
            async with mail_stage(chosen, addresses=peers) as stage:
                yield stage, filter_


async def test_certain_spam_is_not_taken(rejecting: tuple[MailStage, Theatre]) -> None:
    """Another server's spam is refused at its end; ham is taken; without spamd all is taken."""
    stage, filter_ = rejecting
    refused = await stage.send("Subject: x\n\nBUY-NOW")
    assert refused == "550 5.7.1 This message is spam (9.0 points)"
    assert (await stage.send("Subject: x\n\nhello")).startswith("250")
    assert "hello" in await stage.delivered()
    user, octets = filter_.spamd.requests[0]
    assert user == "bob@example.org"
    assert b"Received: from mx.remote.example (" in octets
    assert octets.endswith(b"Subject: x\r\n\r\nBUY-NOW\r\n")
    assert (await stage.send("Subject: x\n\nBUY-NOW MAKE-SPAMD-DIE")).startswith("250")
