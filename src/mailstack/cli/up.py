"""``mailstack up``: install what is missing, and start the stack, in front or in the back."""

import sys
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, Final

from mailstack.agent.options import Options
from mailstack.cli.invocation import Invocation
from mailstack.cli.owner import TIMEOUT_S, missing_mailbox
from mailstack.cli.progress import Progress
from mailstack.client import Client, UnixTransport
from mailstack.errors import ServiceFailed
from mailstack.supervisor import client

if TYPE_CHECKING:
    from collections.abc import Iterable

_SILENCE_S: Final = 120.0
"""Between two events of a start: a daemon has 60 s to become healthy, its checker 30."""


def up(invocation: Invocation, *, detach: bool) -> None:
    """Start everything. In the background: return once all is healthy.

    Raises:
        MailstackError: it did not come up; everything has been stopped again.
    """
    running = client.connect(invocation.state)
    if running is not None:
        with running:
            client.ask(running, "watch")
            _join(running_events=client.events(running, _SILENCE_S), detach=detach)
        return
    _check_first(invocation)
    _install_missing(invocation)
    if detach:
        _up_in_background(invocation)
        _warn(invocation)
    else:
        _up_in_front(invocation)


def _options(invocation: Invocation) -> Options:
    return Options(invocation.config.absolute(), invocation.state, invocation.sets)


def _join(*, running_events: "Iterable[dict[str, Any]]", detach: bool) -> None:
    """Somebody has started it already: wait until it is healthy, too."""
    if not detach:
        raise ServiceFailed("the stack runs already", advice="see 'mailstack status'")
    _wait(running_events, StringIO())
    sys.stdout.write("The stack runs already.\n")


def _check_first(invocation: Invocation) -> None:
    """Refuse a start that cannot succeed, while nothing has been made or installed."""
    import asyncio  # noqa: PLC0415 - slow

    from mailstack.supervisor.start import check_first  # noqa: PLC0415 - slow

    asyncio.run(check_first(_options(invocation)))


def _install_missing(invocation: Invocation) -> None:
    from mailstack.install import debian, programs  # noqa: PLC0415
    from mailstack.supervisor.start import daemons_of_the_stack  # noqa: PLC0415 - slow

    daemons = daemons_of_the_stack(invocation.settings).values()
    packages = programs.missing_packages(daemons)
    if packages:
        sys.stdout.write(f"Installing {' '.join(packages)}\n")
        with Progress(sys.stdout) as progress:
            debian.install(packages, progress.step)


def _up_in_background(invocation: Invocation) -> None:
    from mailstack.agent.state import lay_out  # noqa: PLC0415
    from mailstack.supervisor.launch import launch  # noqa: PLC0415

    lay_out(invocation.state, ())
    log = invocation.state / "log" / "supervisor.log"
    launched = launch(_options(invocation), log)
    with launched.connection as connection:
        if not _wait(client.events(connection, _SILENCE_S), sys.stdout):
            launched.process.wait()
            raise ServiceFailed("the supervisor ended before all was healthy", advice=f"see {log}")


def _warn(invocation: Invocation) -> None:
    client = Client(UnixTransport(invocation.api_socket), timeout_s=TIMEOUT_S)
    warning = missing_mailbox(client, invocation.settings.email)
    if warning:
        sys.stderr.write(f"mailstack: {warning}\n")


def _wait(events: "Iterable[dict[str, Any]]", out: IO[str]) -> bool:
    """Show events until the start has ended; return whether it did.

    Raises:
        ServiceFailed: it failed, or was stopped.
    """
    with Progress(out) as progress:
        for event in events:
            match event:
                case {"service": name, "state": state, "reason": reason, "at_s": at_s}:
                    progress.service(name, state, reason, at_s)
                case {"note": note}:
                    progress.line(note)
                case {"started": True}:
                    progress.end()
                    return True
                case {"failed": reason}:
                    raise ServiceFailed(reason)
                case {"stopped": True}:
                    raise ServiceFailed("the stack was stopped before all was healthy")
    return False


def _up_in_front(invocation: Invocation) -> None:
    import uvloop  # noqa: PLC0415

    from mailstack.observe.log import Stream, configure  # noqa: PLC0415
    from mailstack.supervisor.logs import Logs  # noqa: PLC0415
    from mailstack.supervisor.start import supervise  # noqa: PLC0415
    from mailstack.topology.stack import STACK  # noqa: PLC0415

    configure()
    stream = Stream([service.name for service in STACK.services])
    uvloop.run(supervise(_options(invocation), Logs(invocation.state, stream).write))
