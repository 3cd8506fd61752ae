"""``python -m mailstack.trainer --config FILE``: train every night, until told to stop."""

import argparse
import asyncio
import concurrent.futures.thread  # noqa: F401 - mailboxes are read in threads after root is given up
import encodings.idna  # noqa: F401 - likewise, for names of hosts
import gc
import signal
import sys
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from mailstack.aio.http import HttpServer
from mailstack.aio.http_client import Peer
from mailstack.aio.privileges import drop
from mailstack.errors import MailstackError, ServiceFailed
from mailstack.feed import Reader
from mailstack.observe import log
from mailstack.trainer import schedule
from mailstack.trainer.config import Config
from mailstack.trainer.ledger import Ledger
from mailstack.trainer.metrics import TrainerMetrics
from mailstack.trainer.moves import Moves
from mailstack.trainer.nights import Nights, forget_removed
from mailstack.trainer.peers import Keeper, Records
from mailstack.trainer.reader import Door
from mailstack.trainer.reports import Reports
from mailstack.trainer.run import Peers
from mailstack.trainer.service import Port, Service
from mailstack.trainer.spamd import Spamd
from mailstack.trainer.training import Training

import_module("_strptime")  # dates of messages are read after root is given up


def _secret(path: Path) -> str:
    """Read a secret, while this process still may.

    Raises:
        ServiceFailed: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ServiceFailed(f"{path} cannot be read: {error}") from error


def assemble(config: Config) -> tuple[Peers, str]:
    """Put together what runs need; return it with the stack's token.

    Raises:
        ServiceFailed: a secret or the ledger cannot be used.
    """
    token, master = _secret(config.token_file), _secret(config.master_file)
    drop(config.uid, config.gid)
    peers = Peers(
        ledger=Ledger.open(config.ledger),
        records=Records(Peer(config.api, token)),
        keeper=Keeper(Peer(config.keeper, token)),
        spamd=Spamd(config.spamd),
        door=Door(config.imaps, config.certificate, config.master_user, master),
        learning=config.learning,
    )
    return peers, token


async def run(file: Path) -> None:
    """Serve until SIGTERM or SIGINT. What is under way is broken off; its run stays open.

    Raises:
        ConfigError: the file is not what is rendered.
        OSError: the port cannot be had.
    """
    config = Config.read(file)
    port, moved = Port(), Port()
    await port.open(config.listen)
    await moved.open(config.moved)
    peers, token = assemble(config)
    serving = asyncio.create_task(_serve(port, moved, peers, Reader(config.api, token), token))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


async def _serve(port: Port, moved: Port, peers: Peers, feed: Reader, token: str) -> None:
    """For ever; cancelled, it ends everything."""
    training = Training(peers, TrainerMetrics())
    moves = Moves(training.at_once)
    after, hour = schedule.spread(token), peers.learning.hour
    nights = Nights(peers.ledger, hour, after, partial(_night, training))
    async with asyncio.TaskGroup() as group:
        group.create_task(moves.run())
        group.create_task(nights.run())
        group.create_task(forget_removed(peers.ledger, feed))
        group.create_task(moved.serve(HttpServer(Reports(moves).handle), group))
        await port.serve(HttpServer(Service(training, token, group).handle), group)


async def _night(training: Training) -> None:
    failed = await training.everybody(training.all_users(), lambda _: None)
    training.metrics.night_ended(failed)


def main() -> int:
    """Parse the arguments, run. The exit status is 1 with one line when it cannot start."""
    parser = argparse.ArgumentParser(prog="mailstack.trainer", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON, as rendered")
    arguments = parser.parse_args()
    log.configure()
    gc.freeze()  # what is imported stays: the collector need not look at it each time
    try:
        asyncio.run(run(arguments.config))
    except (MailstackError, OSError) as error:
        sys.stderr.write(f"trainer: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
