"""``python -m mailstack.contentfilter --config FILE``: run the filter until told to stop."""

import sys
from pathlib import Path

import uvloop

from mailstack.contentfilter.config import Config
from mailstack.contentfilter.filter import Filter
from mailstack.contentfilter.following import Following
from mailstack.contentfilter.metrics import FilterMetrics
from mailstack.contentfilter.profiles import Own, own_or_shared
from mailstack.contentfilter.service import Service
from mailstack.errors import ConfigError
from mailstack.feed import Reader
from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop
from mailstack.topology.model import Endpoint


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT; read ``file`` anew at SIGHUP.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: a port cannot be had.
    """
    config = Config.read(file)
    service = make_service(config)
    await service.start()
    settle(config, config.groups)
    await service.run(told_to_stop(lambda: service.reload(Config.read(file))))


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
    return Reader(Endpoint(*config.couchmail), secret(config.token_file))


def main() -> int:
    """Return the exit status."""
    return execute("contentfilter", run, uvloop.new_event_loop)


if __name__ == "__main__":
    sys.exit(main())
