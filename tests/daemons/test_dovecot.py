"""A real Dovecot, of whichever version is installed, with our configuration."""

import asyncio
import imaplib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.daemons.mailbox_clients import (
    ANN,
    HAM,
    OFFSET,
    PASSWORD,
    activate,
    add_user,
    count,
    deliver,
    dovecot,
    in_thread,
    may_receive,
    sasl_plain,
    trusting,
    with_imap,
)
from tests.daemons.stage import commit, make_certificate, running, site_for, state_folder

from mailstack.aio.command import run
from mailstack.aio.dialog import connect
from mailstack.daemons.dovecot import DAEMON
from mailstack.daemons.dovecot.sieve import compile_script
from mailstack.errors import ConfigError, InvalidDocument, MissingProgram
from mailstack.topology.model import Endpoint

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

INTERNAL = "auth_internal_failure_delay = 0\n" if DAEMON.version() >= (2, 4) else ""
QUICK = {"quick.conf": f"auth_failure_delay = 0\n{INTERNAL}"}
"""Failed logins are answered at once, which no server on the internet should do."""


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


async def test_delivered_mail_is_read_over_imap(state: Path) -> None:
    """What LMTP takes is in the Inbox, whole, over TLS from the first octet."""
    async with dovecot(state) as (stage, _):
        (answer,) = await deliver(stage.site, ANN)
        assert answer.startswith("250 ")

        def read(client: imaplib.IMAP4) -> bytes:
            client.select()
            _, data = client.fetch("1", "(BODY.PEEK[])")
            assert isinstance(data[0], tuple)
            return data[0][1]

        assert (await with_imap(stage.site, read)).endswith(HAM.encode())


async def test_a_login_needs_tls(state: Path) -> None:
    """Without STARTTLS neither LOGIN nor AUTH=PLAIN is offered or taken; after it, both are."""
    async with dovecot(state) as (stage, _):
        imap = stage.site.addresses["dovecot.imap"]
        # Dovecot trusts a client whose address is its own, so come from another one.
        reader, writer = await asyncio.open_connection(
            imap.host, imap.port, local_addr=("127.0.0.9", 0)
        )
        greeting = await reader.readline()
        assert b"LOGINDISABLED" in greeting
        assert b"AUTH=PLAIN" not in greeting
        writer.write(f'a LOGIN {ANN} "{PASSWORD}"\r\n'.encode())
        answers = await reader.readuntil(b"a NO ") + await reader.readline()
        assert b"a NO [PRIVACYREQUIRED]" in answers
        writer.close()

        def log_in() -> None:
            with imaplib.IMAP4("127.0.0.1", imap.port, timeout=60) as client:
                client.starttls(trusting())
                client.login(ANN, PASSWORD)

        await in_thread(log_in)


async def test_every_mailbox_has_the_special_folders(state: Path) -> None:
    """Drafts, Sent, Trash, Archive and Spam exist, with their use, and are subscribed to."""
    async with dovecot(state) as (stage, _):

        def look(client: imaplib.IMAP4) -> tuple[list[str], list[str]]:
            _, existing = client.list()
            _, subscribed = client.lsub()
            return [str(line) for line in existing], [str(line) for line in subscribed]

        existing, subscribed = await with_imap(stage.site, look)
        for folder, use in (
            ("Drafts", "Drafts"),
            ("Sent", "Sent"),
            ("Trash", "Trash"),
            ("Archive", "Archive"),
            ("Spam", "Junk"),
        ):
            assert any(f"\\{use}" in line and folder in line for line in existing), existing
            assert any(line.endswith(f"{folder}'") for line in subscribed), subscribed


async def test_unknown_user_is_refused_for_good(state: Path) -> None:
    """The store answered that there is no such user."""
    async with dovecot(state) as (stage, _):
        answers = await deliver(stage.site, "nobody@example.org", ANN)
        assert answers[0].startswith("550 5.1.1")
        assert answers[1].startswith("250 ")


@pytest.mark.parametrize("how", ["answers F", "is down"])
async def test_unavailable_store_is_never_an_unknown_user(state: Path, how: str) -> None:
    """A store that fails, or is not there, is a temporary failure for delivery and login alike."""
    async with dovecot(state, QUICK) as (stage, store):
        if how == "is down":
            stage.processes[1].terminate()
            await stage.processes[1].wait()
        else:
            store.failing = ""
        for name in (ANN, "nobody@example.org"):
            (answer,) = await deliver(stage.site, name)
            assert answer.startswith("451 "), answer
        verdict = await sasl_plain(stage.site, ANN, PASSWORD)
        assert verdict.startswith("FAIL\t1"), verdict
        assert "\ttemp" in verdict or "code=temp_fail" in verdict
        with pytest.raises(imaplib.IMAP4.error, match=r"UNAVAILABLE|Temporary"):
            await with_imap(stage.site, lambda _: None)


