"""``mailstack run SERVICE``: the agent of one service, as process 1 of a container runs it."""

import os
from typing import Final

from mailstack.agent.options import Options
from mailstack.cli.invocation import Invocation

ENGINE: Final = "MAILSTACK_ENGINE"
"""Environment variable that says what runs the services; ``pod``: each has addresses of its own."""


def run(invocation: Invocation, service: str) -> None:
    """Run the agent of ``service`` until SIGTERM.

    Raises:
        MailstackError: it did not come up.
    """
    import uvloop  # noqa: PLC0415 - a wrong name must not wait for it

    from mailstack.agent.alone import run_alone  # noqa: PLC0415

    options = Options(invocation.config.absolute(), invocation.state, invocation.sets)
    uvloop.run(run_alone(options, service, in_pod=os.environ.get(ENGINE) == "pod"))
