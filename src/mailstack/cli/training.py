"""Asks the trainer for a run, and shows how it goes."""

import http.client
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mailstack.cli.invocation import Invocation
from mailstack.cli.run import ENGINE
from mailstack.errors import MailstackError
from mailstack.topology.model import LOOPBACK, Endpoint

if TYPE_CHECKING:
    from rich.progress import TaskID

TIMEOUT_S: Final = 1200.0
"""Between two lines, above the trainer's patience with a service that restarts."""
_OK: Final = 200

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trainer:
    """The trainer of one stack on this machine."""

    endpoint: Endpoint
    token: str

    @classmethod
    def of(cls, invocation: Invocation) -> "Trainer":
        """Find it.

        Raises:
            MailstackError: there is no token: the stack has never run, or is somebody else's.
        """
        file = invocation.state / "secure" / "api.token"
        try:
            token = file.read_text(encoding="ascii").strip()
        except PermissionError as error:
            raise MailstackError(f"{file} may not be read", advice="run as root") from error
        except OSError as error:
            raise MailstackError(
                f"there is no {file}", advice="start the stack with 'mailstack up'"
            ) from error
        return cls(_endpoint(invocation), token)

    def lines(self, users: Sequence[str]) -> Iterator[Line]:
        """Begin a run, and yield what the trainer tells of it.

        Raises:
            MailstackError: it is not there, does not want to, or broke off.
        """
        at, body = self.endpoint, json.dumps({"users": users})
        connection = http.client.HTTPConnection(at.host, at.port, timeout=TIMEOUT_S)
        with closing(connection):
            try:
                headers = {"Authorization": f"Bearer {self.token}"}
                connection.request("POST", "/train", body, headers)
                answer = connection.getresponse()
                if answer.status != _OK:
                    words = answer.read(1000).decode("utf-8", "replace").strip()
                    raise MailstackError(f"the trainer refuses: {words}")
                yield from map(json.loads, answer)
            except ConnectionRefusedError as error:
                raise MailstackError(
                    "the trainer does not run", advice="see 'mailstack status'"
                ) from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise MailstackError(
                    f"the trainer broke off: {error!r}", advice="call it again to go on"
                ) from error


def train(trainer: Trainer, users: Sequence[str]) -> Iterator[Line]:
    """Run it, and yield what became of each user; a line that names none is a failure of all."""
    ended = False
    with _bars() as show:
        for line in trainer.lines(users):
            show(line)
            match line["event"]:
                case "done" | "failed":
                    yield line
                case "end":
                    ended = True
    if not ended:
        raise MailstackError("the trainer broke off", advice="call it again to go on")


@contextmanager
def _bars() -> Iterator[Callable[[Line], None]]:
    """Draw a bar for each user under way, where a person watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - only for a person
    from rich.progress import Progress  # noqa: PLC0415

    bars: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def show(line: Line) -> None:
            match line["event"]:
                case "begun":
                    bars[line["user"]] = progress.add_task(line["user"], total=None)
                case "progress":
                    done, total = line["done"], line["total"]
                    progress.update(bars[line["user"]], completed=done, total=total)
                case "done":
                    progress.remove_task(bars.pop(line["user"]))

        yield show


def _endpoint(invocation: Invocation) -> Endpoint:
    """Where the trainer listens: of this machine, or of this container, which is its own."""
    from mailstack.topology.stack import STACK  # noqa: PLC0415 - this command only

    port = STACK.service("trainer").port("http")
    if os.environ.get(ENGINE) == "pod":
        return Endpoint(LOOPBACK, port.inside)
    return Endpoint(LOOPBACK, port.number + invocation.settings.listen.port_offset)


def told(line: Line) -> str:
    """Say in a word what became of a run."""
    if line["gone"]:
        return "removed meanwhile"
    if line["undone"]:
        return "undone: more false positives"
    return "own filter in use" if line["own_bayes"] else ""
