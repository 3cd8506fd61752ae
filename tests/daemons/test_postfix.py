"""Real Postfix, with our configuration, does what a mail server must and refuses what it must."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.daemons.mail_stage import MailStage, mail_stage, trusting
from tests.daemons.stage import commit

from mailstack.aio.dialog import connect
from mailstack.daemons.postfix import DAEMON
from mailstack.errors import ConfigError

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = "From: carol@remote.example\nTo: bob@example.org\nSubject: hello\n\nhello\n"
BEGIN = ("MAIL FROM:<carol@remote.example>",)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[MailStage]:
    async with mail_stage() as stage:
        yield stage


@pytest.fixture
def stage(shared: MailStage) -> MailStage:
    """The shared stage with its peers in their usual mood."""
    shared.peers.reset()
    return shared


async def test_delivers_to_the_content_filter(stage: MailStage) -> None:
    """Mail for a mailbox is accepted and handed on by LMTP."""
    assert (await stage.send(HELLO)).startswith("250 ")
    assert "Subject: hello\r\n" in await stage.delivered()


async def test_unknown_user_is_550(stage: MailStage) -> None:
    """A recipient that couchmail does not know is refused for good, without naming a table."""
    async with stage.session(*BEGIN) as dialog:
        reply = await dialog.ask("RCPT TO:<nobody@example.org>")
    assert reply == ("550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown")


@pytest.mark.parametrize(
    "recipient", ["user@elsewhere.example", "bob%elsewhere.example@example.com", "@a:b@c.example"]
)
async def test_no_relaying_without_login(stage: MailStage, recipient: str) -> None:
    """A stranger on loopback is a stranger: nothing is relayed."""
    async with stage.session(*BEGIN) as dialog:
        assert (await dialog.ask(f"RCPT TO:<{recipient}>"))[:3] in {"554", "501", "550"}


@pytest.mark.parametrize(
    "recipient",
    ["dan@example.org", "nil@example.org", "who@hosted-too.example", "a@elsewhere.example"],
)
async def test_datastore_down_is_451(stage: MailStage, recipient: str) -> None:
    """While lookups fail every recipient is told to come again, never that it is unknown."""
    stage.peers.mailboxes.add("dan@example.org")
    stage.peers.lookups_fail = True
    # Nobody else's address here: an smtpd remembers for a while whose lookup failed.
    async with stage.session("MAIL FROM:<down@remote.example>") as dialog:
        assert (await dialog.ask(f"RCPT TO:<{recipient}>")).startswith("451 4.3.0")


async def test_alias_reaches_its_target(stage: MailStage) -> None:
    """An alias is rewritten before delivery."""
    stage.peers.aliases["info@example.org"] = "bob@example.org"
    assert (await stage.send(HELLO, to="info@example.org")).startswith("250 ")
    async with asyncio.timeout(60):
        assert (await stage.peers.delivered.get()).recipients == ("bob@example.org",)


async def test_dead_policy_servers_do_not_hold_mail(stage: MailStage) -> None:
    """Without Postgrey and without Dovecot's quota service mail is still accepted."""
    stage.peers.policies_dead = True
    assert (await stage.send(HELLO)).startswith("250 ")


async def test_unresolvable_sender_is_450(stage: MailStage) -> None:
    """DNS may be wrong for an hour, so a sender without a domain may come again."""
    async with stage.session("MAIL FROM:<x@missing.example>") as dialog:
        assert (await dialog.ask("RCPT TO:<bob@example.org>")).startswith("450 4.1.8")


async def test_what_port_25_offers(stage: MailStage) -> None:
    """Strangers are offered TLS, and no logins, delivery reports, chunks or address guessing."""
    async with connect(stage.address("smtp")) as dialog:
        await dialog.reply()
        offered = await dialog.ask("EHLO mx.remote.example")
        assert "STARTTLS" in offered
        assert "SMTPUTF8" in offered
        assert not {"AUTH", "DSN", "CHUNKING", "VRFY", "ETRN"} & set(offered.split())
        assert (await dialog.ask("VRFY bob@example.org"))[:3] == "502"


async def test_greylisting_is_asked_last(stage: MailStage) -> None:
    """Only a recipient that exists is worth a triplet; its answer is temporary."""
    stage.peers.greylist = "DEFER_IF_PERMIT Greylisted"
    async with stage.session(*BEGIN) as dialog:
        assert (await dialog.ask("RCPT TO:<nobody@example.org>"))[:3] == "550"
        assert (await dialog.ask("RCPT TO:<bob@example.org>"))[:3] == "450"
    assert stage.peers.asked == ["bob@example.org"]


