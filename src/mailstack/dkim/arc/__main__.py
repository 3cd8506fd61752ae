"""``python -m mailstack.dkim.arc --config FILE``: seal for who comes, until nobody does."""

import sys
from functools import partial
from pathlib import Path

from mailstack.dkim.arc.config import Config
from mailstack.dkim.arc.keys import Keys
from mailstack.dkim.arc.session import SealSession
from mailstack.dkim.on_call import Server, handed_over
from mailstack.identity.resolver import Resolver
from mailstack.program.run import execute, settle, told_to_stop


async def run(file: Path) -> None:
    """Serve until idle, SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered, or a key is none.
        OSError: standard input is no socket, or a key cannot be read.
    """
    config = Config.read(file)
    keys = Keys.read(config)
    resolver = Resolver(config.resolver.host, config.resolver.port)
    listening = handed_over()
    settle(config)
    session = partial(SealSession, keys.sealer, resolver.txt)
    await Server(session, config.idle_s).run(listening, told_to_stop())


def main() -> int:
    """Return the exit status."""
    return execute("dkim.arc", run)


if __name__ == "__main__":
    sys.exit(main())
