"""``mailstack user``: mailboxes and their logins."""

import base64
import sys
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from mailstack.cli.app import invocation
from mailstack.cli.documents import Fields
from mailstack.cli.input import read_octets
from mailstack.cli.options import AsJson, Enabled, InDomain, UserAddress, Yes, documents
from mailstack.cli.output import confirm, say, say_json, say_table
from mailstack.client import Client, UnixTransport
from mailstack.errors import InvalidDocument
from mailstack.model.addresses import parse_address
from mailstack.model.octets import format_octets, parse_octets
from mailstack.model.openpgp_packets import MAX_OCTETS, PublicKey, read_key
from mailstack.model.passwords import MAX_PASSWORD_OCTETS, generate_password, hash_password

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Mailboxes and their logins.")

PasswordStdin: TypeAlias = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password's one line from standard input.")
]
Quota: TypeAlias = Annotated[
    str, typer.Option(metavar="SIZE", help="Limit of the mailbox, e.g. 2GiB; 'none' removes it.")
]


@app.command(
    epilog="mailstack user add anna@example.org --quota 2GiB\n\n"
    "pass show anna | mailstack user add anna@example.org --password-stdin"
)
def add(
    context: typer.Context,
    address: UserAddress,
    *,
    password_stdin: PasswordStdin = False,
    quota: Quota = "",
    as_json: AsJson = False,
) -> None:
    """Make a mailbox with a login; a generated password is printed when none is given."""
    password = _read_password() if password_stdin else generate_password()
    fields: Fields = {"type": "user", "address": address, "password": _hash(password)}
    if quota:
        fields["quota"] = _octets(quota)
    stored = documents(context, "user").create(fields)
    if as_json:
        say_json(stored if password_stdin else stored | {"password": password})
        return
    say(f"added user {stored['address']}")
    if not password_stdin:
        say(f"password: {password}")


@app.command("list", epilog="mailstack user list --domain example.org --json")
def list_(context: typer.Context, *, domain: InDomain = "", as_json: AsJson = False) -> None:
    """List all users, or those of one domain."""
    found = documents(context, "user").all(domain)
    if as_json:
        say_json(list(found))
        return
    say_table(("user", "quota", "state"), [_row(user) for user in found])


@app.command(epilog="mailstack user show anna@example.org --json")
def show(context: typer.Context, address: UserAddress, *, as_json: AsJson = False) -> None:
    """Show one user."""
    found = documents(context, "user").get(address)
    if as_json:
        say_json(found)
        return
    say_table(("user", "quota", "state"), [_row(found)])


@app.command(
    "set",
    epilog="mailstack user set anna@example.org --quota none\n\n"
    "mailstack user set anna@example.org --disable",
)
def set_(
    context: typer.Context,
    address: UserAddress,
    *,
    quota: Quota = "",
    password_stdin: PasswordStdin = False,
    enabled: Enabled = None,
    as_json: AsJson = False,
) -> None:
    """Change quota or password, or switch a user off (no login, no mail; all is kept) or on."""
    changes: Fields = {}
    if quota:
        changes["quota"] = _octets(quota)
    if password_stdin:
        changes["password"] = _hash(_read_password())
    if enabled is not None:
        changes["enabled"] = enabled
    if not changes:
        raise typer.BadParameter("nothing to set: give --quota, --password-stdin or --disable")
    stored, changed = documents(context, "user").change(address, changes)
    changed = changed or "password" in changes  # which the API does not show
    name = stored["address"]
    text = f"changed user {name}" if changed else f"user {name} is so already"
    say_json(stored) if as_json else say(text)


@app.command(epilog="mailstack user remove anna@example.org --yes")
def remove(context: typer.Context, address: UserAddress, *, yes: Yes = False) -> None:
    """Remove a user's login and scripts; the mailbox on disk is not touched."""
    if not confirm(f"Remove {address}, its login and its scripts?", yes=yes):
        raise typer.Abort
    documents(context, "user").remove(address)
    say(f"removed user {address}; its mailbox on disk was not touched")


@app.command(
    epilog="gpg --export anna@example.org | mailstack user key anna@example.org -\n\n"
    "mailstack user key anna@example.org --show\n\n"
    "mailstack user key anna@example.org --remove"
)
def key(
    context: typer.Context,
    address: UserAddress,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="One OpenPGP public key, armored or binary; - is standard input.",
        ),
    ] = None,
    *,
    show: Annotated[bool, typer.Option("--show", help="Show the key that is published.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Publish it no longer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a user's OpenPGP key, where mail programs look for it (WKD)."""
    if [file is not None, show, remove].count(True) != 1:
        raise typer.BadParameter("give one of FILE, --show and --remove")
    client = Client(UnixTransport(invocation(context).api_socket))
    place = ("users", address, "openpgp")
    if remove:
        client.call("DELETE", *place)
        say(f"removed the OpenPGP key of {address}")
    elif file is None:
        _tell_key(client.call("GET", *place).fields, "", as_json=as_json)
    else:
        found = _read_key(file, address)
        document = {"public": base64.b64encode(found.data).decode()}
        stored = client.call("PUT", *place, document=document).fields
        _tell_key(stored, "published ", as_json=as_json)


def _read_key(file: Path, address: str) -> PublicKey:
    """Read what is to be published; other names of its owner stay unpublished."""
    try:
        return read_key(read_octets(file, 2 * MAX_OCTETS)).for_address(parse_address(address))
    except ValueError as error:
        raise InvalidDocument(f"{file}: {error}") from None


def _tell_key(stored: Fields, done: str, *, as_json: bool) -> None:
    found = read_key(base64.b64decode(stored["public"]))
    if as_json:
        say_json(stored | {"fingerprint": found.fingerprint, "user_ids": list(found.user_ids)})
        return
    say(f"{done}OpenPGP key of {stored['owner']}: {found.fingerprint}")


def _read_password() -> str:
    """Read one line; the line's end does not belong to the password."""
    return sys.stdin.readline(MAX_PASSWORD_OCTETS + 3).removesuffix("\n").removesuffix("\r")


def _hash(password: str) -> str:
    try:
        return hash_password(password)
    except ValueError as error:
        raise InvalidDocument(str(error)) from None


def _octets(text: str) -> int | None:
    if text.lower() == "none":
        return None
    try:
        return parse_octets(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quota") from None


def _row(user: Fields) -> tuple[str, str, str]:
    quota = "default" if user["quota"] is None else format_octets(user["quota"])
    return user["address"], quota, "enabled" if user["enabled"] else "disabled"
