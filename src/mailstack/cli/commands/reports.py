"""``mailstack reports``: what other domains tell about ours, and what we tell them."""

from typing import Annotated, TypeAlias

import typer

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson, complete_domain
from mailstack.cli.output import say, say_json, say_table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What others tell about mail in our domains' names, and what we tell them (DMARC).",
)

AnyDomain: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="[DOMAIN]", help="Only about this one.", autocompletion=complete_domain),
]


@app.command(epilog="mailstack reports sent\n\nmailstack reports sent friend.example --json")
def sent(context: typer.Context, domain: AnyDomain = "", *, as_json: AsJson = False) -> None:
    """Show which reports were sent to other domains, and what became of each."""
    from mailstack.cli import reports  # noqa: PLC0415

    found = reports.sent(invocation(context), domain.lower())
    if as_json:
        say_json([reports.sent_fields(one) for one in found])
        return
    rows = [
        (reports.iso(o.at), o.domain, o.to, str(o.messages), o.outcome, o.identity) for o in found
    ]
    if not rows:
        say(f"no report {f'about {domain} ' if domain else ''}has been sent yet")
        return
    say_table(("at", "about", "to", "messages", "", "report"), rows)


@app.command(epilog="mailstack reports send")
def send(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Send now what there is to report, of today too; by itself that is done each day (UTC)."""
    from mailstack.cli import reports  # noqa: PLC0415

    said, waiting = reports.send_now(invocation(context))
    if as_json:
        say_json({"done": said, "waiting": waiting})
        return
    for line in said or ["nothing is to be reported"][: not waiting]:
        say(line)
    if waiting:
        say("some could not be sent yet; they are tried again")
