"""Tables for an OpenDKIM that was built without Lua: written anew when a key changes.

The agent follows couchmail's feed and has a pass write them (``mailstack.dkim.tables``); then it
tells OpenDKIM, which reads its configuration and tables anew for the next client, while clients
that are there go on with the old ones. Tables that it cannot read it refuses as a whole, and goes
on with the old ones (``dkimf_config_reload`` of 2.10.3 and 2.11).

Before the first pass nothing is known of whom to sign for, so the tables that are there then have
everybody come again. While couchmail is away the last tables stay.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final, Never

from mailstack.aio.backoff import Backoff
from mailstack.aio.files import replace_text
from mailstack.daemons import program
from mailstack.daemons.contract import Site
from mailstack.daemons.opendkim import conf
from mailstack.errors import MailstackError
from mailstack.feed import Reader, follow
from mailstack.program.passes import run_pass

FILE: Final = "tables.json"
UNTOLD: Final = "# Written anew once it is known whom to sign for; until then mail has to wait.\n"
_EVERYBODY: Final = "* untold\n"
"""Names a key that there is not, and OpenDKIM answers 451 to that."""
_TOKEN: Final = "api.token"  # noqa: S105 - the name of its file
_PROGRAM: Final = "mailstack.dkim.tables"
_PASS_S: Final = 600.0
_PROC: Final = Path("/proc")


def render(site: Site) -> str:
    """What a pass is told. Names are those of ``mailstack.dkim.tables.Config``."""
    fields = {
        "api": site.addresses["couchmail.api"],
        "secure": site.paths.secure,
        "one_key": site.paths.secure / conf.KEY,
        "selector": site.settings.dkim.selector,
        "folder": site.paths.run / conf.TABLES,
        "uid": site.account.uid,
        "gid": site.account.gid,
    }
    return program.json_file(FILE, fields)[FILE]


def prepare(site: Site) -> None:
    """Make the folder and its first tables; later ones stay."""
    folder = site.paths.run / conf.TABLES
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    os.chown(folder, site.account.uid, site.account.gid)
    for name, line in ((conf.KEY_FILE, ""), (conf.SIGNING_FILE, _EVERYBODY)):
        if not (folder / name).exists():
            replace_text(
                folder / name,
                UNTOLD + line,
                mode=0o600,
                owner=site.account.uid,
                group=site.account.gid,
            )


async def attend(site: Site, say: Callable[[str], None]) -> Never:
    """Keep them as the datastore has it, until cancelled."""
    if conf.has_scripts(site):
        await asyncio.Event().wait()
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(site, changed))
        tasks.create_task(_write(site, changed, say))
    raise AssertionError("unreachable: none of the tasks ends")


async def _follow(site: Site, changed: asyncio.Event) -> Never:
    token = (site.paths.secure / _TOKEN).read_text("ascii").strip()
    reader = Reader(site.addresses["couchmail.api"], token)
    position = await _position(reader)
    changed.set()
    async for batch in follow(reader, position):
        if batch.fresh or any(one.kind in {"dkim", "domain"} for one in batch.changes):
            changed.set()
    raise AssertionError("unreachable: the feed has no end")


async def _position(reader: Reader) -> int:
    """Where the feed is now; what there is already is written as a whole."""
    backoff = Backoff()
    while True:
        try:
            return (await reader.page("dkim")).position
        except MailstackError:
            await asyncio.sleep(backoff.next_s())


async def _write(site: Site, changed: asyncio.Event, say: Callable[[str], None]) -> Never:
    backoff = Backoff()
    while True:
        await changed.wait()
        changed.clear()
        if await _pass(site, say):
            backoff.reset()
            await tell(site.paths.run / conf.PID_FILE)
        else:
            changed.set()
            await asyncio.sleep(backoff.next_s())


async def _pass(site: Site, say: Callable[[str], None]) -> bool:
    config = str(site.paths.conf / FILE)
    try:
        done = await run_pass(_PROGRAM, "--config", config, timeout_s=_PASS_S)
    except (OSError, TimeoutError) as error:
        say(f"dkim: the tables are as they were: {error!r}")
        return False
    for line in (*done.said, done.last):
        if line:
            say(line)
    return done.status == 0


async def tell(pid_file: Path) -> None:
    """Have OpenDKIM read its tables anew. One that only starts may have read the old ones.

    So this waits until it listens to the signal, or it would be lost, or end it.
    """
    backoff = Backoff(limit_s=5.0)
    while not (pid := _listening(pid_file)):  # noqa: ASYNC110 - another process gets there
        await asyncio.sleep(backoff.next_s())
    os.kill(pid, signal.SIGUSR1)


def _listening(pid_file: Path) -> int:
    """Return its pid once it waits for SIGUSR1; 0: not yet, or the number is somebody else's."""
    try:
        pid = int(pid_file.read_text())
        status = (_PROC / str(pid) / "status").read_text()
    except (OSError, ValueError):
        return 0
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # it blocks the signal for all its threads but one, which takes it by sigwait(3)
    blocked = int(fields["SigBlk"], 16) >> (signal.SIGUSR1 - 1) & 1
    return pid if fields["Name"] == "opendkim" and blocked else 0
