"""How the keeper of the certificate is prepared, checked, run, attended to and probed."""

import json
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import h11

from mailstack.aio.dialog import connect
from mailstack.aio.http_client import Peer
from mailstack.daemons import program
from mailstack.daemons.contract import Account, ProbeFailed, Site
from mailstack.daemons.letsencrypt import render
from mailstack.letsencrypt import attend
from mailstack.letsencrypt.config import Config

PROBE_PATH: Final = "/.well-known/acme-challenge/-"
"""As an authority asks, for what no order waits for."""


def _own_files(folder: Path, account: Account) -> None:
    """Give root's files to the account.

    Never what the account may have put there itself: a link would give away what it leads to. For
    the same reason the folders in which root makes things stay root's.
    """
    if os.geteuid() != 0:
        return
    for file in folder.iterdir():
        found = file.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == 0:
            os.chown(file, account.uid, account.gid, follow_symlinks=False)


class LetsEncrypt(program.OwnProgram):
    """The keeper of the certificate, by the contract of all daemons."""

    name = "letsencrypt"
    config = Config
    files = staticmethod(render.render)
    packages: Sequence[str] = ("ca-certificates",)
    programs: Sequence[str] = ("update-ca-certificates",)

    def prepare(self, site: Site) -> None:
        """Make its folders, and let it exchange the certificate, where that is a file.

        What an order by root has left is its own, too. Pages of an order that was cut short go.
        """
        kept, pages = site.paths.data / "account", site.paths.run / "pages"
        program.own_folder(kept, site.account)
        _own_files(kept, site.account)
        shutil.rmtree(pages, ignore_errors=True)
        program.own_folder(pages, site.account)
        tls = site.paths.secure / "tls"
        if tls.is_dir():
            program.own(tls, site.account)

    async def attend(self, site: Site, say: Callable[[str], None]) -> None:
        """Have its orders done by processes that end."""
        await attend.attend(site.paths.conf / render.FILE, say)

    async def probe(self, site: Site) -> None:
        """Ask as an authority would.

        Whether the certificate is in order is no part of it: a pod that is taken out of its Service
        for that could prove no name any more.
        """
        endpoint = program.reachable(site.addresses["letsencrypt.web"])
        request = f"GET {PROBE_PATH} HTTP/1.1\r\nHost: {endpoint}\r\nConnection: close\r\n"
        try:
            async with connect(endpoint, timeout_s=program.PROBE_TIMEOUT_S) as dialog:
                await dialog.send(request)
                status = await dialog.line()
        except OSError as error:
            raise ProbeFailed(f"http://{endpoint} does not answer: {error!r}") from error
        if f" {HTTPStatus.NOT_FOUND.value} " not in f"{status} ":
            raise ProbeFailed(f"http://{endpoint}{PROBE_PATH} answers {status!r}")

    async def remark(self, site: Site) -> str:
        """What the owner should know about the certificate."""
        peer = Peer(program.reachable(site.addresses["letsencrypt.http"]))
        with suppress(OSError, h11.ProtocolError, ValueError, KeyError):
            status, body = await peer.ask("GET", "/status", timeout_s=program.PROBE_TIMEOUT_S)
            if status == HTTPStatus.OK:
                return str(json.loads(body)["remark"])
        return ""
