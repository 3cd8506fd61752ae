"""Let smtpd read a proposed configuration before it is in force, and hear what it says.

Postfix's programs write to their log, not to standard error, and without a running stack they wait
in vain for it. So they are given a queue folder of their own in which the log's socket
(``public/postlog``) is ours. smtpd in stand-alone mode, as ``sendmail -bs`` uses it, reads every
general parameter and its own ones, greets and ends; no mail is taken.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mailstack.aio.command import Finished, run
from mailstack.daemons.accounts import account
from mailstack.daemons.postfix.logical_lines import Override, replace
from mailstack.daemons.postfix.main_override import NAME as MAIN_CF
from mailstack.daemons.postfix.main_override import parameter
from mailstack.daemons.postfix.spool import OWNER

MAX_LOG_LINE = 65_536


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A copy of the proposed folder, and the socket that gets its programs' log."""

    folder: Path
    log: socket.socket

    async def says(self, argv: Sequence[str]) -> tuple[Finished, str]:
        """Run a program with the copy; returns how it ended, and what it logged and printed."""
        finished = await run(argv, env={"MAIL_CONFIG": str(self.folder)})
        return finished, self._logged() + finished.output

    def _logged(self) -> str:
        lines: list[str] = []
        while True:
            try:
                lines.append(self.log.recv(MAX_LOG_LINE).decode("utf-8", "replace").rstrip("\0\n"))
            except BlockingIOError:
                return "".join(f"{line}\n" for line in lines)


@contextmanager
def rehearsal(proposed: Path) -> Iterator[Rehearsal]:
    """Copy ``proposed``, with folders of its own; all of it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="ms-") as name, _socket() as log:
        place = Path(name)
        place.chmod(0o755)
        shutil.copytree(proposed, place / "conf")
        _queue(place / "queue", log)
        main = place / "conf" / MAIN_CF
        own = {
            key: Override(f"{key} = {place / 'queue'}", MAIN_CF, 0)
            for key in ("queue_directory", "data_directory")
        }
        main.write_text(replace(main.read_text(), own, parameter))
        settle(main)
        yield Rehearsal(place / "conf", log)


def settle(main_cf: Path) -> None:
    """Date the file back a little.

    Every program of Postfix waits until main.cf has not changed for some seconds, lest it read one
    that is being written. Ours is written whole before its folder comes into force.
    """
    before = time.time() - 60
    os.utime(main_cf, (before, before))


@contextmanager
def _socket() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.settimeout(0)
        yield log


def _queue(queue: Path, log: socket.socket) -> None:
    """Make as much of a queue as smtpd looks at."""
    owner = account(OWNER)
    for path in (queue, queue / "public", queue / "pid"):
        path.mkdir()
        os.chown(path, owner.uid, owner.gid)
    log.bind(str(queue / "public" / "postlog"))
    (queue / "public" / "postlog").chmod(0o666)
