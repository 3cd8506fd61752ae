"""``mailstack init``: write the settings file, and say what to do next."""

import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from mailstack.cli.app import invocation
from mailstack.errors import MailstackError
from mailstack.model.addresses import split_address
from mailstack.settings import Settings
from mailstack.settings_file import check
from mailstack.settings_sample import sample
from mailstack.topology.stack import STACK

app = typer.Typer(add_completion=False)


@app.command(
    epilog="mailstack init example.com --email you@example.net",
)
def command(
    context: typer.Context,
    domain: Annotated[
        str, typer.Argument(metavar="DOMAIN", help="The primary domain: what stands after the @.")
    ],
    *,
    email: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Your address: gets postmaster@ and abuse@ of every domain."
        ),
    ],
) -> None:
    """Write a commented mailstack.toml, and print what to do next."""
    file = invocation(context).config
    settings = check({"domain": domain, "email": email})
    _write(file, sample({"domain": settings.domain, "email": settings.email}))
    typer.echo(next_steps(settings, file))


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x") as opened:
            opened.write(text)
    except FileExistsError:
        raise MailstackError(
            f"{file} is there already, and was not changed",
            advice="edit it, or name another one with --config",
        ) from None
    except OSError as error:
        raise MailstackError(f"{file} cannot be written: {error.strerror}") from error


def next_steps(settings: Settings, file: Path) -> str:
    """What is left for the owner after ``init``, as text for the terminal."""
    program = "mailstack" if shutil.which("mailstack") else "./mailstack"
    return f"""\
Wrote {file}. What to do next:

1. In DNS (ADDRESS is the public IP address of this machine; add AAAA if it has IPv6):

{_records(settings)}

   The reverse name (PTR) of ADDRESS must be {settings.hostname}; its provider sets it.
   The DKIM record needs a key, which the first start makes.

2. Let TCP ports {_ports("in")} in, and {_ports("out")} out (many providers open SMTP on request).

3. Start, and make the first mailbox{_why(settings)}:

   {program} up --detach
   {program} user add {_first(settings)}

4. Once the names of step 1 lead here: set acme.enabled = true in {file.name}, then down and up.
   That gets a certificate from Let's Encrypt, and renews it; until then mail programs warn.
   By this you agree to its terms.
"""


def _first(settings: Settings) -> str:
    """The owner's own mailbox, if it is one of this stack."""
    own = split_address(settings.email)[1] == settings.domain
    return settings.email if own else f"you@{settings.domain}"


def _why(settings: Settings) -> str:
    own = _first(settings) == settings.email
    return " (yours: until it is there, mail to postmaster@ waits)" if own else ""


def _records(settings: Settings) -> str:
    domain, host = settings.domain, settings.hostname
    rows = (
        (host, "A", "ADDRESS"),
        (domain, "MX", f"10 {host}."),
        (domain, "TXT", '"v=spf1 mx -all"'),
        (f"_dmarc.{domain}", "TXT", f'"v=DMARC1; p=quarantine; rua=mailto:postmaster@{domain}"'),
    )
    width = max(len(name) for name, _, _ in rows) + 1
    return "\n".join(f"   {name + '.':{width}}  {kind:3}  {data}" for name, kind, data in rows)


def _ports(way: Literal["in", "out"]) -> str:
    if way == "out":
        numbers = sorted(STACK.internet_ports.values())
    else:
        numbers = sorted(p.number for s in STACK.services for p in s.ports if p.public)
    return ", ".join(str(number) for number in numbers)
