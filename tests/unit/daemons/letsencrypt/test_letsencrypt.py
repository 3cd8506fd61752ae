"""The keeper of the certificate as a service: what it may do, its folders."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden.sites import site

from mailstack.aio.http import Answer, HttpServer, Request, document
from mailstack.daemons.contract import Attended, Outspoken, Paths
from mailstack.daemons.letsencrypt import DAEMON
from mailstack.daemons.letsencrypt.render import SECRET
from mailstack.deploy.kubernetes.names import secret
from mailstack.topology.model import Endpoint

VERSION = (0, 1, 0)
TYPICAL = site("letsencrypt", version=VERSION)


def test_the_secret_is_the_declared_one() -> None:
    """What it writes on a cluster is what the others mount."""
    assert secret("tls") == SECRET


def test_it_is_attended_and_outspoken() -> None:
    """Its agent has its orders done, and passes on what it has to say."""
    assert isinstance(DAEMON, Attended)
    assert isinstance(DAEMON, Outspoken)


def test_its_folders_are_closed(tmp_path: Path) -> None:
    """Account and pages are its own; what an earlier order left there stays, its pages go."""
    where = replace(TYPICAL, paths=Paths(tmp_path, "letsencrypt"))
    kept, pages = where.paths.data / "account", where.paths.run / "pages"
    for folder in (kept, pages):
        folder.mkdir(parents=True)
        (folder / "file").write_text("text")
    DAEMON.prepare(where)
    DAEMON.prepare(where)
    assert (kept / "file").read_text() == "text"
    assert not list(pages.iterdir())
    for folder in (kept, pages):
        assert folder.stat().st_mode & 0o777 == 0o700
        if os.geteuid() == 0:
            assert folder.stat().st_uid == where.account.uid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a folder to an account")
def test_it_may_exchange_the_certificate(tmp_path: Path) -> None:
    """On one machine the folder of the certificate is its own; the files in it are not touched."""
    where = replace(TYPICAL, paths=Paths(tmp_path, "letsencrypt"))
    tls = where.paths.secure / "tls"
    tls.mkdir(parents=True)
    (tls / "privkey.pem").write_text("key")
    before = (tls / "privkey.pem").stat().st_uid
    DAEMON.prepare(where)
    assert tls.stat().st_uid == where.account.uid
    assert (tls / "privkey.pem").stat().st_uid == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives files to an account")
def test_a_link_gives_nothing_away(tmp_path: Path) -> None:
    """What the account has put into its folder does not become its own at the next start."""
    where = replace(TYPICAL, paths=Paths(tmp_path, "letsencrypt"))
    kept = where.paths.data / "account"
    kept.mkdir(parents=True)
    for name in ("target", "twice"):
        (tmp_path / name).write_text("root's")
    (kept / "link").symlink_to(tmp_path / "target")
    (kept / "hard").hardlink_to(tmp_path / "twice")
    (kept / "account.pem").write_text("made by root")
    DAEMON.prepare(where)
    assert (kept / "account.pem").stat().st_uid == where.account.uid
    assert {(tmp_path / name).stat().st_uid for name in ("target", "twice")} == {0}
    assert where.paths.run.stat().st_uid == 0


async def test_what_it_has_to_say() -> None:
    """The remark is what the program says; where that does not answer, there is none."""
    told = HttpServer(_says)
    async with await asyncio.start_server(told.serve, "127.0.0.1", 0) as server:
        at = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        where = replace(TYPICAL, addresses={"letsencrypt.http": at})
        assert await DAEMON.remark(where) == "the certificate is without a.example"
    assert not await DAEMON.remark(where)


async def _says(request: Request) -> Answer:
    assert request.path == ("status",)
    return document({"remark": "the certificate is without a.example"})
