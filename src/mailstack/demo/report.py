"""What a person sees of a demonstration: each step as it happens, and two tables at the end.

On a terminal with colour and a running clock; elsewhere plain lines, one for each step.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailstack.demo.steps import Result, Step

if TYPE_CHECKING:
    from rich.status import Status

_GOOD, _BAD, _NOT_TRIED = "[green]ok[/]", "[bold red]FAILED[/]", "[yellow]not tried[/]"
_PLAIN_WIDTH = 120


def console() -> Console:
    """Return a console on standard output; a fixed width where there is no terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_PLAIN_WIDTH)


class Report:
    """Prints the steps of one demonstration."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._status: Status | None = None

    def begin(self, step: Step[Any]) -> None:
        """Show what is being done, where the line can be taken back."""
        if self._console.is_terminal:
            self._status = self._console.status(f"{escape(step.title)} …")
            self._status.start()

    def progress(self, what: str) -> None:
        """Show what is going on within the step."""
        if self._status is not None:
            self._status.update(escape(what))

    def end(self, result: Result) -> None:
        """Print what was done, what it proves, and how long it took."""
        self.close()
        if not result.tried:
            return  # The summary has it.
        title, proves = escape(result.title), escape(result.proves)
        line = f"{_mark(result)}  [bold]{title}[/]: {proves}  [dim]{result.seconds:.1f} s[/]"
        self._console.print(line, soft_wrap=True)
        self._console.print(f"      {escape(result.detail)}", soft_wrap=True)

    def close(self) -> None:
        """Take the running line back."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, text: str = "") -> None:
        self._console.print(text, soft_wrap=True)

    def summary(self, results: Sequence[Result]) -> None:
        """Print one line for each step, and how many went well."""
        table = Table(box=box.SIMPLE, title="What was proved", title_justify="left")
        table.add_column("")
        table.add_column("step")
        table.add_column("proves")
        table.add_column("time", justify="right")
        for result in results:
            row = (escape(result.title), escape(result.proves), f"{result.seconds:.1f} s")
            table.add_row(_mark(result), *row)
        self._console.print(table)
        good = sum(result.succeeded for result in results)
        total = sum(result.seconds for result in results)
        self.say(f"{good} of {len(results)} steps succeeded in {total:.1f} s")

    def memory(self, services: Mapping[str, Mapping[str, Any]]) -> None:
        """Print what each service uses: its proportional share (PSS) and what is resident."""
        table = Table(box=box.SIMPLE, title="Memory in use", title_justify="left")
        table.add_column("service")
        table.add_column("PSS", justify="right")
        table.add_column("RSS", justify="right")
        for name, service in services.items():
            table.add_row(name, _mib(service["pss_kib"]), _mib(service["rss_kib"]))
        table.add_section()
        totals = (sum(s[key] or 0 for s in services.values()) for key in ("pss_kib", "rss_kib"))
        table.add_row("in all", *map(_mib, totals))
        self._console.print(table)


def _mark(result: Result) -> str:
    if not result.tried:
        return _NOT_TRIED
    return _GOOD if result.succeeded else _BAD


def _mib(kib: int | None) -> str:
    return "-" if kib is None else f"{kib / 1024:.1f} MiB"
