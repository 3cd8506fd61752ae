"""Old spam goes by itself."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemons.mailbox_clients import ANN, HAM, count, deliver, dovecot
from tests.daemons.stage import state_folder

from mailstack.aio.command import run

SPAM = f"X-Spam-Flag: YES\r\n{HAM}"
AT_ONCE = {"age.conf": "namespace inbox {\n  mailbox Spam {\n    autoexpunge = 1s\n  }\n}\n"}
"""What is a matter of days, in a test that has seconds. Spam is counted before it is in force."""


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


async def test_old_spam_is_removed(state: Path) -> None:
    """It goes when its user leaves or gets mail, and nothing goes from the Inbox."""
    async with dovecot(state) as (stage, _):
        assert (await deliver(stage.site, ANN, message=SPAM))[0].startswith("250")
        await deliver(stage.site, ANN)
        assert await count(stage.site, "Spam") == 1
    async with dovecot(state, AT_ONCE) as (stage, _), asyncio.timeout(60):
        while await count(stage.site, "Spam"):
            pass
        assert await count(stage.site, "INBOX") == 1


@pytest.mark.parametrize(("days", "expected"), [(30, ["30"]), (1, ["1"]), (0, [])])
async def test_the_age_is_a_setting(state: Path, days: int, expected: list[str]) -> None:
    """Dovecot reads it as days, which 2.3 shows as words and 2.4 as "d"; 0 keeps all."""
    async with dovecot(state, spam={"keep_days": days}) as (stage, _):
        told = await run(["doveconf", "-n", "-c", str(stage.site.paths.conf / "dovecot.conf")])
    assert re.findall(r"autoexpunge = (\d+) ?d", told.output) == expected
