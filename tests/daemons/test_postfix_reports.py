"""Real Postfix tells how TLS with other servers went, if it can; reports are made and sent."""

import asyncio
import email
import email.policy
import gzip
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.daemons.mail_sink import Sink
from tests.daemons.mail_stage import MailStage, mail_stage, settings

from mailstack.aio.finish import finish
from mailstack.daemons.accounts import account
from mailstack.daemons.contract import Site
from mailstack.daemons.postfix import DAEMON, tls_reports
from mailstack.daemons.postfix.installed import TLSRPT
from mailstack.daemons.postfix.spool import OWNER
from mailstack.daemons.postfix.tls import REPORT_SOCKET
from mailstack.daemons.postfix.tls_reports import FILE
from mailstack.program.passes import run_pass
from mailstack.protocols.mta_sts import Policy, whole_postfix_policy
from mailstack.reports.tls import journal

LETTER = "From: alice@example.org\nTo: dave@remote.example\nSubject: told\n\nhello\n"
RECORD = '"v=TLSRPTv1; rua=mailto:reports@remote.example"'
POLICY = whole_postfix_policy("remote.example", Policy("enforce", 604_800, ("mx.remote.example",)))
"""As tlspolicy answers. The other server's certificate is nobody's that is trusted."""


async def test_an_owners_collector_is_told() -> None:
    """A datagram names the domain; a Postfix that cannot tell delivers, and tells nobody."""
    chosen = settings(tls_policy={"report": True, "mta_sts": False}, dns={"dnssec": False})
    async with mail_stage(chosen) as stage:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            _listen(collector, stage)
            stage.peers.records["_smtp._tls.remote.example.", "TXT"] = RECORD
            async with Sink.on_stage(stage) as sink:
                await stage.as_script("alice@example.org", "dave@remote.example", LETTER)
                assert "Subject: told" in (await sink.taken()).text
                if TLSRPT in stage.postfix.site.features:
                    told = json.loads(await asyncio.to_thread(collector.recv, 65_536))
                    assert told["d"] == "remote.example"


def _listen(collector: socket.socket, stage: MailStage) -> None:
    path = stage.postfix.site.paths.data / "spool" / REPORT_SOCKET
    collector.bind(str(path))
    collector.settimeout(60)
    owner = account(OWNER)
    os.chown(path, owner.uid, owner.gid)


async def test_a_report_is_made_and_sent() -> None:
    """A success and a failure are counted; the report is signed, and arrives whatever TLS says."""
    async with mail_stage(settings(dns={"dnssec": False})) as stage, Sink.on_stage(stage) as sink:
        stage.peers.records["_smtp._tls.remote.example.", "TXT"] = RECORD
        site = stage.postfix.site
        can_tell = TLSRPT in site.features
        assert ("tlsrpt" in (site.paths.conf / "main.cf").read_text()) == can_tell
        async with _attended(stage) as folder:
            await (_let_it_tell if can_tell else _tell)(stage, sink, folder)
            said = await _pass(stage)
            assert said == ["TLS report about remote.example to reports@remote.example: sent"]
            taken = await sink.taken()
            assert (taken.sender, taken.recipients) == ("", ("reports@remote.example",))
            _check(taken.text)
            # the report's own way is told to nobody (RFC 8460 3)
            assert not (folder / journal.JOURNAL).exists()


async def _let_it_tell(stage: MailStage, sink: Sink, folder: Path) -> None:
    """Postfix sends: first without any policy, then under one that the server does not keep."""
    await stage.as_script("alice@example.org", "dave@remote.example", LETTER)
    await sink.taken()
    await _told(folder, 1)
    stage.peers.policies["remote.example"] = POLICY
    await stage.as_script("alice@example.org", "dave@remote.example", LETTER)
    await stage.postfix.says("status=deferred")
    await _told(folder, 2)


async def _tell(_: MailStage, __: Sink, folder: Path) -> None:
    """What a newer Postfix told then."""
    told = (
        '{"policy-type":9,"t":0,"f":0}',
        (
            '{"policy-type":2,"policy-domain": "remote.example","policy-string":["version: STSv1",'
            '"mode: enforce"],"mx-host":["mx.remote.example"],"failure-details":[{"c":205,'
            '"s": "127.0.0.1","n": "mx.remote.example","r": "127.0.0.9",'
            '"f": "self-signed-certificate"}],"t":1,"f":1}'
        ),
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as postfix:
        for policy in told:
            datagram = f'{{"d": "remote.example","pr": {RECORD},"policies":[{policy}]}}'
            postfix.sendto(datagram.encode(), str(folder / Path(REPORT_SOCKET).name))
    await _told(folder, 2)


def _check(text: str) -> None:
    """What RFC 8460 wants of the message and of the document."""
    found = email.message_from_string(text, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found.get_content_type() == "multipart/report"
    assert found.get_param("report-type") == "tlsrpt"
    assert found["TLS-Report-Domain"] == "remote.example"
    assert found["TLS-Report-Submitter"] == "example.org"
    assert "d=example.org" in found["DKIM-Signature"]
    (attached,) = found.iter_attachments()
    assert attached.get_content_type() == "application/tlsrpt+gzip"
    _check_document(json.loads(gzip.decompress(attached.get_content())))


def _check_document(document: dict[str, Any]) -> None:
    assert document["organization-name"] == "example.org"
    by_type = {one["policy"]["policy-type"]: one for one in document["policies"]}
    free, held = by_type["no-policy-found"], by_type["sts"]
    assert free["summary"]["total-successful-session-count"] == 1
    assert held["summary"]["total-failure-session-count"] >= 1
    assert held["policy"]["policy-string"][:2] == ["version: STSv1", "mode: enforce"]
    assert held["policy"]["mx-host"] == ["mx.remote.example"]
    (failure,) = held["failure-details"]
    assert failure["result-type"] in ("certificate-not-trusted", "validation-failure")
    assert failure["receiving-mx-hostname"] == "mx.remote.example"


@asynccontextmanager
async def _attended(stage: MailStage) -> AsyncIterator[Path]:
    """What the agent does beside a Postfix that can tell; the folder in which it collects."""
    at = stage.postfix.site.paths.data / "spool" / REPORT_SOCKET
    said: list[str] = []
    task = asyncio.create_task(DAEMON.attend(_telling(stage), said.append))
    try:
        async with asyncio.timeout(60):
            while not at.exists():  # noqa: ASYNC110 - nobody could tell
                await asyncio.sleep(0.02)
        yield at.parent
    finally:
        task.cancel()
        await finish(asyncio.wait([task]))
    assert said == []


def _telling(stage: MailStage) -> Site:
    return replace(stage.postfix.site, features=frozenset({TLSRPT}))


async def _told(folder: Path, times: int) -> None:
    """Wait until so many handshakes are written down."""
    file = folder / journal.JOURNAL
    async with asyncio.timeout(60):
        while not file.exists() or len(list(journal.read(file))) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _pass(stage: MailStage) -> list[str]:
    config = stage.postfix.site.paths.state / FILE
    config.write_text(tls_reports.render(_telling(stage)))
    done = await run_pass("mailstack.reports.tls", "--config", str(config), "--now", timeout_s=120)
    assert done.status == 0, done.for_the_log
    result = json.loads(done.last)
    assert result["waiting"] is False
    assert 'mailstack_tls_reports_sent_total{outcome="sent"} 1.0' in result["numbers"]
    return list(done.said)
