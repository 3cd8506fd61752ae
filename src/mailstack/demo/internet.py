"""A small internet: started, asked and removed from this side of the wire.

with small_internet() as internet:
    internet.publish(records)                   # DNS
    socket = internet.connect(address, peer)    # a client out there
    internet.received(recipient=...)            # what its mail servers got
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mailstack.demo import control, network, slots
from mailstack.demo.addresses import Plan
from mailstack.demo.keys import SigningKey
from mailstack.demo.outside import CONTROL_SOCKET, KEY_FILE, READY
from mailstack.demo.received import Received
from mailstack.demo.zone import Records
from mailstack.errors import ServiceFailed
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

_STOP_S = 5.0


@dataclass(slots=True)
class SmallInternet:
    """A running one. Any thread may use it."""

    plan: Plan
    control: Path
    key: SigningKey
    """Signs for every outside domain, with the selector of ``records.SELECTOR``."""
    staying: bool = False
    """Whether it outlives us."""

    @property
    def resolver(self) -> str:
        """The name server as the setting ``dns.forward`` spells it."""
        return f"{self.plan.nameserver}@{STACK.internet_ports['dns']}"

    def publish(self, records: Records) -> None:
        """Add names to DNS, or replace what they had; a name without types is removed."""
        plain = {
            name: {kind: list(data) for kind, data in types.items()}
            for name, types in records.items()
        }
        control.ask(self.control, "records", records=plain)

    def refuse(self, refusals: Mapping[str, str]) -> None:
        """Have outside recipients answered with an SMTP reply of your own; an empty one is 250."""
        control.ask(self.control, "refuse", refusals=dict(refusals))

    def connect(self, source: str, peer: Endpoint, *, timeout_s: float = 10.0) -> socket.socket:
        """Open a TCP connection from the outside address ``source``.

        Raises:
            ServiceFailed: refused, or no answer in time.
        """
        _, connection = control.ask(
            self.control,
            "connect",
            source=source,
            host=peer.host,
            port=peer.port,
            timeout_s=timeout_s,
        )
        if connection is None:
            raise ServiceFailed(f"no connection to {peer} came back")
        connection.settimeout(timeout_s)
        return connection

    def received(self, *, timeout_s: float = 10.0, **wanted: str) -> list[Received]:
        """Return what arrived outside: for a ``recipient``, from a ``sender``, with a ``subject``.

        Waits for the first; an empty list says that none came in ``timeout_s``.
        """
        answer, _ = control.ask(self.control, "received", timeout_s=timeout_s, wanted=wanted)
        return [Received.model_validate(message) for message in answer["messages"]]

    def stay(self, pid: int) -> None:
        """Let it live on without us, and end when the process ``pid`` does."""
        control.ask(self.control, "stay", pid=pid)
        self.staying = True


@contextmanager
def small_internet(folder: Path | None = None) -> Iterator[SmallInternet]:
    """Run a small internet until the end of the block; needs root.

    Args:
        folder: an existing one for its key and its socket; a temporary one unless given.

    Raises:
        ServiceFailed: it cannot be built here, or did not start.
        MissingProgram: iproute2 is not installed.
    """
    if folder is None:
        with (
            tempfile.TemporaryDirectory(prefix="outside-") as temporary,
            small_internet(Path(temporary)) as internet,
        ):
            yield internet
        return
    with slots.taken(network.remove) as (plan, lock):
        network.create(plan)
        with _process(plan, folder, lock) as internet:
            yield internet


@contextmanager
def _process(plan: Plan, folder: Path, lock: int) -> Iterator[SmallInternet]:
    key = SigningKey.generate()
    (folder / KEY_FILE).write_bytes(key.private_pem)
    log = folder / "outside.log"
    python = [sys.executable, "-m", "mailstack.demo.outside", str(plan.slot), str(folder)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*network.inside(plan), *python],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C is for us; it ends when its input does
        )
    assert process.stdin is not None  # noqa: S101 - PIPE was asked for
    assert process.stdout is not None  # noqa: S101
    internet = SmallInternet(plan, folder / CONTROL_SOCKET, key)
    try:
        if process.stdout.readline().strip() != READY.encode():
            raise ServiceFailed(f"the outside did not start: {_last_line(log)}")
        yield internet
    finally:
        process.stdin.close()
        process.stdout.close()
        if not internet.staying:
            _end(process, plan)


def _end(process: subprocess.Popen[bytes], plan: Plan) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_S)
    network.remove(plan)  # and with it, one that did not end
    process.wait(_STOP_S)


def _last_line(file: Path) -> str:
    lines = file.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
