"""``python -m mailstack.contentfilter --config FILE``: run the filter until told to stop."""

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 - large messages need it after root is given up
import encodings.idna  # noqa: F401 - likewise, for names of hosts
import signal
import sys
from pathlib import Path

import uvloop

from mailstack.aio.privileges import drop
from mailstack.contentfilter.config import Config, load
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.service import Service
from mailstack.errors import MailstackError
from mailstack.observe import log


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: a port cannot be had.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = Service(Filter(config))
    await service.start()
    drop(config.uid, config.gid, config.groups)
    await service.run(stop)


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.contentfilter", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    log.configure()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(load(parser.parse_args().config)))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"contentfilter: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
