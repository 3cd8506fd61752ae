"""Programs of our own begin as copies of one process that has imported them all.

They import much the same, and pages that a fork(2) shares count once: that makes the idle stack a
quarter smaller, and a program starts in milliseconds (docs/decisions/0030-nursery.md).

    supervisor ──fork──▶ nursery          imports the programs; has no thread and no event loop
        │  order: command line,               │ fork, fork: whoever is in between ends,
        │  environment, output                ▼ and the supervisor inherits the copy
        └─ parent of ─────────────▶ python -m mailstack.names …

A copy has a session, an environment and a command line of its own, as if it had been started
anew. What the nursery cannot start is started so: larger and slower, and nothing else. When the
supervisor is killed, the nursery is what is left to end the daemons that do not end with it.
"""

import asyncio
import gc
import importlib
import json
import logging
import os
import signal
import socket
import ssl
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Never, Self

import mailstack
from mailstack.aio import prctl, process
from mailstack.aio.adopted import Adopted
from mailstack.topology.stack import STACK

_SOURCE: Final = Path(mailstack.__file__).parent
_PREFIX: Final = process.as_account((sys.executable, "-m"), 0, 0, ())
"""How a command line begins that can be forked: of a program that gives up root by itself."""
_MAX_ORDER: Final = 65_536
_TIMEOUT_S: Final = 30.0
"""For one program to begin, the imports before the first included."""
_LOG: Final = logging.getLogger("mailstack")


@dataclass(slots=True)
class Nursery:
    """The supervisor's end of it."""

    pid: int
    _channel: socket.socket = field(repr=False)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def begin(
        cls, not_for_it: Iterable[int] = (), orphaned: Callable[[int], None] = lambda _: None
    ) -> Self:
        """Fork it. To be called before there is a thread, an event loop or a handler of signals.

        In a program that is forked later this raises SystemExit at that program's end.
        ``not_for_it``: open descriptors that are ours alone. ``orphaned`` is called in the nursery
        when we are gone, however we ended, with our pid.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _freeze()
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            for descriptor in (ours.detach(), *not_for_it):
                os.close(descriptor)
            _become(_attend(theirs, parent, orphaned), theirs, parent)
        theirs.close()
        ours.settimeout(0)
        return cls(pid, ours)

    async def spawn(
        self, argv: Sequence[str], env: Mapping[str, str], output: int
    ) -> process.Child:
        """Start a program of ours as a copy, and every other as usual."""
        if list(argv[: len(_PREFIX)]) == _PREFIX and self._channel.fileno() >= 0:
            try:
                return await self._order(argv[len(_PREFIX) :], env, output)
            except OSError as error:  # TimeoutError is one
                _LOG.warning("the nursery is given up: %r", error)
                self._give_up()
        return await process.execute(argv, env, output)

    async def _order(self, words: Sequence[str], env: Mapping[str, str], output: int) -> Adopted:
        order = json.dumps({"words": list(words), "env": dict(env)}).encode()
        loop = asyncio.get_running_loop()
        async with self._one_at_a_time, asyncio.timeout(_TIMEOUT_S):
            socket.send_fds(self._channel, [order], [output])
            if pid := await loop.sock_recv(self._channel, _MAX_ORDER):
                return Adopted(int(pid))
        raise ConnectionResetError("it has ended")

    def _give_up(self) -> None:
        """What it may still start finds the channel closed, and ends."""
        self._channel.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Order:
    words: Sequence[str]
    """Name of the module, and its arguments."""
    env: Mapping[str, str]
    output: int


def _attend(channel: socket.socket, parent: int, orphaned: Callable[[int], None]) -> _Order:
    """Fork for each order. Return it in the copy."""
    try:
        os.setsid()
        _show("mailstack.supervisor.nursery")
        _import_programs()
        while order := _next(channel):
            if _fork_orphan():
                return order
            os.close(order.output)
        orphaned(parent)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - nothing of the supervisor's may go on in here
        traceback.print_exc()
        os._exit(1)


def _import_programs() -> None:
    for service in STACK.services:
        if (_SOURCE / service.name / "__main__.py").exists():
            importlib.import_module(f"mailstack.{service.name}.__main__")
    # What OpenSSL makes at its first use is shared, too.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _freeze()


def _freeze() -> None:
    """Keep the collector from what is shared: its marks would make it private."""
    gc.collect()
    gc.freeze()


def _next(channel: socket.socket) -> _Order | None:
    """Return the next order; None when nobody is left to give one."""
    data, descriptors, _, _ = socket.recv_fds(channel, _MAX_ORDER, 1)
    if not data:
        return None
    (output,) = descriptors
    return _Order(**json.loads(data), output=output)


def _fork_orphan() -> bool:
    """Fork a copy whose parent ends at once. Return True in it, once the supervisor is its parent.

    Raises:
        OSError: there can be no more processes.
    """
    waiting, adopted = os.pipe()
    between = os.fork()
    if between:
        os.close(waiting)
        _, status = os.waitpid(between, 0)
        os.close(adopted)
        if status:
            raise OSError("no copy could be made")
        return False
    try:
        if os.fork():
            os._exit(0)
    except OSError:
        os._exit(1)
    os.close(adopted)
    os.read(waiting, 1)  # its end: the one in between has been waited for
    os.close(waiting)
    return True


def _become(order: _Order, channel: socket.socket, parent: int) -> Never:
    """Be the program that was ordered, to its end."""
    os.setsid()
    prctl.end_with(parent)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (order.output, 1), (order.output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(order.output)
    os.chdir("/")
    os.environ.clear()
    os.environ.update(order.env)
    module, *_ = sys.argv = list(order.words)
    _show(*order.words)
    with channel:
        channel.send(str(os.getpid()).encode())
    raise SystemExit(importlib.import_module(f"{module}.__main__").main())


def _show(*words: str) -> None:
    with suppress(OSError):  # a kernel without it shows the supervisor's command line
        prctl.show_command_line((sys.executable, "-m", *words))
