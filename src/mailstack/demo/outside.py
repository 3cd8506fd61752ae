"""The process that is the outside world: name server, two mail servers, and whoever connects.

Started inside the network namespace by ``internet.py``; ends when its standard input does, so it
never outlives whoever started it, unless that one said ``stay``.

    python -m mailstack.demo.outside SLOT FOLDER
"""

import asyncio
import os
import socket
import ssl
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from mailstack.demo import control, mailserver, nameserver, network
from mailstack.demo.addresses import Plan
from mailstack.demo.control import Answer, Fields
from mailstack.demo.keys import SigningKey, self_signed
from mailstack.demo.mailserver import Ledger
from mailstack.demo.records import FRIEND, OTHER, outside_world
from mailstack.demo.zone import Zone
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

KEY_FILE = "outside.key"
CONTROL_SOCKET = "control"
READY = "ready"


class Outside:
    """Answers the questions of ``internet.SmallInternet``, one method each."""

    def __init__(self, zone: Zone, ledger: Ledger) -> None:
        self._zone = zone
        self._ledger = ledger
        self.ends_with: int | None = None
        """Process whose end is ours, once we no longer depend on standard input."""

    async def handle(self, question: str, fields: Fields) -> Answer:
        match question:
            case "connect":
                return await self._connect(fields)
            case "records":
                self._zone.update(fields["records"])
            case "refuse":
                self._ledger.refusals.update(fields["refusals"])
            case "received":
                return await self._received(fields)
            case "stay":
                self.ends_with = int(fields["pid"])
            case _:
                raise ValueError(f"unknown question {question!r}")
        return Answer({})

    async def _connect(self, fields: Fields) -> Answer:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.settimeout(0)
            connection.bind((fields["source"], 0))
            async with asyncio.timeout(fields["timeout_s"]):
                await asyncio.get_running_loop().sock_connect(
                    connection, (fields["host"], fields["port"])
                )
        except BaseException:
            connection.close()
            raise
        connection.settimeout(None)
        return Answer({}, connection)

    async def _received(self, fields: Fields) -> Answer:
        found = await self._ledger.wait_for(fields["wanted"], timeout_s=fields["timeout_s"])
        return Answer({"messages": [received.model_dump() for received in found]})


async def run(plan: Plan, folder: Path) -> None:
    """Play the outside of ``plan`` until told to end."""
    key = SigningKey((folder / KEY_FILE).read_bytes())
    zone = Zone()
    zone.update(outside_world(plan, key.public))
    ledger = Ledger(zone.txt)
    outside = Outside(zone, ledger)
    async with AsyncExitStack() as stack:
        dns = Endpoint(plan.nameserver, STACK.internet_ports["dns"])
        await stack.enter_async_context(nameserver.serving(zone, dns))
        for domain, address in ((FRIEND, plan.friend), (OTHER, plan.other)):
            host, at = f"mail.{domain}", Endpoint(address, STACK.internet_ports["smtp"])
            tls = _tls_context(folder, host)
            await stack.enter_async_context(mailserver.serving(host, at, ledger, tls))
        await stack.enter_async_context(control.answering(folder / CONTROL_SOCKET, outside.handle))
        print(READY, flush=True)  # noqa: T201 - this line is the protocol
        await _end_of_input()
        if outside.ends_with is not None:
            await _end_of_process(outside.ends_with)
            network.remove(plan)


def _tls_context(folder: Path, host: str) -> ssl.SSLContext:
    file = folder / f"{host}.pem"
    file.write_bytes(self_signed(host))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def _end_of_input() -> None:
    await asyncio.to_thread(sys.stdin.buffer.read)


async def _end_of_process(pid: int) -> None:
    """Wait until ``pid`` has ended (pidfd_open(2)); one that is gone has."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    await ended.wait()
    loop.remove_reader(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    asyncio.run(run(Plan(int(sys.argv[1])), Path(sys.argv[2])))