async def hashed(password: str) -> str:
    """As Dovecot itself writes it."""
    done = await run(["doveadm", "-O", "pw", "-s", "ARGON2ID", "-p", password])
    return done.output.strip()


async def test_a_new_password_counts_at_once(state: Path) -> None:
    """Nothing is cached: the old password fails right after the change, the new one works."""
    async with dovecot(state, QUICK) as (stage, store):
        assert (await sasl_plain(stage.site, ANN, PASSWORD)).startswith("OK\t1")
        add_user(store, ANN, await hashed("other"))
        assert (await sasl_plain(stage.site, ANN, "other")).startswith("OK\t1")
        assert (await sasl_plain(stage.site, ANN, PASSWORD)).startswith("FAIL\t1")
        del store.values["", f"shared/passdb/{ANN}"]
        assert (await sasl_plain(stage.site, ANN, "other")).startswith("FAIL\t1")


async def test_spam_goes_to_the_spam_folder(state: Path) -> None:
    """Our global script runs before the user's, which does not see spam."""
    async with dovecot(state) as (stage, store):
        activate(store, ANN, 'require "fileinto"; fileinto "Archive";')
        await deliver(stage.site, ANN, message=f"X-Spam-Flag: YES\r\n{HAM}")
        await deliver(stage.site, ANN, message=f"X-Spam-Flag: NO\r\n{HAM}")
        assert await count(stage.site, "Spam") == 1
        assert await count(stage.site, "Archive") == 1
        assert await count(stage.site, "INBOX") == 0


async def test_a_script_files_by_tag(state: Path) -> None:
    """``ann+lists@`` reaches Ann, and her script may use the tag; without one it is the Inbox."""
    script = (
        'require ["envelope", "fileinto", "subaddress", "mailbox", "variables"];\r\n'
        'if envelope :detail :matches "to" "?*" { fileinto :create "tags/${1}${2}"; }\r\n'
    )
    async with dovecot(state) as (stage, store):
        await deliver(stage.site, "ann+lists@example.org")
        assert await count(stage.site, "INBOX") == 1
        activate(store, ANN, script)
        await deliver(stage.site, "ann+lists@example.org")
        assert await count(stage.site, "tags/lists") == 1


async def test_a_changed_script_runs_at_the_next_message(state: Path) -> None:
    """Another id means another script; the compiled old one is not used again."""
    async with dovecot(state) as (stage, store):
        activate(store, ANN, 'require "fileinto"; fileinto "Archive";', "a.1")
        await deliver(stage.site, ANN)
        activate(store, ANN, 'require "fileinto"; fileinto "Trash";', "a.2")
        await deliver(stage.site, ANN)
        await deliver(stage.site, ANN)
        assert await count(stage.site, "Archive") == 1
        assert await count(stage.site, "Trash") == 2
        assert store.asked.count("priv/sieve/data/a.2") == 1


@pytest.mark.parametrize(
    "script",
    ["this is not sieve", 'require "fileinto"; fileinto "a/../../b";'],
    ids=["does not compile", "fails when run"],
)
async def test_a_broken_script_keeps_the_mail(state: Path, script: str) -> None:
    """What a script gets wrong never loses a message, nor keeps it waiting: it is in the Inbox."""
    async with dovecot(state) as (stage, store):
        activate(store, ANN, script)
        (answer,) = await deliver(stage.site, ANN)
        assert answer.startswith("250 ")
        assert await count(stage.site, "INBOX") == 1


async def test_a_redirect_waits_for_its_way_out(state: Path) -> None:
    """While Postfix does not take it, the message stays in the queue that brought it."""
    async with dovecot(state) as (stage, store):
        activate(store, ANN, 'redirect "x@example.com";')
        (answer,) = await deliver(stage.site, ANN)
        assert answer.startswith("451 ")
        assert await count(stage.site, "INBOX") == 0


