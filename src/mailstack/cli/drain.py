"""``mailstack drain SERVICE``: what a pod does before it ends. Run in the service's container."""

import asyncio
import sys

from mailstack.cli.invocation import Invocation
from mailstack.daemons.contract import Paths
from mailstack.errors import ServiceFailed


def drain(invocation: Invocation, service: str) -> None:
    """Let the service finish what is under way, and take nothing new.

    Raises:
        ServiceFailed: it does not run here, or has nothing to drain.
    """
    if service != "postfix":
        raise ServiceFailed(
            f"{service!r} has nothing to drain", advice="postfix is what accepts and keeps mail"
        )
    from mailstack.daemons.postfix.drain import drain as drain_postfix  # noqa: PLC0415

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    asyncio.run(drain_postfix(Paths(invocation.state, service), say))
