"""The whole service on its sockets: opens the store, serves until told to stop, ends in order.

Order of the end: no new connections, open lookups answered, API requests finished, store closed.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from mailstack.aio.sockets import listen
from mailstack.couchmail import numbers, web
from mailstack.couchmail.api.access import Gate
from mailstack.couchmail.api.app import OPEN_PATHS, application
from mailstack.couchmail.api.context import Context
from mailstack.couchmail.config import Config
from mailstack.couchmail.examination import Examinations
from mailstack.couchmail.ports import Ports
from mailstack.couchmail.processes import Processes, cannot_listen, start
from mailstack.errors import DocumentExists, StoreUnavailable
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


Started = Callable[[Mapping[str, int]], None]


async def serve(
    config: Config,
    token: str,
    stop: asyncio.Event,
    started: Started = lambda _: None,
    processes: Processes | None = None,
) -> None:
    """Serve until ``stop`` is set. ``started`` learns the numbers of the ports.

    A store that was there once and is not now is waited for; until then all answers are
    "unavailable".

    Raises:
        ServiceFailed: a port is taken, or another process of the service died.
        StoreUnavailable: the datastore cannot be made.
    """
    processes = processes or start(config, 1, token)
    try:
        async with open_store(config, processes) as store, asyncio.TaskGroup() as group:
            for watch in processes.watch(stop):
                group.create_task(watch)
            await Service(config, store, processes, token).run(stop, started)
    finally:
        processes.end()
    if processes.failure:
        raise processes.failure


class Service:
    """Everything between the store and the sockets, made from one configuration."""

    def __init__(
        self, config: Config, store: SqliteStore, processes: Processes, token: str
    ) -> None:
        self._config = config
        self._store = store
        self._processes = processes
        self._ports = Ports(config, store, processes.sockets, token)
        metrics = numbers.collect(store, lambda: chain(self._ports.numbers(), processes.numbers()))
        folder = config.database.parent
        examinations = Examinations(folder)
        examinations.show(metrics)
        backups = folder / "backup"
        api = Gate(application(Context(store, metrics, examinations, backups)), token, OPEN_PATHS)
        self._server = web.make_server(api, config.grace_s)

    async def run(self, stop: asyncio.Event, started: Started) -> None:
        """Answer until ``stop`` is set, then end in order."""
        failure = await _settle(self._store, self._config)
        if failure is not None:
            log.error("%s; until then every answer is 'unavailable'", failure)
        try:
            await self._ports.listen()
            with api_sockets(self._config) as sockets:
                await self._processes.caught_up()
                started(self._numbers(sockets[0]))
                later = () if failure is None else (_settle_later(self._store, self._config),)
                await self._run(sockets, stop, later)
        finally:
            await self._stop()

    async def _run(
        self,
        sockets: list[socket.socket],
        stop: asyncio.Event,
        beside: Iterable[Coroutine[None, None, None]],
    ) -> None:
        async with asyncio.TaskGroup() as group:
            until_stop = [group.create_task(self._ports.close_silent_ones())]
            until_stop += [group.create_task(one) for one in beside]
            group.create_task(self._server.serve(sockets=sockets))
            await stop.wait()
            await self._stop()
            for task in until_stop:
                task.cancel()
            self._server.should_exit = True

    async def _stop(self) -> None:
        self._processes.stop()
        self._store.end_waiting()
        await self._ports.stop()

    def _numbers(self, api: socket.socket) -> dict[str, int]:
        sockets = {**self._processes.sockets, "api": api}
        return {name: sock.getsockname()[1] for name, sock in sockets.items()}


def open_store(config: Config, processes: Processes | None = None) -> SqliteStore:
    """Prepare the store: a new one is made only where there never was one."""
    known = any(marker.exists() for marker in _markers(config))
    return SqliteStore(
        config.database,
        delimiter=config.delimiter,
        create=not known,
        wait=known,
        followers=processes,
    )


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
        sockets = listen(endpoint)
    except OSError as error:
        raise cannot_listen(endpoint, error) from error
    try:
        sockets.append(web.unix_socket(config.socket))
        yield sockets
    except OSError as error:
        raise cannot_listen(config.socket, error) from error
    finally:
        for one in sockets:
            one.close()
        config.socket.unlink(missing_ok=True)
