"""Arguments and options that several commands share, and the completion of their values."""

from typing import Annotated, TypeAlias

import typer

from mailstack.cli.app import invocation
from mailstack.cli.documents import COLLECTIONS, Documents, Fields, Kind
from mailstack.cli.invocation import DEFAULT_STATE, Invocation
from mailstack.client import Client, UnixTransport
from mailstack.errors import MailstackError

COMPLETION_TIMEOUT_S = 0.5
"""A person waits for a completion; without an answer there is none."""

MAX_COMPLETIONS = 200


def documents(context: typer.Context, kind: Kind) -> Documents:
    """The documents of a kind, at the couchmail of this run's state folder."""
    return Documents(Client(UnixTransport(invocation(context).api_socket)), kind)


def complete_domain(context: typer.Context, incomplete: str) -> list[str]:
    """Names of domains that begin so."""
    return _complete(context, "domain", "name", incomplete)


def complete_user(context: typer.Context, incomplete: str) -> list[str]:
    """Addresses of users that begin so."""
    return _complete(context, "user", "address", incomplete)


def complete_alias(context: typer.Context, incomplete: str) -> list[str]:
    """Addresses of aliases that begin so."""
    return _complete(context, "alias", "address", incomplete)


def complete_script(context: typer.Context, incomplete: str) -> list[str]:
    """Names of the user's scripts that begin so."""
    owner = context.params.get("address")
    return _begin(_ask(context, "users", owner, "sieve"), "name", incomplete) if owner else []


AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
InDomain: TypeAlias = Annotated[
    str,
    typer.Option(
        "--domain", metavar="DOMAIN", help="Only this domain.", autocompletion=complete_domain
    ),
]
Enabled: TypeAlias = Annotated[
    bool | None, typer.Option("--enable/--disable", help="Switch on or off.")
]
DomainName: TypeAlias = Annotated[
    str, typer.Argument(metavar="DOMAIN", help="Its name.", autocompletion=complete_domain)
]
UserAddress: TypeAlias = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="Its address.", autocompletion=complete_user)
]
AliasAddress: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        help="Its address; @DOMAIN is the catch-all of a domain.",
        autocompletion=complete_alias,
    ),
]


def _complete(context: typer.Context, kind: Kind, key: str, incomplete: str) -> list[str]:
    query = {"limit": str(MAX_COMPLETIONS), "q": incomplete}
    return _begin(_ask(context, COLLECTIONS[kind], query=query), key, incomplete)


def _ask(context: typer.Context, *path: str, query: dict[str, str] | None = None) -> list[Fields]:
    """Items of a list; none when couchmail does not answer soon."""
    state = context.find_root().params.get("state") or DEFAULT_STATE
    client = Client(
        UnixTransport(Invocation(state=state).api_socket), timeout_s=COMPLETION_TIMEOUT_S
    )
    try:
        items: list[Fields] = client.call("GET", *path, query=query).fields["items"]
    except MailstackError:
        return []
    return items


def _begin(items: list[Fields], key: str, incomplete: str) -> list[str]:
    return [item[key] for item in items if item[key].startswith(incomplete)]
