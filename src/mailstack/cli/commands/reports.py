"""``mailstack reports``: what other domains tell about ours, and what we tell them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperGroup

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson, complete_domain
from mailstack.cli.output import is_terminal, say, say_json, say_table


class _ShowsByDefault(TyperGroup):
    """``mailstack reports example.org`` is ``mailstack reports show example.org``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        """Put the command's name in front, where none is there."""
        named = bool(args) and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if named else ["show", *args])


app = typer.Typer(
    cls=_ShowsByDefault,
    add_completion=False,
    help="What others tell about mail in our domains' names, and what we tell them (DMARC).",
)

AnyDomain: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="[DOMAIN]", help="Only about this one.", autocompletion=complete_domain),
]


_SESSIONS: Final = ("told by", "result", "server", "sessions")


@app.command(
    epilog="mailstack reports\n\nmailstack reports example.org --days 30\n\n"
    "mailstack reports example.org --since 2026-11-01\n\n"
    "mailstack reports show example.org --json"
)
def show(
    context: typer.Context,
    domain: AnyDomain = "",
    *,
    days: Annotated[
        int, typer.Option("--days", min=1, max=400, help="About so many days, up to now.")
    ] = 7,
    since: Annotated[
        str, typer.Option("--since", metavar="DATE", help="From this day on (UTC), as 2026-11-01.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show who sent mail in our domains' names, as others saw it, and failures of TLS.

    DKIM and SPF are what DMARC makes of them: aligned with the From field, or not. Who tells it
    without a valid signature of its own is marked as unproven.
    """
    from mailstack.cli import received  # noqa: PLC0415

    begin = _begin(since, days)
    found = received.reports(invocation(context), domain.lower(), begin.timestamp())
    domains = received.summed(found)
    if as_json:
        say_json([received.fields(one, found) for one in domains])
        return
    if not domains:
        about = f"about {domain} " if domain else ""
        when = f"since {begin:%Y-%m-%d}" if since else f"within {days} days"
        say(f"no report {about}has come in {when}; others send them once a day")
    for one in domains:
        say(received.summary(one))
        if one.sources and is_terminal():
            say_table(*received.source_table(one))
            say(f"told by {', '.join(one.reporters)}")
        elif one.sources:
            say_table((), received.source_rows(one))
        if one.sessions:
            say_table(_SESSIONS, received.session_rows(one))


def _begin(since: str, days: int) -> datetime:
    if not since:
        return datetime.now(UTC) - timedelta(days=days)
    try:
        return datetime.strptime(since, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise typer.BadParameter(f"{since!r} is no date such as 2026-11-01") from error


@app.command(epilog="mailstack reports sent\n\nmailstack reports sent friend.example --json")
def sent(context: typer.Context, domain: AnyDomain = "", *, as_json: AsJson = False) -> None:
    """Show which reports were sent to other domains, and what became of each."""
    from mailstack.cli import reports  # noqa: PLC0415

    found = reports.sent(invocation(context), domain.lower())
    if as_json:
        say_json([reports.sent_fields(*one) for one in found])
        return
    if not found:
        say(f"no report {f'about {domain} ' if domain else ''}has been sent yet")
        return
    rows = [reports.sent_row(*one) for one in found]
    say_table(("at", "of", "about", "to", "counted", "", "report"), rows)


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
