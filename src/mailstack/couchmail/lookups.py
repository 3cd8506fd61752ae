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

    __slots__ = ("_default", "_maps", "_speak")

    def __init__(self, listener: Listener, maps: Mapping[bytes, Table], default: Table) -> None:
        super().__init__(listener)
        self._maps = maps
        self._default = default
        self._speak: Callable[[bytes], Iterator[bytes]] = self._first

    def replies(self, data: bytes) -> Iterator[bytes]:
        return self._speak(data)

    def _first(self, data: bytes) -> Iterator[bytes]:
        """Learn from the first octet which protocol this peer speaks."""
        self._speak = self._socketmap() if data[:1].isdigit() else self._tcp_table()
        return self._speak(data)

    def _socketmap(self) -> Callable[[bytes], Iterator[bytes]]:
        feed, maps, encode = socketmap.RequestReader().feed, self._maps, socketmap.encode

        def speak(data: bytes) -> Iterator[bytes]:
            for name, key in feed(data):
                table = maps.get(name)
                yield encode(table.lookup(key)) if table else socketmap.NO_SUCH_MAP

        return speak

    def _tcp_table(self) -> Callable[[bytes], Iterator[bytes]]:
        feed, lookup, encode = (
            tcp_table.RequestReader().feed,
            self._default.lookup,
            tcp_table.encode,
        )

        def speak(data: bytes) -> Iterator[bytes]:
            for key in feed(data):
                yield encode(lookup(key))

        return speak
