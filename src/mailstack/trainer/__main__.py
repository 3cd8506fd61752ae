"""``python -m mailstack.trainer --config FILE``: train every night, until told to stop."""

import asyncio
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from mailstack.aio.http import HttpServer
from mailstack.aio.http_client import Peer
from mailstack.feed import Reader
from mailstack.program.config import secret
from mailstack.program.run import execute, settle, told_to_stop, until
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


def assemble(config: Config) -> tuple[Peers, str]:
    """Put together what runs need; return it with the stack's token.

    Raises:
        ConfigError: a secret cannot be read.
        ServiceFailed: the ledger cannot be used.
    """
    token, master = secret(config.token_file), secret(config.master_file)
    settle(config)
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
    feed = Reader(config.api, token)
    await until(told_to_stop(), _serve(port, moved, peers, feed, token))


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
    """Return the exit status."""
    return execute("trainer", run)


if __name__ == "__main__":
    sys.exit(main())
