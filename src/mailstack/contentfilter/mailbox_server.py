"""Connections to the mailbox server's LMTP: opened when needed, kept for the next message.

Any failure of a connection is one error, ``MailboxServerGone``: its cause is for the log, and the
client gets 451. Whether it is safe to try again is for ``deliver`` to know.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final, Self

from mailstack.contentfilter.config import Address, Timeouts
from mailstack.contentfilter.streams import Reads, send
from mailstack.errors import ProtocolError
from mailstack.protocols.lmtp_replies import Reply, ReplyReader, extensions

READ_OCTETS: Final = 65_536
KEEP_S: Final = 30.0
"""Seconds an unused connection is kept: each holds one of Dovecot's processes."""
CLOSING: Final = 421
"""The server closes the connection after this reply, whatever was asked (RFC 5321 3.8)."""


class MailboxServerGone(Exception):
    """No connection, or it broke, or what came back was no LMTP."""


class Connection:
    """One connection, past its greeting. Use by one transaction at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, timeouts: Timeouts
    ) -> None:
        self._reader = reader
        self._reads = Reads(reader, writer)
        self._writer = writer
        self._timeouts = timeouts
        self._replies = ReplyReader()
        self.extensions: frozenset[bytes] = frozenset()
        self.used_before = False
        self.idle_since = 0.0

    @classmethod
    async def open(cls, address: Address, hostname: str, timeouts: Timeouts) -> Self:
        """Connect, and say LHLO as ``hostname``.

        Raises:
            MailboxServerGone: no server, or none that wants to talk.
        """
        try:
            async with asyncio.timeout(timeouts.connect):
                reader, writer = await asyncio.open_connection(*address)
        except OSError as error:
            raise MailboxServerGone(f"cannot connect: {_cause(error)}") from error
        connection = cls(reader, writer, timeouts)
        try:
            await connection._greet(hostname)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _greet(self, hostname: str) -> None:
        await self._expect_accepted()
        await self._write(b"LHLO " + hostname.encode() + b"\r\n")
        self.extensions = extensions(await self._expect_accepted())

    async def _expect_accepted(self) -> Reply:
        answer = await self.reply(self._timeouts.connect)
        if not answer.accepted:
            raise MailboxServerGone(f"refused the session: {answer}")
        return answer

    async def exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        """Send commands in one write (RFC 2920), return a reply each.

        Raises:
            MailboxServerGone: before all of them were answered.
        """
        await self._write(b"".join(commands))
        return [await self.reply(self._timeouts.command) for _ in commands]

    async def send_message(self, fields: bytes, body: AsyncIterator[bytes]) -> None:
        """Send a message, dots doubled, and the end of data.

        Raises:
            MailboxServerGone: the server went, or does not read.
            OSError: the message cannot be read; the connection is of no use any more.
        """
        waiting = [fields]
        async for block in body:
            waiting.append(block)
            if len(block) >= READ_OCTETS:
                await self._write(b"".join(waiting))
                waiting = []
        waiting.append(b".\r\n")
        await self._write(b"".join(waiting))

    async def _write(self, data: bytes) -> None:
        try:
            await send(self._writer, data, self._timeouts.command)
        except OSError as error:
            raise MailboxServerGone(f"while sending: {_cause(error)}") from error

    async def reply(self, timeout_s: float) -> Reply:
        """The next reply.

        Raises:
            MailboxServerGone: none came, or it announces the end of the connection.
        """
        try:
            answer = self._replies.next_reply() or await self._wait_for_reply(timeout_s)
        except (OSError, ProtocolError) as error:
            raise MailboxServerGone(_cause(error)) from error
        if answer.code == CLOSING:
            raise MailboxServerGone(f"is closing: {answer}")
        return answer

    async def _wait_for_reply(self, timeout_s: float) -> Reply:
        while True:
            data = await self._reads.read(READ_OCTETS, timeout_s)
            if not data:
                raise ConnectionError("connection closed")
            self._replies.feed(data)
            if (answer := self._replies.next_reply()) is not None:
                return answer

    @property
    def usable(self) -> bool:
        """Whether an idle connection is still open, as far as can be told without asking."""
        return not (self._reader.at_eof() or self._writer.is_closing() or not self._replies.empty)

    def close(self) -> None:
        self._reads.close()
        self._writer.close()


def _cause(error: Exception) -> str:
    return str(error) or "timed out"


class Pool:
    """Idle connections, the last one used first, so that few stay open."""

    def __init__(
        self, address: Address, hostname: str, timeouts: Timeouts, *, max_idle: int
    ) -> None:
        self._address = address
        self._hostname = hostname
        self._timeouts = timeouts
        self._idle: deque[Connection] = deque()
        self._max_idle = max_idle
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def acquire(self, *, fresh: bool = False) -> Connection:
        """An open connection; a new one if ``fresh`` or none is idle. Release or close it.

        Raises:
            MailboxServerGone: there is none to be had.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await Connection.open(self._address, self._hostname, self._timeouts)

    def release(self, connection: Connection) -> None:
        """Take back a connection that is between two transactions."""
        if self._closed or not connection.usable or len(self._idle) >= self._max_idle:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.used_before = True
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._timer is None:
            self._timer = loop.call_later(KEEP_S, self._close_old)

    async def reset(self, connection: Connection) -> None:
        """Take back a connection whose transaction was not completed."""
        with suppress(MailboxServerGone):
            (answer,) = await connection.exchange([b"RSET\r\n"])
            if answer.accepted:
                self.release(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle ones, and every one that is released from now on."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._idle:
            self._idle.pop().close()

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._idle and self._idle[0].idle_since + KEEP_S <= loop.time():
            self._idle.popleft().close()
        if self._idle:
            self._timer = loop.call_at(self._idle[0].idle_since + KEEP_S, self._close_old)
