"""``mailstack spam``: what each user wants of the spam filter."""

import asyncio
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from mailstack.cli.app import invocation
from mailstack.cli.datastore import checked_in, client
from mailstack.cli.documents import Fields
from mailstack.cli.input import read_text
from mailstack.cli.options import AsJson, UserAddress
from mailstack.cli.output import say, say_json, say_table
from mailstack.cli.spam import List, Profile, read_rules

_LINTS: Final = "spamkeeper"
"""Whose image has SpamAssassin, and a link to the datastore."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Each user's own threshold, welcome and block list, and rules; in force within a second.",
)

Patterns: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="PATTERN...", help="An address, or *@example.net, or *@*.example.net."),
]
Remove: TypeAlias = Annotated[bool, typer.Option("--remove", help="Take them out of the list.")]


@app.command(epilog="mailstack spam show anna@example.org")
def show(context: typer.Context, address: UserAddress, *, as_json: AsJson = False) -> None:
    """Show what a user wants; what is not set is as for everybody."""
    found = _profile(context, address).get()
    if as_json:
        say_json(found)
        return
    say_table(("wish", "value"), _rows(found))


@app.command(
    "set",
    epilog="mailstack spam set anna@example.org --threshold 3.5\n\n"
    "mailstack spam set anna@example.org --languages de,en\n\n"
    "mailstack spam set anna@example.org --threshold default --languages any",
)
def set_(
    context: typer.Context,
    address: UserAddress,
    *,
    threshold: Annotated[
        str,
        typer.Option(
            metavar="SCORE",
            help="Score from which mail is spam, 1 to 50; 'default' is that of the settings.",
        ),
    ] = "",
    languages: Annotated[
        str,
        typer.Option(
            metavar="CODES",
            help="Languages the user reads, e.g. de,en: mail in others scores higher. 'any': all.",
        ),
    ] = "",
    share_training: Annotated[
        bool | None,
        typer.Option(
            "--share-training/--no-share-training",
            help="Let this user's mail teach the filter of users who have trained too little.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change threshold, languages, or whether training is shared."""
    changes: Fields = {}
    if threshold:
        changes["threshold"] = _threshold(threshold)
    if languages:
        changes["languages"] = [] if languages.lower() == "any" else _codes(languages)
    if share_training is not None:
        changes["share_training"] = share_training
    if not changes:
        raise typer.BadParameter("nothing to set: give --threshold, --languages or the like")
    stored, changed = _profile(context, address).change(lambda _: changes)
    _tell(stored, "changed" if changed else "is so already", as_json=as_json)


@app.command(
    epilog="mailstack spam allow anna@example.org bert@example.net '*@*.example.com'\n\n"
    "mailstack spam allow anna@example.org bert@example.net --remove"
)
def allow(
    context: typer.Context,
    address: UserAddress,
    patterns: Patterns,
    *,
    remove: Remove = False,
    as_json: AsJson = False,
) -> None:
    """Welcome senders: their mail is not spam, unless SPF or DKIM say it is forged."""
    _list(_profile(context, address), "allow", patterns, remove=remove, as_json=as_json)


@app.command(
    epilog="mailstack spam block anna@example.org '*@*.zip'\n\n"
    "mailstack spam block anna@example.org '*@*.zip' --remove"
)
def block(
    context: typer.Context,
    address: UserAddress,
    patterns: Patterns,
    *,
    remove: Remove = False,
    as_json: AsJson = False,
) -> None:
    """Block senders: their mail goes to Spam."""
    _list(_profile(context, address), "block", patterns, remove=remove, as_json=as_json)


@app.command(
    epilog="mailstack spam rules anna@example.org anna.cf\n\n"
    "echo 'header USER_LIST Subject =~ /\\[list\\]/' "
    "| mailstack spam rules anna@example.org -\n\n"
    "mailstack spam rules anna@example.org --clear"
)
def rules(
    context: typer.Context,
    address: UserAddress,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Lines of header, body, score, describe; - is standard input."
        ),
    ] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace a user's own rules, once SpamAssassin has read and accepted them."""
    if (file is None) is not clear:
        raise typer.BadParameter("give either FILE or --clear")
    lines = [] if file is None else read_rules(read_text(file, "file of rules"), file)
    with checked_in(_LINTS):
        _lint(lines)
    stored, changed = _profile(context, address).change(lambda _: {"rules": lines})
    _tell(stored, f"has {len(lines)} rule lines" if changed else "is so already", as_json=as_json)


def _profile(context: typer.Context, address: str) -> Profile:
    return Profile(client(invocation(context), _LINTS), address)


def _list(
    profile: Profile, name: List, patterns: list[str], *, remove: bool, as_json: bool
) -> None:
    act = profile.take if remove else profile.add
    stored, changed = act(name, patterns)
    what = f"{name} list has {len(stored[name])} entries" if changed else "is so already"
    _tell(stored, what, as_json=as_json)


def _tell(stored: Fields, what: str, *, as_json: bool) -> None:
    say_json(stored) if as_json else say(f"spam profile of {stored['owner']}: {what}")


def _rows(profile: Fields) -> list[tuple[str, str]]:
    threshold = profile["threshold"]
    return [
        ("threshold", "default" if threshold is None else f"{threshold:g}"),
        ("languages", ", ".join(profile["languages"]) or "any"),
        ("shares training", "yes" if profile["share_training"] else "no"),
        *(("allow", pattern) for pattern in profile["allow"]),
        *(("block", pattern) for pattern in profile["block"]),
        *(("rule", line) for line in profile["rules"]),
    ]


def _threshold(text: str) -> float | None:
    if text.lower() == "default":
        return None
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no score", param_hint="--threshold") from None


def _codes(text: str) -> list[str]:
    return [code for code in text.replace(",", " ").split() if code]


def _lint(lines: list[str]) -> None:
    from mailstack.daemons.spamassassin.user_rules import lint_rules  # noqa: PLC0415 - pydantic

    asyncio.run(lint_rules(lines))
