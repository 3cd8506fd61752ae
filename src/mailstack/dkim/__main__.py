"""``python -m mailstack.dkim --config FILE``: one pass over the keys, then the end.

Standard input has the domains to see to, one a line; none means all. The last line of output is
JSON: ``busy`` has the domains to look at again soon; ``numbers`` and ``remark`` tell of all keys
(``census.py``), ``troubled`` whose are not as they should be; not where keys of named domains alone
were made. A process of its own, because the
libraries for keys and DNS would stay in the memory of whoever lives longer. Started as root it
reads its secrets and becomes the account of OpenDKIM.
"""

import argparse
import asyncio
import encodings.idna  # noqa: F401 - needed after root is given up
import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import dns.rdata

from mailstack.aio.privileges import drop
from mailstack.client import Client, TcpTransport
from mailstack.dkim.config import Config
from mailstack.dkim.keeper import Keeper
from mailstack.dkim.master import MASTER, read_master
from mailstack.dkim.world import Dns
from mailstack.dns.update import Tsig, read_tsig
from mailstack.errors import ConfigError, MailstackError

_MAX_INPUT: Final = 16 * 1024**2
_NICENESS: Final = 10
"""Making a key is work; mail goes before it."""


def main() -> int:
    """Run once. The exit status is 1 with one line when it cannot do its work."""
    parser = argparse.ArgumentParser(prog="mailstack.dkim", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    parser.add_argument("--make", action="store_true", help="Only make keys; ask no DNS.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="dkim: %(message)s", stream=sys.stderr)
    try:
        config = Config.read(arguments.config)
        keeper = _keeper(config)
        domains = sys.stdin.read(_MAX_INPUT).split()
        dns.rdata.load_all_types()  # type: ignore[no-untyped-call]  # nothing can be imported later
        drop(config.uid, config.gid)
        os.nice(_NICENESS)
        step = keeper.make if arguments.make else keeper.see_to
        busy = asyncio.run(keeper.keep(domains or keeper.all_domains(), step))
        told = {} if arguments.make and domains else _told(keeper)
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"dkim: {error}\n")
        return 1
    sys.stdout.write(json.dumps({"busy": busy, **told}) + "\n")
    return 0


def _told(keeper: Keeper) -> dict[str, object]:
    census = keeper.census()
    return {
        "troubled": sorted({*keeper.lost, *keeper.failures}),
        "numbers": census.numbers(len(keeper.lost), len(keeper.failures)),
        "remark": census.remark(keeper.lost, keeper.failures, datetime.now(UTC)),
    }


def _keeper(config: Config) -> Keeper:
    token = (config.secure / "api.token").read_text("ascii").strip()
    world = Dns(
        config.resolver,
        server=config.update_server,
        zone=config.update_zone,
        tsig=_tsig(config),
    )
    master = read_master(config.secure / MASTER)
    return Keeper(Client(TcpTransport(config.api, token)), world, config.rules, master)


def _tsig(config: Config) -> Tsig | None:
    """The key of updates. One that is wrong keeps nobody's mail from being signed."""
    if config.update_server is None:
        return None
    try:
        return read_tsig(config.secure / "tsig.key", config.tsig_name, config.tsig_algorithm)
    except ConfigError as error:
        sys.stderr.write(f"dkim: updates are not signed: {error}\n")
        return None


if __name__ == "__main__":
    sys.exit(main())
