"""``mailstack sieve``: users' filter scripts."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from mailstack.cli.app import invocation
from mailstack.cli.datastore import checked_in, client
from mailstack.cli.input import read_text
from mailstack.cli.options import AsJson, complete_script, complete_user
from mailstack.cli.output import say, say_json, say_table
from mailstack.client import Client
from mailstack.daemons.dovecot.sieve import compile_script

_COMPILES: Final = "managesieve"
"""Whose image has the compiler."""

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Users' filter scripts (Sieve, RFC 5228)."
)

Owner: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        help="Its user's; @DOMAIN is the default of all in a domain who have none active.",
        autocompletion=complete_user,
    ),
]
ScriptName: TypeAlias = Annotated[
    str, typer.Argument(metavar="NAME", help="The script's.", autocompletion=complete_script)
]


@app.command(epilog="mailstack sieve put anna@example.org holidays vacation.sieve --activate")
def put(
    context: typer.Context,
    address: Owner,
    name: ScriptName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The script; - is standard input.")],
    *,
    activate: Annotated[
        bool, typer.Option("--activate", help="Make it the one that runs, at once.")
    ] = False,
    unchecked: Annotated[
        bool,
        typer.Option(
            "--unchecked",
            help="Store it as it is; while it does not compile, mail goes to the Inbox.",
        ),
    ] = False,
) -> None:
    """Compile a script, and store it if that succeeds; one that was active stays so."""
    text = read_text(file, "script")
    if not unchecked:
        with checked_in(_COMPILES):
            asyncio.run(compile_script(text))
    datastore = _client(context)
    fields = {"text": text, "active": activate or _is_active(datastore, address, name)}
    datastore.call("PUT", "users", address, "sieve", name, document=fields)
    say(f"stored script {name} of {address}{', which is active' if fields['active'] else ''}")


@app.command("list", epilog="mailstack sieve list anna@example.org")
def list_(context: typer.Context, address: Owner, *, as_json: AsJson = False) -> None:
    """List the scripts of a user; at most one is active."""
    found = _scripts(_client(context), address)
    if as_json:
        say_json(found)
        return
    say_table(("script", "active"), [(s["name"], "active" if s["active"] else "-") for s in found])


@app.command(epilog="mailstack sieve get anna@example.org holidays > vacation.sieve")
def get(
    context: typer.Context, address: Owner, name: ScriptName, *, as_json: AsJson = False
) -> None:
    """Print a script."""
    found = _client(context).call("GET", "users", address, "sieve", name).fields
    if as_json:
        say_json(found)
        return
    sys.stdout.write(found["text"])


@app.command(epilog="mailstack sieve activate anna@example.org holidays")
def activate(context: typer.Context, address: Owner, name: ScriptName) -> None:
    """Make a script the one that runs."""
    _client(context).call("POST", "users", address, "sieve", name, "activate")
    say(f"script {name} of {address} is active")


@app.command(epilog="mailstack sieve deactivate anna@example.org holidays")
def deactivate(context: typer.Context, address: Owner, name: ScriptName) -> None:
    """Let a script rest: mail goes to the Inbox, and spam to Spam."""
    _client(context).call("POST", "users", address, "sieve", name, "deactivate")
    say(f"script {name} of {address} is not active")


@app.command(epilog="mailstack sieve remove anna@example.org holidays")
def remove(context: typer.Context, address: Owner, name: ScriptName) -> None:
    """Remove a script."""
    _client(context).call("DELETE", "users", address, "sieve", name)
    say(f"removed script {name} of {address}")


def _client(context: typer.Context) -> Client:
    return client(invocation(context), _COMPILES)


def _scripts(datastore: Client, address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = datastore.call("GET", "users", address, "sieve").fields["items"]
    return found


def _is_active(datastore: Client, address: str, name: str) -> bool:
    return any(s["active"] for s in _scripts(datastore, address) if s["name"] == name)
