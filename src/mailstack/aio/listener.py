"""Connections that answer requests one after the other, bounded in every direction.

``Connection`` turns a subclass's ``replies(data)`` into writes: several replies in one write, only
so many before the event loop gets its turn, none while the peer does not read (its requests then
wait in its own kernel, because reading stops too). ``Listener`` bounds how many connections there
are and how long one may be silent, and ends them in good order.

No protocol and no mail here. The subclass parses; a ``ProtocolError`` closes the connection after
the replies that were due before the fault.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import cast

from mailstack.aio.sockets import BACKLOG
from mailstack.errors import ProtocolError

BATCH = 32
"""Replies before other connections get their turn: at some 10 µs each, a third of a millisecond."""
LARGE = 4096
"""Octets from which a reply ends its batch, so that a batch stays below BATCH * LARGE octets."""


class Connection(asyncio.Protocol):
    """One peer. Subclasses say what the replies are."""

    __slots__ = ("_finishing", "_listener", "_pending", "_writable", "silent", "transport")

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._pending: Iterator[bytes] | None = None
        self._writable = True
        self._finishing = False
        self.silent = False
        self.transport: asyncio.Transport

    def replies(self, data: bytes) -> Iterator[bytes]:
        """Yield the replies to what ``data`` completes, lazily; called when the last is exhausted.

        Raises:
            ProtocolError: the peer broke the protocol.
        """
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self.transport = cast("asyncio.Transport", transport)
        self._listener.admit(self)

    def data_received(self, data: bytes) -> None:
        self.silent = False
        self._pump(self.replies(data))

    def _pump(self, pending: Iterator[bytes]) -> bool:
        """Write one batch of replies; come back for the rest. Say whether that was all."""
        batch: list[bytes] = []
        done = self._fill(batch, pending)
        if batch:
            self.transport.write(batch[0] if len(batch) == 1 else b"".join(batch))
        if not done:
            self._pending = pending
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._continue)
        elif self._finishing:
            self.transport.close()
        return done

    def _fill(self, batch: list[bytes], pending: Iterator[bytes]) -> bool:
        """Take replies until the batch is full. Say whether that was all of them."""
        try:
            for reply in pending:
                batch.append(reply)
                if len(batch) == BATCH or len(reply) > LARGE:
                    return False
        except ProtocolError as error:
            self._listener.malformed(error)
            self._finishing = True
        return True

    def _continue(self) -> None:
        pending = self._pending
        if pending is None or not self._usable():
            return
        self._pending = None
        if self._pump(pending) and self._usable():
            self.transport.resume_reading()

    def _usable(self) -> bool:
        return self._writable and not self.transport.is_closing()

    def pause_writing(self) -> None:
        """The peer does not read: stop reading from it too."""
        self._writable = False
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable = True
        if self._pending is not None:
            self._continue()
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # a peer that hangs up is no event
        self._pending = None
        self._listener.release(self)

    def finish(self) -> None:
        """Answer what has been read, then close."""
        self._finishing = True
        if self._pending is None:
            self.transport.close()


class Listener:
    """The connections of one port."""

    def __init__(
        self,
        make: Callable[["Listener"], Connection],
        *,
        max_connections: int,
        idle_s: float,
        on_malformed: Callable[[ProtocolError], None],
    ) -> None:
        self._make = make
        self._max_connections = max_connections
        self._idle_s = idle_s
        self.malformed = on_malformed
        self.accepted = 0
        self.refused = 0
        """Because there were ``max_connections`` already."""
        self._connections: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Connections at this moment."""
        return len(self._connections)

    @property
    def port(self) -> int:
        """The port in use; tests listen on port 0."""
        assert self._server is not None  # noqa: S101 - a programmer's error
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, sock: socket.socket) -> None:
        """Answer who connects to a listening socket, which is the listener's from now on."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: self._make(self), sock=sock, backlog=BACKLOG
        )

    async def close_silent_ones(self) -> None:
        """Forever: close what sent nothing for the idle time (twice that, at most)."""
        while True:
            await asyncio.sleep(self._idle_s)
            for connection in list(self._connections):
                if connection.silent:
                    connection.transport.abort()
                connection.silent = True

    async def stop(self, grace_s: float) -> None:
        """Accept no more, answer what was asked, close; abort what is left after ``grace_s``."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.finish()
        # not asyncio.timeout: whoever stops us may have been cancelled already, see finish.py
        gone = asyncio.ensure_future(self._all_gone.wait())
        await asyncio.wait({gone}, timeout=grace_s)
        gone.cancel()
        for connection in list(self._connections):
            connection.transport.abort()

    def admit(self, connection: Connection) -> None:
        """Count a new connection in, or turn it away."""
        if len(self._connections) >= self._max_connections:
            self.refused += 1
            connection.transport.abort()
            return
        self.accepted += 1
        self._connections.add(connection)
        self._all_gone.clear()

    def release(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_gone.set()
