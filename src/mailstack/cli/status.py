"""``mailstack status``: what runs, and how well."""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

import typer

from mailstack.cli.datastore import client as couchmail
from mailstack.cli.datastore import in_container
from mailstack.cli.invocation import Invocation
from mailstack.cli.output import wrapped
from mailstack.errors import MailstackError
from mailstack.supervisor import client

_API_S: Final = 3.0
"""couchmail is asked only while it is healthy, and answers from memory."""
_MAX_SHOWN: Final = 5
"""Findings in words; the rest is a number."""
_NOTHING: Final = "The stack does not run. Start it with: mailstack up --detach\n"
_NOTHING_IN_A_POD: Final = "The stack has not been examined, or couchmail does not answer.\n"
_COLOURS: Final = {"healthy": "green", "failed": "red", "unhealthy": "red", "restarting": "red"}


def status(invocation: Invocation, *, as_json: bool) -> None:
    """Print the state of each service.

    Raises:
        typer.Exit: with 1, when something is not healthy, or nothing runs.
    """
    found = client.status(invocation.state) or {"healthy": False, "services": {}}
    examined = _last(invocation, found["services"])
    if examined is not None:
        found["findings"] = {"at": examined["at"], "summary": examined["summary"]}
        if in_container():  # each pod's own health is told by the cluster
            found["healthy"] = not examined["summary"]["failure"]
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    elif found["services"]:
        _table(found["services"], found["supervisor"])
        _examined(examined)
    elif in_container() and examined:
        _examined(examined)
    else:
        sys.stdout.write(_NOTHING_IN_A_POD if in_container() else _NOTHING)
    if not found["healthy"]:
        raise typer.Exit(1)


def _table(services: dict[str, Any], supervisor: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - --json does without
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold")
    for title in ("service", "state", "since"):
        table.add_column(title)
    for title in ("pid", "memory", "restarts"):
        table.add_column(title, justify="right")
    table.add_column("ports")
    for name, one in services.items():
        table.add_row(*_row(name, one))
    table.add_row("supervisor", "", "", str(supervisor["pid"]), _mib(supervisor["pss_kib"]))
    table.add_section()
    in_all = sum(one["pss_kib"] for one in (*services.values(), supervisor))
    table.add_row("in all", "", "", "", _mib(in_all))
    console = Console()
    console.print(table)
    for name, one in services.items():
        for line in _remarks(one):
            console.print(f"{name}: {line}", style="red", highlight=False, markup=False)
        if one.get("remark"):
            line = f"{name}: {one['remark']}"
            console.print(line, style="yellow", highlight=False, markup=False)


def _last(invocation: Invocation, services: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the last examination found; None when there was none, or nobody can tell."""
    if not in_container() and services.get("couchmail", {}).get("state") != "healthy":
        return None
    try:
        found = couchmail(invocation, "doctor", timeout_s=_API_S).call("GET", "findings")
    except MailstackError:
        return None
    return found.fields


def _examined(last: dict[str, Any] | None) -> None:
    if last is None:
        return
    bad = {severity: n for severity, n in last["summary"].items() if n and severity != "ok"}
    told = ", ".join(f"{n} {severity}" for severity, n in bad.items()) or "all is well"
    when = _since(datetime.fromtimestamp(last["at"], UTC).isoformat())
    sys.stdout.write(f"doctor, {when}: {told}; mailstack doctor says more\n")
    worst = [f for f in last["findings"] if f["severity"] in {"failure", "warning"}]
    for finding in worst[:_MAX_SHOWN]:
        text = f"{finding['severity']}: {finding['key']}: {finding['what']}"
        sys.stdout.write(wrapped(text, indent=2) + "\n")


def _row(name: str, one: dict[str, Any]) -> list[str]:
    colour = _COLOURS.get(one["state"], "yellow")
    return [
        name,
        f"[{colour}]{one['state']}[/]",
        _since(one["since"]),
        str(one["pid"] or "-"),
        _mib(one["pss_kib"]),
        str(one["restarts"]),
        " ".join(str(number) for number in one["ports"].values()),
    ]


def _mib(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB"


def _since(text: str) -> str:
    """Return the time in this machine's zone; with the day unless it is today."""
    moment = datetime.fromisoformat(text).astimezone()
    today = moment.date() == datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def _remarks(one: dict[str, Any]) -> list[str]:
    remarks = [one["reason"]] if one["reason"] and one["state"] != "healthy" else []
    if one["config"]["state"] == "refused":
        remarks.append(f"configuration refused: {one['config']['reason']}")
    return remarks
