"""The processes of couchmail: one that writes, and followers that answer lookups beside it.

Python runs on one processor at a time, so a second process is what lets a second processor answer.
Both listen on the lookup ports; the kernel spreads the connections. They are forked before any
thread, event loop or database exists, after the last import and without root: what was loaded is
shared memory. A follower that dies takes the service with it, and the agent starts both again:
connections break, which Postfix answers by asking again, and no answer is ever wrong.
"""

import asyncio
import gc
import json
import os
import signal
import socket
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress

from mailstack.aio.sockets import listen
from mailstack.couchmail import follower
from mailstack.couchmail.config import Config, PortName
from mailstack.couchmail.follower import COUNTED, FAILURE, MAX_PACKET, NUMBER, STOP
from mailstack.couchmail.numbers import Row
from mailstack.errors import ServiceFailed, StoreUnavailable

LOOKUP_PORTS: tuple[PortName, ...] = ("domains", "mailboxes", "aliases")
"""What followers answer. Dovecot's dict is asked once for each login: the writer answers it."""
PORTS: tuple[PortName, ...] = (*LOOKUP_PORTS, "dict")

AUTOMATIC = 2
"""Processes, where there are as many processors: a third one gains little and costs memory."""
CATCH_UP_S = 1.0
"""So long a write waits for a follower to see it. Usually it takes a quarter of a millisecond."""
PATIENCE_S = 10.0
"""A follower that answers nothing for so long hangs, and with it all of its connections."""

Sockets = dict[PortName, socket.socket]


class Follower:
    """The other process, as the writer sees it."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self._channel = channel
        self.told = self.seen = 0
        """Numbers of orders."""
        self.counted: list[Row] = []

    def send(self, order: Mapping[str, object]) -> None:
        """Never waits: one that is gone or hangs is noticed by ``listen``."""
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._channel.send(json.dumps(order).encode())

    async def hear(self) -> bool:
        """Take in one answer; False when the process is gone.

        Raises:
            ServiceFailed: it hangs.
        """
        packet = await self._packet()
        if not packet:
            return False
        answer = json.loads(packet)
        self.seen = answer[NUMBER]
        self.counted = [(name, tuple(labels), n) for name, labels, n in answer[COUNTED]]
        return True

    async def _packet(self) -> bytes:
        receive = asyncio.get_running_loop().sock_recv
        while True:
            awaited = self.told
            try:
                async with asyncio.timeout(PATIENCE_S):
                    return await receive(self._channel, MAX_PACKET)
            except TimeoutError:
                if self.seen < awaited:
                    raise ServiceFailed(f"the lookup process {self.pid} hangs") from None
            except ConnectionResetError:
                return b""

    def forget(self) -> None:
        """In another follower: not to keep open what tells it that the writer is gone."""
        self._channel.close()

    def end(self) -> None:
        """See that it is gone."""
        self._channel.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Processes:
    """This process, which writes, and its followers. ``sockets`` are its own."""

    def __init__(self, sockets: Sockets, followers: Iterable[Follower] = ()) -> None:
        self.sockets = sockets
        self._followers = tuple(followers)
        self._told = 0
        self._moved = asyncio.Event()
        self._stopping = False
        self.failure: ServiceFailed | None = None

    def tell(self, failure: StoreUnavailable | None) -> None:
        """Let the followers see what was committed, or know of a fault."""
        self._told += 1
        for one in self._followers:
            one.told = self._told
            one.send({NUMBER: self._told, FAILURE: str(failure or "")})

    async def caught_up(self) -> None:
        """Return when all followers have seen what they were told, or hang."""
        told = self._told
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while any(one.seen < told for one in self._followers):
                    await self._moved.wait()

    def watch(self, stop: asyncio.Event) -> list[Coroutine[None, None, None]]:
        """Run these until ``stop``: they take in what the followers answer.

        One that dies or hangs sets ``stop``, and ``failure``.
        """
        return [self._watch(one, stop) for one in self._followers]

    async def _watch(self, one: Follower, stop: asyncio.Event) -> None:
        try:
            while await one.hear():
                self._moved.set()
                self._moved = asyncio.Event()
            if not self._stopping:
                self.failure = ServiceFailed(f"the lookup process {one.pid} died")
        except ServiceFailed as hangs:
            self.failure = hangs
        if self.failure:
            stop.set()

    def stop(self) -> None:
        """Have the followers answer what they were asked, and end; ``watch`` ends then."""
        self._stopping = True
        for one in self._followers:
            one.send({STOP: True})

    def end(self) -> None:
        """See that no follower is left, and close what nobody listens on yet."""
        for one in self._followers:
            one.end()
        for sock in self.sockets.values():
            sock.close()

    def numbers(self) -> Iterator[Row]:
        """Yield what the followers counted, at most a quarter of a second ago."""
        for one in self._followers:
            yield from one.counted


def start(config: Config, processes: int, token: str) -> Processes:
    """Listen, and fork the followers. Call it before there is a thread or an event loop.

    ``token`` is the stack's secret, for what the answers are signed with.

    Raises:
        ServiceFailed: a port is taken.
    """
    sets = _sockets(config, processes)
    gc.collect()
    gc.freeze()  # the collector's marks would make shared memory private
    followers: list[Follower] = []
    while len(sets) > 1:
        theirs = sets.pop()
        channel, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if not pid:
            for other in followers:
                other.forget()
            _close([channel, *(sock for others in sets for sock in others.values())])
            end.settimeout(0)
            follower.run(config, token, end, theirs)
        _close([end, *theirs.values()])
        channel.settimeout(0)
        followers.append(Follower(pid, channel))
    return Processes(sets[0], followers)


def wanted(config: Config) -> int:
    """How many processes there are to be."""
    return config.lookup_processes or min(AUTOMATIC, len(os.sched_getaffinity(0)))


def _sockets(config: Config, processes: int) -> list[Sockets]:
    sets: list[Sockets] = [{} for _ in range(processes)]
    for port in PORTS:
        endpoint = config.listen[port]
        copies = processes if port in LOOKUP_PORTS else 1
        try:
            found = listen(endpoint, copies)
        except OSError as error:
            _close(sock for done in sets for sock in done.values())
            raise cannot_listen(endpoint, error) from error
        for one, sock in zip(sets, found, strict=False):
            one[port] = sock
    return sets


def cannot_listen(where: object, error: OSError) -> ServiceFailed:
    advice = "stop what listens there, or set listen.port_offset"
    return ServiceFailed(f"cannot listen on {where}: {error.strerror}", advice=advice)


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
