"""``python -m mailstack.spamkeeper --config FILE``: keep spamd's users until told to stop."""

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 - needed after root is given up
import encodings.idna  # noqa: F401 - likewise, for names of hosts
import signal
import sys
from pathlib import Path

from mailstack.aio.privileges import drop
from mailstack.errors import MailstackError
from mailstack.observe import log
from mailstack.spamkeeper.config import Config
from mailstack.spamkeeper.service import Service


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: the port cannot be had.
    """
    config = Config.read(file)
    service = Service(config, config.token_file.read_text().strip())
    await service.start()
    drop(config.uid, config.gid)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await service.run(stop)


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.spamkeeper", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    arguments = parser.parse_args()
    log.configure()
    try:
        asyncio.run(run(arguments.config))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"spamkeeper: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
