"""One lookup port: tcp_table and socketmap on the same socket, told apart by the first octet.

A socketmap request begins with a digit, a tcp_table request with a letter, so one port serves
Postfix whichever table type its owner wrote. Which names a port answers is decided in
``tables.py``; what an answer is, in ``directory/``.
"""

from collections.abc import Callable, Iterator, Mapping
from time import perf_counter_ns

from mailstack.aio.listener import Connection, Listener
from mailstack.observe.metrics import Latency
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.protocols import socketmap, tcp_table

Answer = Callable[[str], Outcome[str]]

_NOT_FOUND = NotFound()


class Table:
    """One map under one name: its answers, and how many of each it gave."""

    __slots__ = ("_answer", "_observe", "counts", "name")

    def __init__(self, name: str, answer: Answer, latency: Latency) -> None:
        self.name = name
        self._answer = answer
        self._observe = latency.observe
        self.counts: dict[type, int] = {Found: 0, NotFound: 0, Unavailable: 0}

    def lookup(self, key: bytes) -> Outcome[str]:
        """Answer one key as it came from the wire."""
        started = perf_counter_ns()
        try:
            outcome = self._answer(key.decode())
        except UnicodeDecodeError:
            # No address, so nothing of that name can be stored. Not a fault of the protocol.
            outcome = _NOT_FOUND
        self.counts[type(outcome)] += 1
        self._observe(perf_counter_ns() - started)
        return outcome


class LookupConnection(Connection):
    """A peer of a lookup port."""

    __slots__ = ("_default", "_keys", "_maps", "_requests")

    def __init__(self, listener: Listener, maps: Mapping[bytes, Table], default: Table) -> None:
        super().__init__(listener)
        self._maps = maps
        self._default = default
        self._requests: socketmap.RequestReader | None = None
        self._keys: tcp_table.RequestReader | None = None

    def data_received(self, data: bytes) -> None:
        """Take the short way for one whole socketmap request, which is how Postfix asks."""
        request = self._requests.only(data) if self._requests else None
        if request is None:
            super().data_received(data)
        else:
            self.silent = False
            self.transport.write(self._answer(*request))

    def replies(self, data: bytes) -> Iterator[bytes]:
        if self._requests is None and self._keys is None:
            self._recognize(data)
        if self._requests is not None:
            for name, key in self._requests.feed(data):
                yield self._answer(name, key)
        elif self._keys is not None:
            for key in self._keys.feed(data):
                yield tcp_table.encode(self._default.lookup(key))

    def _recognize(self, data: bytes) -> None:
        """Learn from the first octet which protocol this peer speaks."""
        if data[:1].isdigit():
            self._requests = socketmap.RequestReader()
        else:
            self._keys = tcp_table.RequestReader()

    def _answer(self, name: bytes, key: bytes) -> bytes:
        table = self._maps.get(name)
        return socketmap.encode(table.lookup(key)) if table else socketmap.NO_SUCH_MAP
