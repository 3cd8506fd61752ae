"""Real Postfix tells a collector how deliveries to other servers went, if it is one that can."""

import asyncio
import json
import os
import socket

from tests.daemons.mail_sink import Sink
from tests.daemons.mail_stage import MailStage, mail_stage, settings

from mailstack.daemons.accounts import account
from mailstack.daemons.postfix import DAEMON
from mailstack.daemons.postfix.spool import OWNER
from mailstack.daemons.postfix.tls import REPORT_SOCKET, REPORTS_FROM

LETTER = "From: alice@example.org\nTo: dave@remote.example\nSubject: told\n\nhello\n"


async def test_a_delivery_is_told() -> None:
    """From 3.10 on a datagram names the domain; an older one delivers, and tells nobody."""
    chosen = settings(tls_policy={"report": True, "mta_sts": False}, dns={"dnssec": False})
    async with mail_stage(chosen) as stage:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            _listen(collector, stage)
            stage.peers.records["_smtp._tls.remote.example.", "TXT"] = (
                '"v=TLSRPTv1; rua=mailto:reports@remote.example"'
            )
            async with Sink.on_stage(stage) as sink:
                await stage.as_script("alice@example.org", "dave@remote.example", LETTER)
                assert "Subject: told" in (await sink.taken()).text
                if DAEMON.version() >= REPORTS_FROM:
                    told = json.loads(await asyncio.to_thread(collector.recv, 65_536))
                    assert told["d"] == "remote.example"


def _listen(collector: socket.socket, stage: MailStage) -> None:
    path = stage.postfix.site.paths.data / "spool" / REPORT_SOCKET
    collector.bind(str(path))
    collector.settimeout(60)
    owner = account(OWNER)
    os.chown(path, owner.uid, owner.gid)
