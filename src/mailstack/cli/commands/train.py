"""``mailstack train``: the night's training, now, for some users or for all.

A client of the trainer's HTTP. What is under way goes on when this command is ended; called again,
it waits for its turn and finds the rest.
"""

from typing import Annotated, Any

import typer

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson, complete_user
from mailstack.cli.output import say, say_json, say_table
from mailstack.cli.training import Trainer, told, train
from mailstack.errors import MailstackError

app = typer.Typer(add_completion=False)

HEAD = ("user", "ham", "spam", "skipped", "recall", "without", "false positives", "", "seconds")


@app.command(epilog="mailstack train\n\nmailstack train anna@example.org --json")
def command(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ADDRESS]...", help="Whose mail; all users'.", autocompletion=complete_user
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Teach spamd what is in Inbox and Spam; exit 1 if it failed for anybody."""
    trainer = Trainer.of(invocation(context))
    done = list(train(trainer, addresses or []))
    if addresses:
        _find_misspelt(done)
    failed = [one for one in done if one["failed"]]
    if as_json:
        say_json({"users": done})
    else:
        say_table(HEAD, (_row(one) for one in done if not one["failed"]))
        _say_summary(done)
    if failed:
        raise MailstackError(f"{_named(failed[0])}{failed[0]['failed']}", advice=_others(failed))


def _find_misspelt(done: list[dict[str, Any]]) -> None:
    """Who is named here should be there; in the night a user may go while the run goes on."""
    for one in done:
        if one.get("gone"):
            one["failed"] = "there is no such user"


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    numbers = (one["learned_ham"], one["learned_spam"], one["skipped"])
    shares = (one.get("recall"), one.get("recall_without"))
    return (
        str(one["user"]),
        *map(str, numbers),
        *("-" if share is None else f"{share:.0%}" for share in shares),
        str(one.get("false_positives", "-")),
        told(one),
        f"{one['seconds']:.1f}",
    )


def _say_summary(done: list[dict[str, Any]]) -> None:
    good = [one for one in done if not one["failed"]]
    ham, spam = (sum(one[name] for one in good) for name in ("learned_ham", "learned_spam"))
    say(f"{len(good)} of {len(done)} users, {ham} ham and {spam} spam learnt")


def _named(one: dict[str, Any]) -> str:
    return f"{one['user']}: " if one.get("user") else ""


def _others(failed: list[dict[str, Any]]) -> str:
    more = f"{len(failed) - 1} more failed; " if len(failed) > 1 else ""
    return f"{more}call it again to go on; the trainer's log says more"
