"""What this service counts. Names are API: docs/reference/metrics.md lists them."""

from typing import Final

from mailstack.aio.http import Answer, Request
from mailstack.observe.metrics import Counter, Gauge, Metrics
from mailstack.program.pages import operations
from mailstack.protocols.managesieve import Atom, Line

COMMANDS: Final = frozenset(
    (
        *("AUTHENTICATE", "CAPABILITY", "CHECKSCRIPT", "DELETESCRIPT", "GETSCRIPT", "HAVESPACE"),
        *("LISTSCRIPTS", "LOGOUT", "NOOP", "PUTSCRIPT", "RENAMESCRIPT", "SETACTIVE", "STARTTLS"),
        "UNAUTHENTICATE",
    )
)
OTHER: Final = "other"
"""Whatever a peer made up; its words are no labels."""
RESULTS: Final = ("ok", "refused", "later", "more")
"""``later``: nobody could tell then (TRYLATER). ``more``: a login whose response comes next."""


class SieveMetrics:
    """One of these per process."""

    def __init__(self) -> None:
        self.connections = 0
        self.refused = Counter(
            "mailstack_managesieve_refused_connections",
            "Connections refused because there were as many as may be.",
        )
        self.commands = Counter(
            "mailstack_managesieve_commands",
            "Commands, by how they ended; a login is AUTHENTICATE.",
            ("command", "result"),
            [(name, result) for name in sorted({*COMMANDS, OTHER}) for result in RESULTS],
        )
        self._page = Metrics(
            Gauge(
                "mailstack_managesieve_connections",
                "Open connections.",
                lambda: self.connections,
            ),
            self.refused,
            self.commands,
        )

    def answered(self, line: Line, said: bytes) -> None:
        """Count one command and its answer."""
        self.commands.counts[_name(line), _result(said)] += 1

    async def pages(self, request: Request) -> Answer:
        """Health and metrics over HTTP. Who can ask is answered by a process that serves."""
        return operations(request, self._page.exposition)


def _name(line: Line) -> str:
    match line:
        case (Atom(text=name), *_) if name in COMMANDS:
            return name
    return OTHER


def _result(said: bytes) -> str:
    last = said.removesuffix(b"\r\n").rpartition(b"\r\n")[2]
    if last.startswith(b"OK"):
        return "ok"
    if last.startswith((b"NO (TRYLATER)", b"BYE (TRYLATER)")):
        return "later"
    return "refused" if last.startswith((b"NO", b"BYE")) else "more"
