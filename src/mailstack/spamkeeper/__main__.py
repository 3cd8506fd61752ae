"""``python -m mailstack.spamkeeper --config FILE``: keep spamd's users until told to stop."""

import sys
from pathlib import Path

from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop
from mailstack.spamkeeper.config import Config
from mailstack.spamkeeper.service import Service


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: the port cannot be had.
    """
    config = Config.read(file)
    service = Service(config, secret(config.token_file))
    await service.start()
    settle(config)
    await service.run(told_to_stop())


def main() -> int:
    """Return the exit status."""
    return execute("spamkeeper", run)


if __name__ == "__main__":
    sys.exit(main())
