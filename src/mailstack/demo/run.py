"""The demonstration: tells the story, and cleans up whatever happens."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from mailstack.agent.state import check_root
from mailstack.demo import story_receive, story_send, story_start
from mailstack.demo.report import Report
from mailstack.demo.steps import Result, walk
from mailstack.demo.world import ADA, World
from mailstack.errors import MailstackError

STEPS: Final = (*story_start.STEPS, *story_receive.STEPS, *story_send.STEPS)


def run(report: Report, *, keep: bool) -> bool:
    """Tell the whole story; return whether every step succeeded.

    With ``keep`` the stack goes on, and the small internet with it, until the stack is stopped.
    After a failure the files stay, for their logs.

    Raises:
        ServiceFailed: we are not root.
    """
    check_root()
    with _terminable(), ExitStack() as cleanup:
        world = World(_new_folder(), cleanup, report.progress)
        cleanup.callback(_remove_folder, world)
        cleanup.callback(report.close)
        results = _tell(world, report)
        succeeded = all(result.succeeded for result in results)
        if not succeeded and (logs := world.folder / "var" / "log").exists():
            world.kept = True
            report.say(f"The stack's logs are in {logs}")
        if keep and world.keep():
            _say_how_to_use(world, report)
        return succeeded


def _tell(world: World, report: Report) -> list[Result]:
    report.say(f"Everything is written below {world.folder}")
    results: list[Result] = []
    for result in walk(STEPS, world, begin=report.begin):
        report.end(result)
        results.append(result)
    report.summary(results)
    with suppress(MailstackError, ValueError):
        status = world.stack.status()
        report.memory({**status["services"], "supervisor": status["supervisor"]})
    return results


def _say_how_to_use(world: World, report: Report) -> None:
    stack = world.stack
    program = f"./mailstack --config {stack.config} --state {stack.state}"
    report.say(f"The stack keeps running. {ADA} has the password {world.passwords.get(ADA)}")
    report.say(f"  IMAP over TLS  {stack.endpoint('dovecot', 'imaps')}")
    report.say(f"  submission     {stack.endpoint('postfix', 'submission')} with STARTTLS")
    report.say(f"  look at it     {program} status")
    report.say(f"  stop it        {program} down && rm -r {stack.folder}")


def _new_folder() -> Path:
    """Make the folder of one demonstration: a short path that the daemons' accounts may enter."""
    folder = Path(tempfile.mkdtemp(prefix="mailstack-demo-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def _remove_folder(world: World) -> None:
    if not world.kept:
        shutil.rmtree(world.folder, ignore_errors=True)


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM clean up as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