async def test_an_unavailable_script_defers(state: Path) -> None:
    """If the store cannot say which script runs, the message comes again later."""
    async with dovecot(state) as (stage, store):
        activate(store, ANN, 'require "fileinto"; fileinto "Archive";')
        store.failing = "priv/sieve/"
        (answer,) = await deliver(stage.site, ANN)
        assert answer.startswith("451 ")
        store.failing = None
        await deliver(stage.site, ANN)
        assert await count(stage.site, "Archive") == 1
        assert await count(stage.site, "INBOX") == 0


async def test_quota(state: Path) -> None:
    """A full mailbox is refused at RCPT, here and through Postfix's policy service."""
    async with dovecot(state) as (stage, store):
        add_user(store, ANN, quota=20_000)
        assert await may_receive(stage.site, ANN) == "DUNNO"
        assert await may_receive(stage.site, "nobody@example.org") == "DUNNO"
        assert (await may_receive(stage.site, ANN, 50_000_000)).startswith("552 5.2.")
        full = HAM + ("x" * 70 + "\r\n") * 300
        (answer,) = await deliver(stage.site, ANN, message=full)
        assert answer.startswith("250 ")
        assert (await may_receive(stage.site, ANN)).startswith("552 5.2.2")
        (answer,) = await deliver(stage.site, ANN)
        assert answer.startswith("552 5.2.2"), answer
        store.failing = ""
        assert (await may_receive(stage.site, ANN)).startswith("DEFER_IF_PERMIT")


async def test_the_default_quota_counts_without_an_own_one(state: Path) -> None:
    """``mailbox.default_quota`` holds for users whose entry has no quota."""
    async with dovecot(state, mailbox={"default_quota": "1MiB"}) as (stage, store):
        add_user(store, "own@example.org", quota=5 * 1024**2)
        for login, kib in ((ANN, 1024), ("own@example.org", 5 * 1024)):

            def look(client: imaplib.IMAP4) -> str:
                return str(client.getquotaroot("INBOX"))

            assert f"STORAGE 0 {kib})" in await with_imap(stage.site, look, login)


async def test_mail_is_compressed_on_disk(state: Path) -> None:
    """A megabyte of the same line takes a few kilobytes, and is read back whole."""
    big = HAM + ("the same line again and again\r\n" * 35_000)
    async with dovecot(state) as (stage, _):
        await deliver(stage.site, ANN, message=big)
        mail = stage.site.paths.data / "mail" / "example.org" / "ann" / "Maildir"
        (file,) = [*mail.glob("new/*"), *mail.glob("cur/*")]
        assert file.stat().st_size < 20_000
        assert file.stat().st_uid == 5000

        def size(client: imaplib.IMAP4) -> bool:
            client.select()
            _, data = client.fetch("1", "(BODY.PEEK[TEXT])")
            assert isinstance(data[0], tuple)
            return len(data[0][1]) > 1_000_000

        assert await with_imap(stage.site, size)


async def test_names_stay_inside_the_mail_folder(state: Path) -> None:
    """Whatever login or recipient is tried, nothing appears outside, and nothing at all for it."""
    names = ("../../x@example.org", "..@..", "x/y@example.org", "a@../../etc", "%u@example.org")
    async with dovecot(state) as (stage, _):
        for name in names:
            (answer,) = await deliver(stage.site, name)
            assert answer.startswith("5"), (name, answer)
        assert list((stage.site.paths.data / "mail").iterdir()) == []


@pytest.mark.parametrize("name", ["$home", "~root", "*", "a'b", "#x"])
async def test_a_name_is_no_pattern(state: Path, name: str) -> None:
    """A name that looks like a variable or a shell's is the folder's name as it stands."""
    async with dovecot(state) as (stage, store):
        add_user(store, f"{name}@example.org")
        (answer,) = await deliver(stage.site, f"{name}@example.org")
        assert answer.startswith("250 ")
        mail = stage.site.paths.data / "mail" / "example.org"
        assert [path.name for path in mail.iterdir()] == [name]
        assert len([*mail.glob("*/Maildir/new/*")]) == 1


async def test_another_address_than_the_default_delimiter(state: Path) -> None:
    """``mailbox.delimiter`` is Dovecot's too."""
    async with dovecot(state, mailbox={"delimiter": "-"}) as (stage, _):
        answers = await deliver(stage.site, "ann-x@example.org", "ann+x@example.org")
        assert answers[0].startswith("250 ")
        assert answers[1].startswith("550 ")


