"""``python -m mailstack.contentfilter --config FILE``: run the filter until told to stop."""

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 - large messages need it after root is given up
import encodings.idna  # noqa: F401 - likewise, for names of hosts
import gc
import logging
import signal
import sys
from pathlib import Path

import uvloop

from mailstack.aio.privileges import drop
from mailstack.contentfilter.config import Config, load
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.following import Following
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import Own, own_or_shared
from mailstack.contentfilter.service import Service
from mailstack.errors import ConfigError, MailstackError
from mailstack.feed import Reader
from mailstack.observe import log
from mailstack.topology.model import Endpoint

_log = logging.getLogger("mailstack.contentfilter")


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had.
    """
    config = load(file)
    service = make_service(config)
    await service.start()
    drop(config.uid, config.gid, config.groups)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, service, file)
    await service.run(stop)


def make_service(config: Config) -> Service:
    """Put the filter together. Reads the API's token, which its account may not.

    Raises:
        ConfigError: the token cannot be read.
    """
    own = Own()
    following = None if config.couchmail is None else Following(own, _reader(config))
    own.known = following is None
    profiles = own_or_shared(own, config.delimiter)
    filter_ = Filter(config, FilterMetrics(), profiles)
    return Service(filter_, None if following is None else following.run)


def _reader(config: Config) -> Reader:
    if config.couchmail is None or config.token_file is None:
        raise ConfigError("couchmail and token_file go together", advice="render the file anew")
    try:
        token = config.token_file.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the API's token cannot be read: {error}") from error
    return Reader(Endpoint(*config.couchmail), token)


def _reload(service: Service, file: Path) -> None:
    try:
        service.reload(load(file))
    except ConfigError as error:
        _log.error("goes on as before: %s", error)
    else:
        _log.info("reads its configuration anew")


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.contentfilter", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    arguments = parser.parse_args()
    log.configure()
    gc.freeze()  # what is imported stays: the collector need not look at it each time
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(arguments.config))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"contentfilter: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
