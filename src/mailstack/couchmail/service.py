"""The whole service on its sockets: opens the store, serves until told to stop, ends in order.

Order of the end: no new connections, open lookups answered, API requests finished, store closed.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.types import ASGIApp

from mailstack.aio.listener import Connection, Listener
from mailstack.couchmail import numbers, web
from mailstack.couchmail.api.access import Gate
from mailstack.couchmail.api.app import OPEN_PATHS, application
from mailstack.couchmail.api.context import Context
from mailstack.couchmail.config import Config, PortName
from mailstack.couchmail.dictionary import DictConnection, Dictionary
from mailstack.couchmail.lookups import LookupConnection
from mailstack.couchmail.tables import PORTS, make_tables
from mailstack.directory import Directory
from mailstack.errors import DocumentExists, ProtocolError, ServiceFailed, StoreUnavailable
from mailstack.model.documents import Domain
from mailstack.model.domains import DomainName
from mailstack.store.contract import Store
from mailstack.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

CREATED = ".created"
"""File beside the database that says there was one. It tells a file that was lost from a first
start; ``Config.marker``, which lies elsewhere, does the same for a volume that is not mounted. A
store that comes back empty knows nobody, and every message would bounce."""

RETRY_S = 1.0
"""Between attempts to write to a store that is not there yet."""

LOOKUP_PORTS: tuple[PortName, ...] = ("domains", "mailboxes", "aliases")
ALL_PORTS: tuple[PortName, ...] = (*LOOKUP_PORTS, "dict")
"""Of the lookups; the API's is uvicorn's."""


class Service:
    """Everything between the store and the sockets, made from one configuration."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self._directory = Directory(
            store, delimiter=config.delimiter, owner_email=config.owner_email
        )
        self._latency = numbers.make_latency()
        self._malformed = numbers.make_malformed()
        self.tables = make_tables(self._directory, self._latency)
        self.dictionary = Dictionary(self._directory)
        self.listeners = {port: self._listener(port) for port in ALL_PORTS}

    def _listener(self, port: PortName) -> Listener:
        return Listener(
            self._maker(port),
            max_connections=self._config.max_connections,
            idle_s=self._config.idle_s,
            on_malformed=lambda error: self._count_malformed(port, error),
        )

    def _maker(self, port: PortName) -> Callable[[Listener], Connection]:
        if port == "dict":
            return lambda listener: DictConnection(listener, self.dictionary)
        names = PORTS[port]
        maps = {name.encode(): self.tables[name] for name in names}
        return lambda listener: LookupConnection(listener, maps, self.tables[names[0]])

    def _count_malformed(self, port: PortName, error: ProtocolError) -> None:
        self._malformed.counts[(port,)] += 1
        log.warning("port %s: closed a connection: %s", port, error)

    def api(self, token: str) -> ASGIApp:
        """The HTTP API, behind the check of who asks."""
        metrics = numbers.collect(
            store=self._store,
            tables=self.tables,
            dictionary=self.dictionary,
            listeners=self.listeners,
            latency=self._latency,
            malformed=self._malformed,
        )
        backups = self._config.database.parent / "backup"
        return Gate(application(Context(self._store, metrics, backups)), token, OPEN_PATHS)

    async def listen(self) -> dict[str, int]:
        """Open the lookup ports; returns the numbers in use.

        Raises:
            ServiceFailed: one is taken.
        """
        for port, listener in self.listeners.items():
            endpoint = self._config.listen[port]
            try:
                await listener.start(endpoint)
            except OSError as error:
                raise _cannot_listen(endpoint, error) from error
        return {port: listener.port for port, listener in self.listeners.items()}

    async def stop(self) -> None:
        """Answer what was asked, then close."""
        grace_s = self._config.grace_s
        await asyncio.gather(*(one.stop(grace_s) for one in self.listeners.values()))


async def serve(
    config: Config,
    token: str,
    stop: asyncio.Event,
    started: Callable[[Mapping[str, int]], None] = lambda _: None,
) -> None:
    """Serve until ``stop`` is set. ``started`` learns the numbers of the ports.

    A store that was there once and is not now is waited for; until then all answers are
    "unavailable".

    Raises:
        ServiceFailed: a port is taken.
        StoreUnavailable: the datastore cannot be made.
    """
    async with open_store(config) as store:
        failure = await _settle(store, config)
        if failure is not None:
            log.error("%s; until then every answer is 'unavailable'", failure)
        service = Service(config, store)
        try:
            ports = await service.listen()
            with api_sockets(config) as sockets:
                started({**ports, "api": sockets[0].getsockname()[1]})
                server = web.make_server(service.api(token), config.grace_s)
                later = () if failure is None else (_settle_later(store, config),)
                await _run(service, server, sockets, stop, later)
        finally:
            await service.stop()


async def _run(
    service: Service,
    server: web.Server,
    sockets: list[socket.socket],
    stop: asyncio.Event,
    beside: Iterable[Coroutine[None, None, None]],
) -> None:
    async with asyncio.TaskGroup() as group:
        idle = [group.create_task(one.close_silent_ones()) for one in service.listeners.values()]
        idle += [group.create_task(one) for one in beside]
        group.create_task(server.serve(sockets=sockets))
        await stop.wait()
        await service.stop()
        for task in idle:
            task.cancel()
        server.should_exit = True


def open_store(config: Config) -> SqliteStore:
    """Prepare the store: a new one is made only where there never was one."""
    known = any(marker.exists() for marker in _markers(config))
    return SqliteStore(config.database, delimiter=config.delimiter, create=not known, wait=known)


def _markers(config: Config) -> tuple[Path, Path]:
    return config.database.parent / CREATED, config.marker


async def _settle(store: Store, config: Config) -> StoreUnavailable | None:
    """Do what every store needs: the primary domain, and the notes that it exists."""
    try:
        await ensure_domain(store, config.primary_domain)
    except StoreUnavailable as error:
        return error
    for marker in _markers(config):
        with suppress(FileNotFoundError):  # in a pod there is no place outside the volume
            marker.touch()
    return None


async def _settle_later(store: Store, config: Config) -> None:
    while await _settle(store, config) is not None:  # noqa: ASYNC110 - nothing tells of a mount
        await asyncio.sleep(RETRY_S)
    log.info("the datastore %s is in use", config.database)


async def ensure_domain(store: Store, name: str) -> None:
    """Create the primary domain unless it is there, disabled or not."""
    with suppress(DocumentExists):
        await store.put(Domain(name=DomainName(name)), None)


@contextmanager
def api_sockets(config: Config) -> Iterator[list[socket.socket]]:
    """Listen for the API: on TCP, and on the unix socket.

    Raises:
        ServiceFailed: the port is taken, or the folder does not allow a socket.
    """
    endpoint = config.listen["api"]
    try:
        sockets = [web.tcp_socket(endpoint)]
    except OSError as error:
        raise _cannot_listen(endpoint, error) from error
    try:
        sockets.append(web.unix_socket(config.socket))
        yield sockets
    except OSError as error:
        raise _cannot_listen(config.socket, error) from error
    finally:
        for one in sockets:
            one.close()
        config.socket.unlink(missing_ok=True)


def _cannot_listen(where: object, error: OSError) -> ServiceFailed:
    advice = "stop what listens there, or set listen.port_offset"
    return ServiceFailed(f"cannot listen on {where}: {error.strerror}", advice=advice)
