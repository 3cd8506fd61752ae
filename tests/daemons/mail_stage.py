"""Postfix and OpenDKIM on stage together, with every other peer played by a test."""

import asyncio
import os
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.daemons.postfix_peers import Peers, peers
from tests.daemons.stage import EXAMPLE, Running, make_certificate, running, site_for, state_folder

from mailstack.aio.dialog import Dialog, connect
from mailstack.daemons.contract import Overrides
from mailstack.daemons.opendkim import DAEMON as OPENDKIM
from mailstack.daemons.postfix import DAEMON as POSTFIX
from mailstack.dkim.master import MASTER, new_master
from mailstack.settings import Settings
from mailstack.topology.addresses import resolver_host
from mailstack.topology.model import Endpoint

T = TypeVar("T")
OFFSET = 4000
RESOLVER = resolver_host(OFFSET)
STRANGER = "127.0.0.2"
"""An address that is not the probe's, so postscreen tests it."""


@dataclass(slots=True)
class MailStage:
    """The running daemons, and what a client does with them."""

    postfix: Running
    opendkim: Running
    peers: Peers

    def address(self, name: str) -> Endpoint:
        return self.postfix.site.addresses[f"postfix.{name}"]

    @asynccontextmanager
    async def session(self, *commands: str) -> AsyncIterator[Dialog]:
        """Another server's session on port 25, greeted, with ``commands`` accepted."""
        async with connect(self.address("smtp")) as dialog:
            for command, reply in [("", await dialog.reply())] + [
                (command, await dialog.ask(command))
                for command in ("EHLO mx.remote.example", *commands)
            ]:
                assert reply[0] in "23", f"{command}: {reply}"
            yield dialog

    async def send(self, text: str, *, to: str = "bob@example.org") -> str:
        """Another server's message; returns the reply to its end."""
        begin = ("MAIL FROM:<carol@remote.example>", f"RCPT TO:<{to}>", "DATA")
        async with self.session(*begin) as dialog:
            return await dialog.ask(text.replace("\n", "\r\n") + "\r\n.")

    async def as_user(self, act: Callable[[smtplib.SMTP], T]) -> T:
        """Let alice, logged in on the submission port, do something."""
        return await asyncio.to_thread(_with_login, self.address("submission"), act)

    async def as_script(self, sender: str, to: str, text: str) -> None:
        """Let a user's script send something, as Dovecot does."""
        peer = self.address("reinject")

        def send() -> None:
            with smtplib.SMTP(peer.host, peer.port, timeout=60) as client:
                client.sendmail(sender, [to], text.replace("\n", "\r\n"))

        await asyncio.to_thread(send)

    async def delivered(self) -> str:
        """The next message that reaches the content filter."""
        async with asyncio.timeout(60):
            return (await self.peers.delivered.get()).text


def trusting() -> ssl.SSLContext:
    """A client that takes the self-signed certificate of a test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _with_login(peer: Endpoint, act: Callable[[smtplib.SMTP], T]) -> T:
    with smtplib.SMTP(peer.host, peer.port, timeout=60) as client:
        client.starttls(context=trusting())
        client.login("alice@example.org", "secret")
        return act(client)


def settings(**tables: Mapping[str, Any]) -> Settings:
    """The example site, without blocklists that are not of the test's own making.

    Nor is it asked who a message is from: the small DNS here knows no policies.
    """
    given = {"smtp": {"dnsbl_sites": ()}, "identity": {"check": False}, **tables}
    return Settings.model_validate({**EXAMPLE, **given})


def make_dkim_keys(state: Path, uid: int) -> None:
    """The one key, and the one that seals those of domains."""
    key = state / "secure" / "dkim.private"
    key.parent.mkdir(exist_ok=True)
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    master = state / "secure" / MASTER
    master.write_text(new_master())
    master.chmod(0o600)
    for file in (key, master):
        os.chown(file, uid, uid)


@asynccontextmanager
async def mail_stage(
    chosen: Settings | None = None,
    overrides: Overrides | None = None,
    addresses: Mapping[str, Endpoint] | None = None,
    features: Collection[str] | None = None,
) -> AsyncIterator[MailStage]:
    """Start both daemons, and stop them at the end; ``addresses`` stand in for peers.

    ``features``: what OpenDKIM is to be taken for; None: what it is.
    """
    chosen = chosen or settings()
    with state_folder() as state:
        make_certificate(state)
        async with AsyncExitStack() as stack:
            them = await stack.enter_async_context(peers(RESOLVER))
            asked = {"resolver.dns": Endpoint(RESOLVER, 53), **them.addresses}
            signer = site_for(OPENDKIM, state, offset=OFFSET, settings=chosen, addresses=asked)
            if features is not None:
                signer = replace(signer, features=frozenset(features))
            make_dkim_keys(state, signer.account.uid)
            opendkim = await stack.enter_async_context(running(OPENDKIM, signer))
            site = site_for(
                POSTFIX,
                state,
                offset=OFFSET,
                settings=chosen,
                addresses={**them.addresses, **(addresses or {})},
            )
            postfix = await stack.enter_async_context(running(POSTFIX, site, overrides))
            yield MailStage(postfix, opendkim, them)
