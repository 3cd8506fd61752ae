"""Real Dovecot asks a real couchmail through socat: logins, users, quota, sieve."""

import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.daemons.couchmail_stage import OFFSET, api, couchmail, put
from tests.daemons.mailbox_clients import ANN, count, deliver, in_thread
from tests.daemons.stage import Running, make_certificate, running, site_for, state_folder

from mailstack.daemons.dovecot import DAEMON
from mailstack.daemons.dovecot.sieve import compile_script
from mailstack.errors import MissingProgram
from mailstack.model.passwords import hash_password

try:
    DAEMON.version()
except MissingProgram as missing:
    pytest.skip(str(missing), allow_module_level=True)

HASH = hash_password("secret")
BOB = "bob@example.org"
DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    f"users/{ANN}": {"password": HASH},
    f"users/{BOB}": {"password": HASH, "quota": 5 * 1024**2},
    f"users/{ANN}/sieve/lists": {
        "text": 'require "fileinto";\nfileinto "Trash";\n',
        "active": True,
    },
}


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@asynccontextmanager
async def both(state: Path) -> AsyncIterator[tuple[Running, Running]]:
    """Dovecot and the couchmail behind it."""
    make_certificate(state)
    async with couchmail(state, DOCUMENTS) as store:
        site = site_for(DAEMON, state, offset=OFFSET)
        async with running(DAEMON, site) as dovecot:
            yield dovecot, store


async def doveadm(dovecot: Running, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run doveadm with the configuration in force."""
    conf = str(dovecot.site.paths.conf / "dovecot.conf")
    argv = ["doveadm", "-c", conf, *arguments]
    return await in_thread(
        lambda: subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    )


async def test_logins(state: Path) -> None:
    """The right password is let in, in any case of the name; another one and a stranger are not."""
    async with both(state) as (dovecot, _):
        assert "auth succeeded" in (await doveadm(dovecot, "auth", "test", ANN, "secret")).stdout
        upper = await doveadm(dovecot, "auth", "test", ANN.upper(), "secret")
        assert "auth succeeded" in upper.stdout
        assert (await doveadm(dovecot, "auth", "test", ANN, "wrong")).returncode != 0
        assert (await doveadm(dovecot, "auth", "test", "x@example.org", "secret")).returncode != 0


async def test_users(state: Path) -> None:
    """``doveadm user '*'`` lists every login, and a new one is there at once."""
    async with both(state) as (dovecot, store):
        assert (await doveadm(dovecot, "user", "*")).stdout.split() == [ANN, BOB]
        await put(store, ("users/new@example.org", {"password": HASH}))
        assert "new@example.org" in (await doveadm(dovecot, "user", "*")).stdout.split()
        assert (await doveadm(dovecot, "auth", "test", "new@example.org", "secret")).returncode == 0


async def test_a_quota_of_ones_own(state: Path) -> None:
    """Dovecot takes it from the user's document; who has none is unlimited."""
    async with both(state) as (dovecot, _):
        assert await quota_kib(dovecot, BOB) == "5120"
        assert await quota_kib(dovecot, ANN) == "-"


async def quota_kib(dovecot: Running, login: str) -> str:
    """The limit of the mailbox, as doveadm prints it."""
    found = await doveadm(dovecot, "-f", "tab", "quota", "get", "-u", login)
    rows = [line.split("\t") for line in found.stdout.splitlines()]
    (limit,) = [row[rows[0].index("Limit")] for row in rows if "STORAGE" in row]
    return limit


async def test_the_active_script_files_mail(state: Path) -> None:
    """Dovecot reads the script through the dict port; a changed one counts for the next message."""
    async with both(state) as (dovecot, store):
        (answer,) = await deliver(dovecot.site, ANN)
        assert answer.startswith("250 ")
        assert await count(dovecot.site, "Trash") == 1
        await put(store, (f"users/{ANN}/sieve/lists", {"text": "keep;\n", "active": True}))
        await deliver(dovecot.site, ANN)
        assert await count(dovecot.site, "INBOX") == 1
        async with api(store) as client:
            await client.post(f"/v1/users/{ANN}/sieve/lists/deactivate")
        await deliver(dovecot.site, ANN)
        assert await count(dovecot.site, "INBOX") == 2


async def test_an_outage_is_temporary_for_dovecot(state: Path) -> None:
    """With the datastore gone nobody becomes an unknown user."""
    async with both(state) as (dovecot, store):
        for file in (store.site.paths.data / "store").glob("mail.sqlite*"):
            file.unlink()
        async with api(store) as client:
            while (await client.get("/readyz")).is_success:
                continue
        (answer,) = await deliver(dovecot.site, ANN)
        assert answer.startswith("451 "), answer


@pytest.mark.parametrize("kib", [200, 1000])
async def test_a_large_script(state: Path, kib: int) -> None:
    """What the datastore takes compiles, travels in one line of the dict protocol, and runs."""
    rule = 'if header :is "X-Number" "%d" { discard; }\n'
    rules = "".join(rule % number for number in range(kib * 1024 // 60))
    padding = "# padding\n" * (kib * 1024 // 10 - len(rules) // 10 - 100)
    text = f'require "fileinto";\n{rules}{padding}fileinto "Archive";\n'
    assert kib * 1000 < len(text) < kib * 1024
    await compile_script(text)
    async with both(state) as (dovecot, store):
        await put(store, (f"users/{ANN}/sieve/lists", {"text": text, "active": True}))
        (answer,) = await deliver(dovecot.site, ANN)
        assert answer.startswith("250 ")
        assert await count(dovecot.site, "Archive") == 1