async def test_full_mailbox(stage: MailStage) -> None:
    """Dovecot's verdict on quota is given at RCPT, before a bounce would be needed."""
    stage.peers.quota = "552 5.2.2 Mailbox is full"
    async with stage.session(*BEGIN) as dialog:
        assert (await dialog.ask("RCPT TO:<bob@example.org>")).startswith("552 5.2.2")


@pytest.mark.parametrize(
    "end",
    [b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n\0.\r\n"],
    ids=repr,
)
async def test_smuggling(stage: MailStage, end: bytes) -> None:
    """Whatever looks like an end of data and is none: one message, or a refusal."""
    begin = (*BEGIN, "RCPT TO:<bob@example.org>", "DATA")
    async with stage.session(*begin) as dialog:
        await dialog.send_raw(
            b"Subject: one\r\n\r\nbody"
            + end
            + b"MAIL FROM:<evil@remote.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            + b"Subject: two\r\n\r\nsmuggled\r\n.\r\n"
        )
        reply = await dialog.reply()
    if reply.startswith("250"):
        assert "smuggled" in await stage.delivered()
    assert stage.peers.delivered.empty()


async def test_submission_requires_tls(stage: MailStage) -> None:
    """Before STARTTLS a user's port offers no login and takes no mail."""
    async with connect(stage.address("submission")) as dialog:
        await dialog.reply()
        assert "AUTH" not in await dialog.ask("EHLO laptop.example")
        assert (await dialog.ask("MAIL FROM:<alice@example.org>")).startswith("530")


async def test_submissions_speaks_tls_at_once(stage: MailStage) -> None:
    """The port for implicit TLS offers logins and delivery reports."""
    async with connect(stage.address("submissions"), tls=trusting()) as dialog:
        await dialog.reply()
        offered = (await dialog.ask("EHLO laptop.example")).split()
    assert {"DSN", "PLAIN"} <= {word.removeprefix("250-") for word in offered}


async def test_submission_without_login_is_refused(stage: MailStage) -> None:
    """TLS alone gives no right to send, not even to our own users."""
    async with connect(stage.address("submissions"), tls=trusting()) as dialog:
        await dialog.reply()
        for command in ("EHLO laptop.example", "MAIL FROM:<alice@example.org>"):
            await dialog.ask(command)
        assert (await dialog.ask("RCPT TO:<bob@example.org>"))[:3] == "554"


async def test_wrong_password(stage: MailStage) -> None:
    """A wrong password is refused."""
    stage.peers.logins["alice@example.org"] = "changed"
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await stage.as_user(lambda client: client.noop())


async def test_header_privacy(stage: MailStage) -> None:
    """A user's message tells neither where the user sits nor which program wrote it."""
    text = "From: alice@example.org\r\nTo: bob@example.org\r\nUser-Agent: old/1\r\n"
    text += "X-Mailer: x\r\nX-Originating-IP: 10.0.0.1\r\nSubject: hi\r\n\r\nhi\r\n"
    await stage.as_user(lambda c: c.sendmail("alice@example.org", ["bob@example.org"], text))
    got = await stage.delivered()
    assert "from authenticated-user (mail.example.org) by mail.example.org (Postfix)" in got
    assert not [word for word in ("127.0.0.1", "old/1", "X-Mailer", "10.0.0.1") if word in got]
    assert "\r\nDate: " in got
    assert "\r\nMessage-Id: " in got


async def test_nobody_sends_as_somebody_else(stage: MailStage) -> None:
    """A login sends as the addresses that it owns; the null sender is nobody's."""

    def try_both(client: smtplib.SMTP) -> tuple[int, int]:
        client.ehlo()
        client.mail("bob@example.org")
        other = client.rcpt("bob@example.org")[0]
        client.rset()
        client.mail("")
        return other, client.rcpt("bob@example.org")[0]

    assert await stage.as_user(try_both) == (553, 250)


async def test_outgoing_mail_goes_to_the_mx(stage: MailStage) -> None:
    """A user's mail for another domain leaves for that domain's MX, asked of our resolver."""
    received: asyncio.Queue[str] = asyncio.Queue()

    async def mx(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.remote.example ESMTP\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                received.put_nowait((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"250 ok\r\n")
        writer.close()

    stage.peers.records["mx.remote.example.", "A"] = "127.99.0.25"
    async with await asyncio.start_server(mx, "127.99.0.25", 25), asyncio.timeout(60):
        text = "From: alice@example.org\r\nSubject: out\r\n\r\nhi\r\n"
        await stage.as_user(lambda c: c.sendmail("alice@example.org", ["d@remote.example"], text))
        got = await received.get()
    assert got.startswith("DKIM-Signature: ")
    assert "Subject: out" in got


async def test_limits_follow_the_settings(stage: MailStage) -> None:
    """Too large a message is refused before it is sent; too many recipients are put off."""
    async with stage.session() as dialog:
        large = await dialog.ask("MAIL FROM:<carol@remote.example> SIZE=99999999")
        assert large.startswith("552 5.3.4")
    async with stage.session(*BEGIN) as dialog:
        replies = [await dialog.ask("RCPT TO:<bob@example.org>") for _ in range(101)]
    assert {reply[:3] for reply in replies[:100]} == {"250"}
    assert replies[100].startswith("452 4.5.3")


async def test_nothing_outside_the_state_folder(stage: MailStage) -> None:
    """The machine's own Postfix is left alone: its configuration, its queue and its caches."""
    folders = [Path(name) for name in ("/etc/postfix", "/var/spool/postfix", "/var/lib/postfix")]
    started = stage.postfix.site.paths.state / "secure"
    assert not await asyncio.to_thread(_changed_since, started, folders)


def _changed_since(started: Path, folders: list[Path]) -> list[Path]:
    found = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in found if path.lstat().st_mtime >= started.stat().st_ctime]


async def test_reload_keeps_sessions_and_takes_effect(stage: MailStage) -> None:
    """An override is live after a reload; a session that was open goes on."""
    site = stage.postfix.site
    async with stage.session() as open_session:
        await commit(DAEMON, site, {"main.cf": "message_size_limit = 2000000\n"})
        await DAEMON.reload(site, stage.postfix.pid)
        async with asyncio.timeout(60):
            while True:
                async with connect(stage.address("smtp")) as dialog:
                    await dialog.reply()
                    if "SIZE 2000000" in await dialog.ask("EHLO mx.remote.example"):
                        break
        assert (await open_session.ask("NOOP")).startswith("250")
    await commit(DAEMON, site)
    await DAEMON.reload(site, stage.postfix.pid)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"main.cf": "# mine\nsmtpd_recipient_limitt=5\n"},
            r"/postfix/main\.cf:2: Postfix says: .*_limitt=5; did you mean smtpd_recipient_limit\?",
        ),
        (
            {"main.cf": "message_size_limit = lots\n"},
            r"/postfix/main\.cf:1: Postfix says: .*message_size_limit = lots is not a number",
        ),
        (
            {"main.cf": "\n\nsmtpd_tls_security_level = $no_such\n"},
            r"/postfix/main\.cf:3: Postfix says: .*no_such",
        ),
        (
            {"main.cf": "\nsmtpd_tls_security_level = always\n"},
            r'/postfix/main\.cf:2: Postfix says: Invalid TLS level "always"',
        ),
        (
            {"main.cf": "smtpd_client_restrictions = check_client_access cidr:/no/table\n"},
            r"/postfix/main\.cf:1: Postfix says: open /no/table: No such file or directory",
        ),
        (
            {"main.cf": "smtpd_sender_restrictions =\n    permit,\n    reject_evil\n"},
            r'/postfix/main\.cf:1: Postfix says: .*: unknown smtpd restriction: "reject_evil"',
        ),
        (
            {"main.cf": "smtp_connect_timeout = soon\n"},
            r"/postfix/main\.cf:1: Postfix says: smtp_connect_timeout = soon is not a time",
        ),
        (
            {"master.cf": "# mine\nextra unix - - x - - smtp\n"},
            r"/postfix/master\.cf:2: Postfix says: .*",
        ),
        (
            {"master.cf": "extra unix - - n - - smtpp\n"},
            r"/postfix/master\.cf:1: Postfix says: .*there is no program smtpp",
        ),
        (
            {"master.cf": "submission/inet/smtpd_nonsense = yes\n"},
            r"/postfix/master\.cf:1: Postfix says: .*smtpd_nonsense.*",
        ),
    ],
)
async def test_broken_overrides_are_refused(
    stage: MailStage, overrides: dict[str, str], message: str
) -> None:
    """The refusal names the owner's file and line, in Postfix's words; what runs goes on."""
    with pytest.raises(ConfigError, match=message):
        await commit(DAEMON, stage.postfix.site, overrides)
    await DAEMON.probe(stage.postfix.site)
