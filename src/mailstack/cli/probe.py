"""Ask the agent of a container, from inside of it: compose's health check, and a person's."""

import http.client
import sys
from http import HTTPStatus
from typing import Final

from mailstack.errors import ServiceFailed
from mailstack.topology.model import LOOPBACK
from mailstack.topology.stack import STACK

_TIMEOUT_S: Final = 5.0
_MAX_WORDS: Final = 1000


def probe(service: str) -> None:
    """Print that it is ready.

    Raises:
        ServiceFailed: it is not; in the agent's words.
    """
    names = [one.name for one in STACK.services]
    if service not in names:
        raise ServiceFailed(f"there is no service {service!r}", advice=f"one of {', '.join(names)}")
    connection = http.client.HTTPConnection(LOOPBACK, STACK.agent_port(service), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        words = answer.read(_MAX_WORDS).decode("utf-8", "replace").strip()
    except OSError as error:
        raise ServiceFailed(
            f"no agent of {service} answers here: {error}",
            advice="run this inside its container; on one machine ask 'mailstack status'",
        ) from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise ServiceFailed(f"{service} is {words}")
    sys.stdout.write(f"{service} is {words}\n")
