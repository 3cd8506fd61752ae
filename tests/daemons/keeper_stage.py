"""couchmail, spamd and the keeper between them on stage, and questions to each."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.daemons.couchmail_stage import api
from tests.daemons.stage import EXAMPLE, Running, running, site_for

from mailstack.aio.files import replace_text
from mailstack.daemons.couchmail import DAEMON as COUCHMAIL
from mailstack.daemons.spamassassin import DAEMON as SPAMD
from mailstack.daemons.spamkeeper import DAEMON as KEEPER
from mailstack.model.addresses import Address
from mailstack.model.spamkey import spam_key
from mailstack.settings import Settings

OFFSET = 4200
TOKEN = "a-token-of-at-least-32-characters"
LOCAL = Settings.model_validate({**EXAMPLE, "spam": {"network_tests": False}})
ANN, BOB = "ann@example.org", "bob@example.org"
ANNS, BOBS = spam_key(Address(ANN)), spam_key(Address(BOB))
SOON = {"soon.cf": "bayes_min_ham_num 5\nbayes_min_spam_num 5\n"}
"""A database counts after five messages of each kind instead of 200."""
USER = {"password": "{SHA512-CRYPT}$6$abcdefgh$" + 86 * "a"}


@dataclass(frozen=True, slots=True)
class Trio:
    """The three, running."""

    couchmail: Running
    spamd: Running
    keeper: Running

    @property
    def users(self) -> Path:
        return self.spamd.site.paths.data / "users"

    async def write(self, path: str, document: Mapping[str, Any]) -> None:
        async with api(self.couchmail) as client:
            answer = await client.put(f"/v1/{path}", json=document)
            assert answer.is_success, answer.text

    async def remove(self, path: str) -> None:
        async with api(self.couchmail) as client:
            assert (await client.delete(f"/v1/{path}")).is_success

    async def ask(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        token: str = TOKEN,
    ) -> httpx.Response:
        """Ask the keeper."""
        headers = {"authorization": f"Bearer {token}"}
        port = self.keeper.site.addresses["spamkeeper.http"].port
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            return await client.request(method, path, json=document, headers=headers)

    async def prepare(self, owner: str) -> None:
        key = spam_key(Address(owner))
        answer = await self.ask("POST", f"/users/{key}/prepare", {"owner": owner})
        assert answer.json() == {"training": f"{key}t", "plain": f"{key}n"}

    async def tell(self, user: str, message: bytes, *, spam: bool) -> bool:
        """Teach; say whether anything was learnt."""
        head = f"Message-class: {'spam' if spam else 'ham'}\r\nSet: local\r\n"
        return "DidSet" in await self._spamd("TELL", user, message, head)

    async def rules(self, user: str, message: bytes) -> frozenset[str]:
        """The names of the rules that hit."""
        answer = await self._spamd("SYMBOLS", user, message)
        assert " EX_OK" in answer, answer
        return frozenset(answer.partition("\r\n\r\n")[2].strip().split(","))

    async def score(self, user: str, message: bytes) -> tuple[float, float]:
        """Score and threshold."""
        answer = await self._spamd("CHECK", user, message)
        match = re.search(r"Spam: \w+ ; (-?[\d.]+) / ([\d.]+)", answer)
        assert match is not None, answer
        return float(match[1]), float(match[2])

    async def _spamd(self, verb: str, user: str, message: bytes, head: str = "") -> str:
        port = self.spamd.site.addresses["spamd.spamc"].port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        length = f"Content-length: {len(message)}\r\n\r\n"
        writer.write(f"{verb} SPAMC/1.5\r\nUser: {user}\r\n{head}{length}".encode() + message)
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        return answer.decode("utf-8", "replace")


@asynccontextmanager
async def trio(state: Path) -> AsyncIterator[Trio]:
    """Start couchmail with two users, spamd without network tests, and the keeper."""
    secure = state / "secure"
    secure.mkdir(mode=0o711)
    secure.chmod(0o711)
    couchmail_site = site_for(COUCHMAIL, state, offset=OFFSET)
    owner = couchmail_site.account.uid
    replace_text(secure / "api.token", TOKEN + "\n", mode=0o600, owner=owner)
    async with (
        running(COUCHMAIL, couchmail_site) as couchmail,
        running(SPAMD, site_for(SPAMD, state, offset=OFFSET, settings=LOCAL), SOON) as spamd,
        running(KEEPER, site_for(KEEPER, state, offset=OFFSET, settings=LOCAL)) as keeper,
    ):
        three = Trio(couchmail, spamd, keeper)
        for address in (ANN, BOB):
            await three.write(f"users/{address}", USER)
        yield three


async def until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for what another process does on disk."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


def message(text: str, *, number: int = 0, sender: str = "eve@example.com") -> bytes:
    """As it leaves the content filter."""
    return (
        f"Return-Path: <{sender}>\r\n"
        "Received: from mx.example.com (mx.example.com [192.0.2.7])\r\n"
        f"\tby mail.example.org (Postfix) with ESMTP id 4X{number:06}\r\n"
        "\tfor <ann@example.org>; Fri, 27 Nov 2026 12:00:00 +0000\r\n"
        f"From: Eve <{sender}>\r\nTo: Ann <ann@example.org>\r\nSubject: {text[:30]}\r\n"
        f"Date: Fri, 27 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{number}@example.com>\r\n"
        f"\r\n{text}\r\n"
    ).encode()
