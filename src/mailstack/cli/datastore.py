"""How a command reaches couchmail: by its socket where it runs, else as the service does it is in.

In a container without couchmail there is no socket; the network lets its service's calls through,
and the token that this service has is mounted there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from mailstack.cli.invocation import Invocation
from mailstack.cli.run import ENGINE
from mailstack.client import TIMEOUT_S, Client, TcpTransport, UnixTransport
from mailstack.errors import MailstackError, MissingProgram

_TOKEN: Final = "api.token"  # noqa: S105 - the name of its file


def client(invocation: Invocation, service: str, *, timeout_s: float = TIMEOUT_S) -> Client:
    """Return a client of couchmail's API.

    Args:
        invocation: of this command.
        service: whose container this may be, or which job; it has a link to couchmail's API.
        timeout_s: for one answer.

    Raises:
        MailstackError: in a container that has neither couchmail's socket nor a token.
    """
    if not in_container() or invocation.api_socket.exists():
        return Client(UnixTransport(invocation.api_socket), timeout_s=timeout_s)
    from mailstack.topology.addresses import cluster  # noqa: PLC0415 - in containers only
    from mailstack.topology.stack import STACK  # noqa: PLC0415

    endpoint = cluster(STACK, service)["couchmail.api"]
    return Client(TcpTransport(endpoint, _token(invocation, service)), timeout_s=timeout_s)


def _token(invocation: Invocation, service: str) -> str:
    file = invocation.state / "secure" / _TOKEN
    try:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise MailstackError(
            f"the datastore is not reached from this container: there is no {file}",
            advice=f"run the command in the container of couchmail, or of {service}",
        ) from error


@contextmanager
def checked_in(service: str) -> Iterator[None]:
    """Have what needs a program that only the image of ``service`` has say so, in a container.

    Raises:
        MissingProgram: the program is not here.
    """
    try:
        yield
    except MissingProgram as error:
        if not in_container():
            raise
        advice = f"run the command in the container of {service}, which has it"
        raise MissingProgram(error.what, advice=advice) from error


def in_container() -> bool:
    """Whether this is the container of one service, or of a job."""
    return os.environ.get(ENGINE) == "pod"
