"""The lookup ports of one process: each listener, what it answers, and what is counted."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Mapping

from mailstack.aio.listener import Connection, Listener
from mailstack.couchmail.config import Config, PortName
from mailstack.couchmail.dictionary import DictConnection, Dictionary
from mailstack.couchmail.lookups import LookupConnection
from mailstack.couchmail.numbers import LookupLatency, Row
from mailstack.couchmail.tables import PORTS, make_tables
from mailstack.directory import Directory
from mailstack.errors import ProtocolError
from mailstack.model.srs import Srs
from mailstack.outcome import Found, NotFound, Unavailable
from mailstack.store.contract import Lookups

log = logging.getLogger(__name__)

OUTCOMES: Mapping[type, str] = {
    Found: "found",
    NotFound: "not_found",
    Unavailable: "unavailable",
}


class Ports:
    """Answers from one store on one set of listening sockets."""

    def __init__(
        self, config: Config, store: Lookups, sockets: Mapping[PortName, socket.socket], token: str
    ) -> None:
        self._config = config
        self._sockets = sockets
        directory = Directory(
            store,
            delimiter=config.delimiter,
            owner_email=config.owner_email,
            srs=Srs.derived(token, config.primary_domain),
        )
        self._latency = LookupLatency()
        self._malformed = dict.fromkeys(sockets, 0)
        self._tables = make_tables(directory, self._latency)
        self._dictionary = Dictionary(directory)
        self._listeners = {port: self._listener(port) for port in sockets}

    def _listener(self, port: PortName) -> Listener:
        return Listener(
            self._maker(port),
            max_connections=self._config.max_connections,
            idle_s=self._config.idle_s,
            on_malformed=lambda error: self._count_malformed(port, error),
        )

    def _maker(self, port: PortName) -> Callable[[Listener], Connection]:
        if port == "dict":
            return lambda listener: DictConnection(listener, self._dictionary)
        names = PORTS[port]
        maps = {name.encode(): self._tables[name] for name in names}
        return lambda listener: LookupConnection(listener, maps, self._tables[names[0]])

    def _count_malformed(self, port: PortName, error: ProtocolError) -> None:
        self._malformed[port] += 1
        log.warning("port %s: closed a connection: %s", port, error)

    async def listen(self) -> None:
        """Answer who connects."""
        for port, listener in self._listeners.items():
            await listener.start(self._sockets[port])

    async def close_silent_ones(self) -> None:
        """Forever, on every port."""
        async with asyncio.TaskGroup() as group:
            for listener in self._listeners.values():
                group.create_task(listener.close_silent_ones())

    async def stop(self) -> None:
        """Answer what was asked, then close."""
        grace_s = self._config.grace_s
        await asyncio.gather(*(one.stop(grace_s) for one in self._listeners.values()))

    def numbers(self) -> Iterator[Row]:
        """Yield what this process counted, every series from the start."""
        for table, counts in self._counts():
            for outcome, count in counts.items():
                yield "couchmail_lookups", (table, OUTCOMES[outcome]), count
        for port, count in self._malformed.items():
            yield "couchmail_malformed_requests", (port,), count
        for port, listener in self._listeners.items():
            yield "couchmail_connections", (port,), listener.open
            yield "couchmail_connections_accepted", (port,), listener.accepted
            yield "couchmail_connections_refused", (port,), listener.refused
        yield from self._latency.rows()

    def _counts(self) -> Iterator[tuple[str, Mapping[type, int]]]:
        for name, table in self._tables.items():
            yield name, table.counts
        yield from self._dictionary.counts.items()
