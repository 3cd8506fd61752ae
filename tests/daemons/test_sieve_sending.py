"""What users' scripts send: real Dovecot hands it to real Postfix, which signs and relays it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.daemons.dict_server import DictServer
from tests.daemons.mail_stage import MailStage, mail_stage
from tests.daemons.mail_stage import settings as site_settings
from tests.daemons.mailbox_clients import ANN, OFFSET, activate, add_user, count, deliver, dovecot
from tests.daemons.stage import Running, state_folder

from mailstack.daemons.dovecot import DAEMON
from mailstack.daemons.dovecot.facts import VOUCHED_FIELDS
from mailstack.errors import MissingProgram
from mailstack.topology.addresses import one_machine
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

BOB = "bob@example.org"
FRIEND = "friend@remote.example"
LETTER = (
    "From: Carol <carol@remote.example>\r\nTo: ann@example.org\r\n"
    "Message-ID: <{name}@remote.example>\r\nSubject: {name}\r\n\r\nhello\r\n"
)


class Outside:
    """The server that everything for the outside is relayed to."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[str, list[str], str]] = asyncio.Queue()

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        sender = (envelope.mail_from or "").strip("<>")
        self.got.put_nowait((sender, envelope.rcpt_tos, content.decode()))
        return "250 2.0.0 taken"

    async def letter(self) -> tuple[str, list[str], str]:
        async with asyncio.timeout(60):
            return await self.got.get()


@dataclass(slots=True)
class Sending:
    """All that takes part."""

    mail: MailStage
    dovecot: Running
    store: DictServer
    outside: Outside

    async def arrives(self, name: str, *, sender: str = "carol@remote.example") -> None:
        """Hand Dovecot a letter for Ann, as Postfix does: again, where a reload was in the way."""
        letter = LETTER.format(name=name)
        async with asyncio.timeout(60):
            while (answer := await self._answer(letter, sender)).startswith(("421 ", "closed")):  # noqa: ASYNC110 - no event tells when Dovecot is ready again
                await asyncio.sleep(0.05)
        assert answer.startswith("250 "), answer

    async def _answer(self, letter: str, sender: str) -> str:
        try:
            (answer,) = await deliver(self.dovecot.site, ANN, message=letter, sender=sender)
        except ConnectionError:
            return "closed"
        return answer


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@asynccontextmanager
async def sending(state: Path) -> AsyncIterator[Sending]:
    """Postfix with OpenDKIM, Dovecot linked to its reinjection port, and an outside."""
    outside = Outside()
    loop = asyncio.get_running_loop()
    relay = await loop.create_server(
        lambda: SMTP(outside, hostname="mx.remote.example", loop=loop), LOOPBACK, 0
    )
    port = relay.sockets[0].getsockname()[1]
    chosen = site_settings(smtp={"dnsbl_sites": (), "relayhost": f"[{LOOPBACK}]:{port}"})
    declared = one_machine(STACK, "dovecot", public_host=LOOPBACK, offset=OFFSET)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(relay)
        mailboxes = {"contentfilter.lmtp": declared["dovecot.lmtp"]}
        mail = await stack.enter_async_context(mail_stage(chosen, addresses=mailboxes))
        mail.peers.mailboxes |= {ANN, BOB}
        peer = {"postfix.reinject": mail.address("reinject")}
        daemon, store = await stack.enter_async_context(dovecot(state, addresses=peer))
        add_user(store, BOB)
        yield Sending(mail, daemon, store, outside)


async def test_redirect(state: Path) -> None:
    """A redirected message leaves whole, in the user's name, with nothing of ours signed on it."""
    async with sending(state) as stage:
        activate(stage.store, ANN, f'redirect "{FRIEND}";')
        await stage.arrives("forwarded")
        sender, recipients, text = await stage.outside.letter()
        assert (sender, recipients) == (ANN, [FRIEND])
        assert "\nFrom: Carol <carol@remote.example>" in text
        assert "DKIM-Signature" not in text
        assert await count(stage.dovecot.site, "INBOX") == 0


async def test_no_script_vouches_for_a_message(state: Path) -> None:
    """What a server found, and who signed, is nothing that a script can add; other fields are."""
    forged = "".join(
        f'addheader "{name}" "mail.example.org; dmarc=pass";' for name in VOUCHED_FIELDS
    )
    async with sending(state) as stage:
        script = f'{forged} addheader "X-Seen" "yes"; redirect "{FRIEND}";'
        activate(stage.store, ANN, script, require="editheader")
        await stage.arrives("forged")
        _, _, text = await stage.outside.letter()
        assert "\nX-Seen: yes" in f"\n{text}"
        assert "dmarc=pass" not in text


async def test_a_bounce_is_redirected_as_a_bounce(state: Path) -> None:
    """Without a sender it came, without a sender it goes on."""
    async with sending(state) as stage:
        activate(stage.store, ANN, f'redirect :copy "{FRIEND}";', require="copy")
        await stage.arrives("undelivered", sender="")
        sender, recipients, _ = await stage.outside.letter()
        assert (sender, recipients) == ("", [FRIEND])
        assert await count(stage.dovecot.site, "INBOX") == 1


