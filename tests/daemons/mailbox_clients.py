"""Small clients of Dovecot for the tests: LMTP, IMAP, the policy protocol, SASL."""

import asyncio
import base64
import imaplib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from tests.daemons.dict_server import DictServer, dict_server
from tests.daemons.stage import EXAMPLE, Running, make_certificate, running, site_for

from mailstack.aio.dialog import connect
from mailstack.daemons.contract import Overrides, Site
from mailstack.daemons.dovecot import DAEMON
from mailstack.settings import Settings
from mailstack.topology.model import Endpoint

OFFSET = 5000
ANN = "ann@example.org"
PASSWORD = "secret"
HAM = "From: Bob <bob@example.com>\r\nSubject: lunch\r\n\r\nat noon?\r\n"

T = TypeVar("T")


@asynccontextmanager
async def dovecot(
    state: Path,
    overrides: Overrides | None = None,
    addresses: Mapping[str, Endpoint] | None = None,
    **settings: object,
) -> AsyncIterator[tuple[Running, DictServer]]:
    """A running Dovecot and the dict server behind it, which knows one user."""
    make_certificate(state)
    async with dict_server() as store:
        add_user(store, ANN)
        site = site_for(
            DAEMON,
            state,
            offset=OFFSET,
            settings=Settings.model_validate({**EXAMPLE, **settings}),
            addresses={
                "couchmail.dict": Endpoint("127.0.0.1", store.port),
                **(addresses or {}),
            },
        )
        async with running(DAEMON, site, overrides) as stage:
            yield stage, store


def add_user(
    store: DictServer,
    address: str,
    password: str = f"{{PLAIN}}{PASSWORD}",
    quota: int | None = None,
) -> None:
    """As couchmail spells it, for both versions of Dovecot at once."""
    limit = {"quota_rule": f"*:bytes={quota}", "quota_storage_size": f"{quota}B"} if quota else {}
    store.values["", f"shared/passdb/{address}"] = json.dumps({"password": password})
    store.values["", f"shared/userdb/{address}"] = json.dumps({"user": address, **limit})


def activate(
    store: DictServer, address: str, script: str, script_id: str = "1", *, require: str = ""
) -> None:
    """Make ``script`` the one that runs."""
    script = f'require "{require}"; {script}' if require else script
    store.values[address, "priv/sieve/name/active"] = script_id
    store.values[address, f"priv/sieve/data/{script_id}"] = script


async def deliver(
    site: Site, *recipients: str, message: str = HAM, sender: str = "bob@example.com"
) -> Sequence[str]:
    """One LMTP transaction: the answer to each recipient, or to its message if it was taken."""
    async with connect(site.addresses["dovecot.lmtp"], timeout_s=60) as dialog:
        await dialog.line()
        await dialog.ask("LHLO client.example.org")
        await dialog.ask(f"MAIL FROM:<{sender}>")
        answers = [await dialog.ask(f"RCPT TO:<{name}>") for name in recipients]
        taken = [place for place, answer in enumerate(answers) if answer.startswith("250")]
        if taken:
            answer = await dialog.ask("DATA")
            if not answer.startswith("354"):
                return [answer] * len(recipients)
            await dialog.send_raw(message.encode() + b".\r\n")
        for place in taken:
            answers[place] = await dialog.reply()
        return answers


def trusting() -> ssl.SSLContext:
    """The test's certificate is its own authority."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def imap(site: Site, login: str = ANN, password: str = PASSWORD) -> Iterator[imaplib.IMAP4]:
    """A session over TLS."""
    port = site.addresses["dovecot.imaps"].port
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=trusting(), timeout=60) as client:
        client.login(login, password)
        yield client


async def in_thread(work: Callable[[], T]) -> T:
    """Run a blocking client beside the dict server."""
    return await asyncio.to_thread(work)


async def with_imap(
    site: Site, work: Callable[[imaplib.IMAP4], T], login: str = ANN, password: str = PASSWORD
) -> T:
    """Run ``work`` in a session over TLS."""

    def session() -> T:
        with imap(site, login, password) as client:
            return work(client)

    return await asyncio.to_thread(session)


async def count(site: Site, folder: str, login: str = ANN) -> int:
    """Messages in a folder."""

    def look(client: imaplib.IMAP4) -> int:
        status, data = client.select(f'"{folder}"', readonly=True)
        assert status == "OK", data
        assert data[0] is not None
        return int(data[0])

    return await with_imap(site, look, login)


async def may_receive(site: Site, recipient: str, octets: int = 100) -> str:
    """Ask the quota service as Postfix does at RCPT."""
    async with connect(site.addresses["dovecot.quota"]) as dialog:
        await dialog.send_raw(
            f"request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient={recipient}\n"
            f"size={octets}\n\n".encode()
        )
        return (await dialog.line()).removeprefix("action=")


async def sasl_plain(site: Site, login: str, password: str) -> str:
    """Log in through the SASL port as Postfix does; the server's verdict."""
    secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
    async with connect(site.addresses["dovecot.sasl"], timeout_s=60) as dialog:
        await dialog.send_raw(b"VERSION\t1\t1\nCPID\t4711\n")
        while await dialog.line() != "DONE":
            pass
        await dialog.send_raw(f"AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp={secret}\n".encode())
        return await dialog.line()
