"""Real Postfix asks a real couchmail, by both of its protocols."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.daemons.couchmail_stage import couchmail
from tests.daemons.stage import Running, state_folder

from mailstack.aio.command import Finished, run
from mailstack.daemons.contract import ProbeFailed
from mailstack.model.passwords import hash_password

if shutil.which("postmap") is None:
    pytest.skip("postmap is missing: install postfix", allow_module_level=True)

MANY = [f"somebody.with.a.long.name.{number:04}@elsewhere.example" for number in range(900)]
DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "users/ann@example.org": {"password": hash_password("secret")},
    "users/bob@example.org": {"password": hash_password("secret"), "enabled": False},
    "aliases/info@example.org": {"targets": ["ann@example.org", "far@elsewhere.example"]},
    "aliases/many@example.org": {"targets": MANY},
}


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@pytest.fixture
async def stage(state: Path) -> AsyncIterator[Running]:
    async with couchmail(state, DOCUMENTS) as running:
        yield running


async def postmap(stage: Running, kind: str, port: str, key: str) -> Finished:
    """Look up ``key`` as Postfix does. ``kind`` is ``tcp``, or the name of a socketmap."""
    peer = stage.site.addresses[f"couchmail.{port}"]
    table = f"tcp:{peer}" if kind == "tcp" else f"socketmap:inet:{peer}:{kind}"
    return await run(["postmap", "-c", str(_postfix_conf(stage)), "-q", key, table])


def _postfix_conf(stage: Running) -> Path:
    """The smallest configuration that postmap takes."""
    conf = stage.site.paths.state / "postfix"
    if not conf.exists():
        conf.mkdir()
        (conf / "main.cf").write_text("compatibility_level = 3.6\nmail_owner = postfix\n")
        # Postfix waits for two seconds when its main.cf has just been written.
        os.utime(conf / "main.cf", (0, 0))
    return conf


ANSWERS = (
    ("domains", "domains", "example.org", "example.org"),
    ("domains", "tcp", "example.org", "example.org"),
    ("domains", "domains", "elsewhere.example", None),
    ("domains", "tcp", "elsewhere.example", None),
    ("mailboxes", "mailboxes", "ann@example.org", "ann@example.org"),
    ("mailboxes", "mailboxes", "ann+tag@example.org", "ann@example.org"),
    ("mailboxes", "tcp", "ann@example.org", "ann@example.org"),
    ("mailboxes", "mailboxes", "bob@example.org", None),
    ("mailboxes", "tcp", "nobody@example.org", None),
    ("aliases", "aliases", "info@example.org", "ann@example.org, far@elsewhere.example"),
    ("aliases", "tcp", "info@example.org", "ann@example.org, far@elsewhere.example"),
    ("aliases", "aliases", "many@example.org", ", ".join(MANY)),
    ("aliases", "aliases", "ann@example.org", None),
    ("aliases", "senders", "ann@example.org", "ann@example.org"),
    ("aliases", "senders", "info@example.org", "ann@example.org"),
    ("aliases", "senders", "nobody@example.org", None),
)
"""Port, kind of table, key, and what postmap prints; None: not found."""


async def test_postfix_gets_the_answers(stage: Running) -> None:
    """What is found is printed, what is not found is exit code 1 without a word."""
    for port, kind, key, answer in ANSWERS:
        found = await postmap(stage, kind, port, key)
        expected = (1, "") if answer is None else (0, answer)
        assert (found.status, found.output.strip()) == expected, (kind, key)


@pytest.mark.parametrize("kind", ["tcp", "mailboxes"])
async def test_an_outage_is_an_error_for_postfix(stage: Running, kind: str) -> None:
    """With the datastore gone Postfix sees a table error, on which it defers; never 'not found'."""
    for file in (stage.site.paths.data / "store").glob("mail.sqlite*"):
        file.unlink()
    while True:
        try:
            await stage.daemon.probe(stage.site)
        except ProbeFailed:
            break
    found = await postmap(stage, kind, "mailboxes", "ann@example.org")
    assert found.status == 1
    assert "ann@example.org" not in found.output.splitlines()
    assert "query error" in found.output or "lookup error" in found.output, found.output


async def test_too_long_for_tcp_is_an_error_for_postfix(stage: Running) -> None:
    """An alias beyond 4,096 octets is deferred, not bounced, when asked by tcp_table."""
    found = await postmap(stage, "tcp", "aliases", "many@example.org")
    assert found.status == 1
    assert "query error" in found.output or "lookup error" in found.output, found.output


async def test_it_runs_as_its_own_account(stage: Running) -> None:
    """Neither root nor anybody who owns something else."""
    owner = stage.site.account.uid
    assert Path(f"/proc/{stage.pid}").stat().st_uid == owner  # noqa: ASYNC240 - of /proc
    token = stage.site.paths.secure / "api.token"
    assert (token.stat().st_uid, token.stat().st_mode & 0o777) == (owner, 0o600)
