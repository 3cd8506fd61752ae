"""``mailstack user``: mailboxes and their logins."""

import sys
from typing import Annotated, TypeAlias

import typer

from mailstack.cli.documents import Fields
from mailstack.cli.options import AsJson, Enabled, InDomain, UserAddress, Yes, documents
from mailstack.cli.output import confirm, say, say_json, say_table
from mailstack.errors import InvalidDocument
from mailstack.model.octets import format_octets, parse_octets
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
