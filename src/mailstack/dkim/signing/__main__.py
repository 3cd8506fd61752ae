"""``python -m mailstack.dkim.signing --config FILE``: sign for who comes, until nobody does."""

import sys
from functools import partial
from pathlib import Path

from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.on_call import Server, handed_over
from mailstack.dkim.signing.config import Config
from mailstack.dkim.signing.session import SigningSession
from mailstack.program.run import execute, settle, told_to_stop


async def run(file: Path) -> None:
    """Serve until idle, SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered, or the master key is none.
        OSError: standard input is no socket.
    """
    config = Config.read(file)
    master = config.secure / MASTER
    opens = read_master(master) if master.exists() else None
    listening = handed_over()
    settle(config)
    session = partial(SigningSession, config, opens)
    await Server(session, config.idle_s).run(listening, told_to_stop())


def main() -> int:
    """Return the exit status."""
    return execute("dkim.signing", run)


if __name__ == "__main__":
    sys.exit(main())
