"""Real postscreen turns robots away before they reach smtpd."""

import asyncio

from tests.daemons.mail_stage import MailStage, mail_stage, settings

QUICK = {"main.cf": "postscreen_greet_wait = 1s\n"}
"""Postfix's own 6 seconds are too long for a test."""
TRANSACTION = "EHLO a.example\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<bob@example.org>\r\n"


async def test_robots_are_turned_away() -> None:
    """Who talks before the greeting, or is on a blocklist, does not get to send."""
    chosen = settings(smtp={"dnsbl_sites": ("bl.example*3",), "dnsbl_threshold": 3})
    async with mail_stage(chosen, QUICK) as stage:
        stage.peers.records["3.0.0.127.bl.example.", "A"] = "127.0.0.2"
        early = await _stranger(stage, "127.0.0.2", speaks_first=True)
        listed = await _stranger(stage, "127.0.0.3", speaks_first=False)
        decent = await _stranger(stage, "127.0.0.4", speaks_first=False)
    assert "550 5.5.1 Protocol error" in early or "521 5.5.1" in early, early
    assert "550 5.7.1 Service unavailable; client [127.0.0.3] blocked" in listed
    assert "250 2.1.5 Ok" in decent


async def _stranger(stage: MailStage, source: str, *, speaks_first: bool) -> str:
    """Try to send from ``source``; return all that was answered."""
    peer = stage.address("smtp")
    reader, writer = await asyncio.open_connection(peer.host, peer.port, local_addr=(source, 0))
    lines = [*TRANSACTION.splitlines(), "QUIT"]
    answer = ""
    async with asyncio.timeout(60):
        if not speaks_first:
            answer += await _reply(reader)
        for line in lines:
            writer.write(f"{line}\r\n".encode())
            answer += await _reply(reader)
        answer += (await reader.read()).decode()
    writer.close()
    return answer


async def _reply(reader: asyncio.StreamReader) -> str:
    text = ""
    while line := (await reader.readline()).decode():
        text += line
        if line[3:4] == " ":
            break
    return text