async def test_vacation(state: Path) -> None:
    """A vacation reply goes to the sender once, from nobody, signed for our domain."""
    async with sending(state) as stage:
        activate(stage.store, ANN, 'vacation :days 7 "I am away.";', require="vacation")
        await stage.arrives("question")
        await stage.arrives("again")
        sender, recipients, text = await stage.outside.letter()
        assert (sender, recipients) == ("", ["carol@remote.example"])
        assert "Auto-Submitted: auto-replied" in text
        assert "d=example.org; s=dkim;" in text
        assert await count(stage.dovecot.site, "INBOX") == 2
        assert stage.outside.got.empty()


async def test_vacation_remembers(state: Path) -> None:
    """Whom it has answered outlasts Dovecot and a changed script; a new period begins anew."""
    script = 'vacation :days 7 :handle "july" "I am %s.";'
    async with sending(state) as stage:
        activate(stage.store, ANN, script % "away", require="vacation")
        await stage.arrives("first")
        assert (await stage.outside.letter())[1] == ["carol@remote.example"]
        await DAEMON.reload(stage.dovecot.site, stage.dovecot.pid)
        await stage.dovecot.healthy()
        activate(stage.store, ANN, script % "still away", "2", require="vacation")
        await stage.arrives("second")
        await stage.arrives("from another", sender="dave@remote.example")
        assert (await stage.outside.letter())[1] == ["dave@remote.example"]
        activate(stage.store, ANN, script.replace("july", "august"), "3", require="vacation")
        await stage.arrives("third")
        assert (await stage.outside.letter())[1] == ["carol@remote.example"]
        assert stage.outside.got.empty()


async def test_vacation_is_silent(state: Path) -> None:
    """Lists, programs, bounces and oneself get no reply (RFC 5230 4.6); the messages are kept."""
    automatic = [
        ("List-Id: <x.remote.example>", "carol@remote.example"),
        ("Precedence: bulk", "carol@remote.example"),
        ("Auto-Submitted: auto-generated", "carol@remote.example"),
        ("X-Plain: a bounce", ""),
        ("X-Plain: of a list", "owner-list@remote.example"),
        ("X-Plain: of a list", "list-request@remote.example"),
        ("X-Plain: of a daemon", "MAILER-DAEMON@remote.example"),
        ("X-Plain: of oneself", ANN),
    ]
    async with sending(state) as stage:
        activate(stage.store, ANN, 'vacation "I am away.";', require="vacation")
        for field, sender in automatic:
            letter = f"{field}\r\n" + LETTER.format(name="automatic")
            (answer,) = await deliver(stage.dovecot.site, ANN, message=letter, sender=sender)
            assert answer.startswith("250 ")
        # Were there a reply to one of them, it would come before that to this one.
        await stage.arrives("by hand", sender="dave@remote.example")
        assert (await stage.outside.letter())[1] == ["dave@remote.example"]
        assert await count(stage.dovecot.site, "INBOX") == len(automatic) + 1


async def test_more_than_four_redirects_are_an_error(state: Path) -> None:
    """A list is an alias; a script that tries keeps the message instead."""
    async with sending(state) as stage:
        targets = "".join(f'redirect "f{number}@remote.example";' for number in range(5))
        activate(stage.store, ANN, targets)
        await stage.arrives("many")
        assert await count(stage.dovecot.site, "INBOX") == 1
        assert stage.outside.got.empty()


async def test_two_scripts_cannot_play_ball(state: Path) -> None:
    """A message that Ann and Bob redirect to each other comes to rest after one round."""
    async with sending(state) as stage:
        activate(stage.store, ANN, f'redirect "{BOB}";')
        activate(stage.store, BOB, f'redirect "{ANN}";')
        await stage.arrives("ball")
        async with asyncio.timeout(60):
            while await _messages(stage) == 0:  # noqa: ASYNC110 - other processes deliver it
                await asyncio.sleep(0.1)
        rounds = sum("postfix/reinject" in line and "client=" in line for line in _log(stage))
        assert rounds <= 3
        assert await _messages(stage) == 1


async def test_an_unknown_target_of_ours_keeps_the_message(state: Path) -> None:
    """The script's owner has the message, as nobody else can."""
    async with sending(state) as stage:
        activate(stage.store, ANN, 'redirect "nobody@example.org";')
        await stage.arrives("lost")
        assert await count(stage.dovecot.site, "INBOX") == 1


async def _messages(stage: Sending) -> int:
    with contextlib.suppress(AssertionError):
        return await count(stage.dovecot.site, "INBOX") + await count(
            stage.dovecot.site, "INBOX", BOB
        )
    return 0


def _log(stage: Sending) -> list[str]:
    return stage.mail.postfix.output
