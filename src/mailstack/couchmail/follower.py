"""A process that only answers lookups, beside the one that writes, for the processors to share.

It was forked before anything was opened. What it must know comes from the writer through one
socket, a JSON text in each packet: that something was committed, that the store fails, that it is
time to stop. Each is answered with its number and what was counted so far. When the writer is gone
the follower ends at once: nobody would tell it of the next commit.
"""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import NoReturn

import uvloop

from mailstack.couchmail.config import Config, PortName
from mailstack.couchmail.ports import Ports
from mailstack.errors import StoreUnavailable
from mailstack.store.sqlite import StoreReader

log = logging.getLogger(__name__)

MAX_PACKET = 64 * 1024
"""Octets. What is counted takes some four thousand."""
STOP = "stop"
FAILURE = "failure"
NUMBER = "number"
COUNTED = "counted"


def run(
    config: Config, token: str, writer: socket.socket, sockets: Mapping[PortName, socket.socket]
) -> NoReturn:
    """Be the follower; the process ends here."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the writer decides when
    status = 1
    try:
        uvloop.run(_serve(config, token, writer, sockets))
        status = 0
    except Exception:
        log.exception("the lookup process failed")
    finally:
        os._exit(status)


async def _serve(
    config: Config, token: str, writer: socket.socket, sockets: Mapping[PortName, socket.socket]
) -> None:
    store = StoreReader(config.database)
    ports = Ports(config, store, sockets, token)
    idle = asyncio.create_task(ports.close_silent_ones())
    listening = False
    while FAILURE in (order := await _order(writer)):
        store.follow(StoreUnavailable(order[FAILURE]) if order[FAILURE] else None)
        if not listening:
            await ports.listen()
            listening = True
        answer = {NUMBER: order[NUMBER], COUNTED: list(ports.numbers())}
        with suppress(ConnectionError):  # the next order says that there is none
            await asyncio.get_running_loop().sock_sendall(writer, json.dumps(answer).encode())
    idle.cancel()
    await ports.stop()


async def _order(writer: socket.socket) -> dict[str, str]:
    """Wait for the next one; without a writer there is none, and the process ends."""
    try:
        packet = await asyncio.get_running_loop().sock_recv(writer, MAX_PACKET)
    except ConnectionError:
        packet = b""
    if not packet:
        os._exit(1)
    order: dict[str, str] = json.loads(packet)
    return order
