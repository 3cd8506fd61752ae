"""``mailstack certificate``: what other servers and users are shown, and its renewal."""

from typing import TYPE_CHECKING, Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson
from mailstack.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from mailstack.letsencrypt.pair import Shown

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The certificate, and its renewal by ACME."
)


@app.command(epilog="mailstack certificate show --json")
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the certificate: names, issuer, expiry, when it is renewed."""
    from mailstack.cli import certificate  # noqa: PLC0415 - cryptography is for those who need it

    found = certificate.shown(invocation(context))
    fields = _fields(found, invocation(context).settings.acme.renew_at)
    if as_json:
        say_json(fields)
    else:
        say_table(("", ""), [(name, _cell(value)) for name, value in fields.items()])


@app.command(epilog="mailstack certificate renew   # each night by cron(8): does nothing until due")
def renew(
    context: typer.Context,
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if none is due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Order a certificate if one is due. If that fails, the one in force stays."""
    from mailstack.cli import certificate  # noqa: PLC0415

    done = certificate.renew(invocation(context), force=force)
    if as_json:
        part = invocation(context).settings.acme.renew_at
        say_json({"renewed": done.done, "dropped": done.dropped, **_fields(done.shown, part)})
        return
    until = done.shown.expires.isoformat()
    say(f"{'renewed' if done.done else 'not due'}: valid until {until}")
    for name, why in done.dropped.items():
        say(f"without {name}: {why}")


def _fields(found: "Shown", part: float) -> dict[str, object]:
    return {
        "names": list(found.names),
        "issuer": found.issuer,
        "expires": found.expires.isoformat(),
        "renewed_from": found.due(part).isoformat(),
        "self_signed": found.self_signed,
    }


def _cell(value: object) -> str:
    return "\n".join(value) if isinstance(value, list) else str(value)