async def test_a_reload_keeps_sessions(state: Path) -> None:
    """A session that is open goes on, with its TLS; a new one gets the new configuration."""
    async with dovecot(state) as (stage, _):
        site = stage.site
        async with connect(site.addresses["dovecot.imaps"], tls=trusting()) as session:
            await session.line()
            await session.send(f'a LOGIN {ANN} "{PASSWORD}"')
            while not (await session.line()).startswith("a OK"):
                pass
            await commit(DAEMON, site, {"greeting.conf": "login_greeting = changed\n"})
            await DAEMON.reload(site, stage.pid)
            await stage.says("reloading configuration")
            await stage.healthy()
            assert await _greets(site.addresses["dovecot.imap"].port, "changed")
            await session.send("b SELECT INBOX")
            while not (line := await session.line()).startswith("b "):
                pass
            assert line.startswith("b OK")


async def _greets(port: int, word: str) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = await reader.readline()
    writer.close()
    return word.encode() in line


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# fine\nmail_max_userip_connections = 5\nnonsense_setting = 1\n", 3, "nonsense_setting"),
        ("\nmail_max_userip_connections = many\n", 2, "Invalid number many"),
        ("protocol imap {\n  mail_max_userip_connections = 5\n", 1, "does not end"),
    ],
)
async def test_a_broken_override_is_refused_with_its_place(
    state: Path, text: str, line: int, words: str
) -> None:
    """The owner's file and line are named, and what is in force stays so."""
    make_certificate(state)
    site = site_for(DAEMON, state, offset=OFFSET)
    DAEMON.prepare(site)
    await commit(DAEMON, site)
    before = site.paths.conf.resolve()
    with pytest.raises(ConfigError, match=words) as caught:
        await commit(DAEMON, site, {"own.conf": text})
    assert (caught.value.file, caught.value.line) == (site.paths.overrides / "own.conf", line)
    assert site.paths.conf.resolve() == before


async def test_listens_on_every_address(state: Path) -> None:
    """``listen.address = "all"``: IPv4 and, where the machine has it, IPv6."""
    make_certificate(state)
    here = site_for(DAEMON, state, offset=OFFSET)
    everywhere = {
        name: Endpoint("all", port.port) if name.startswith("dovecot.imap") else port
        for name, port in here.addresses.items()
    }
    for ipv6 in (False, True) if socket.has_dualstack_ipv6() else (False,):
        async with running(DAEMON, replace(here, addresses=everywhere, ipv6=ipv6)):
            for host in ("127.0.0.1", "127.0.0.8", *(["::1"] if ipv6 else [])):
                async with connect(Endpoint(host, everywhere["dovecot.imap"].port)) as dialog:
                    assert (await dialog.line()).startswith("* OK")


async def test_statistics_are_served(state: Path) -> None:
    """OpenMetrics, with our metrics in them."""
    async with dovecot(state) as (stage, _):
        await deliver(stage.site, ANN)
        async with connect(stage.site.addresses["dovecot.metrics"]) as dialog:
            await dialog.send("GET /metrics HTTP/1.0\r\n")
            assert "200" in await dialog.line()
            async with asyncio.timeout(60):
                while "dovecot_mail_delivery" not in await dialog.line():
                    pass


async def test_users_are_listed_from_the_store(state: Path) -> None:
    """``doveadm user '*'`` asks couchmail for every login."""
    async with dovecot(state) as (stage, store):
        add_user(store, "bob@example.org")
        config = str(stage.site.paths.conf / "dovecot.conf")
        done = await run(["doveadm", "-c", config, "user", "*"])
        assert sorted(done.output.split()) == [ANN, "bob@example.org"]


async def test_nobody_else_may_ask_the_dict_socket(state: Path) -> None:
    """Hashes of passwords can be asked for there: it is the mail account's and Dovecot's only."""
    async with dovecot(state) as (stage, _):
        folder = stage.site.paths.run / "couchmail"
        assert folder.stat().st_mode & 0o007 == 0
        assert (folder / "dict").stat().st_mode & 0o007 == 0


async def test_a_script_is_compiled_as_delivery_would() -> None:
    """Every extension that delivery has, no other; a fault names its line."""
    await compile_script('require ["fileinto", "vacation", "regex"];\r\nfileinto "x";\r\n')
    with pytest.raises(InvalidDocument, match=r"line 2: .*missing semicolon"):
        await compile_script('require "fileinto";\nfileinto "x"\nkeep;\n')
    with pytest.raises(InvalidDocument, match="enotify"):
        await compile_script('require "enotify";\n')
    with pytest.raises(InvalidDocument, match="more than"):
        await compile_script("keep;\n" * 200_000)
