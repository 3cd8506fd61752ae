"""What every check is given. Nothing is asked here: a check that fails must not fail the others."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailstack.client import Client, UnixTransport
from mailstack.findings import Finding
from mailstack.settings import Settings
from mailstack.topology.addresses import one_machine
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK


@dataclass(frozen=True, slots=True)
class Context:
    """One stack on this machine."""

    settings: Settings
    state: Path
    addresses: tuple[str, ...]
    """At which the world reaches it; empty when that is not known."""
    status: Mapping[str, Any] | None
    """As ``status --json`` has it; None when nothing runs."""

    def port(self, service: str, port: str) -> Endpoint:
        """Where a program on this machine reaches a port."""
        listen = self.settings.listen
        found = one_machine(STACK, service, public_host=listen.address, offset=listen.port_offset)[
            f"{service}.{port}"
        ]
        return Endpoint("127.0.0.1" if found.host == "all" else found.host, found.port)

    @property
    def resolver(self) -> Endpoint:
        return self.port("resolver", "dns")

    @property
    def api(self) -> Client:
        return Client(UnixTransport(self.state / "run" / "couchmail" / "api.sock"))


Found = list[Finding]
Check = Callable[[Context], Awaitable[Found]]
