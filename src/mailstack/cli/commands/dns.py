"""``mailstack dns``: what to publish, and whether the world sees it."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mailstack.cli.app import invocation
from mailstack.cli.options import AsJson, DomainName
from mailstack.cli.output import say, say_json, say_table
from mailstack.errors import MailstackError
from mailstack.model.domains import shown

if TYPE_CHECKING:
    from mailstack.dns.publish import Plan
    from mailstack.dns.records import Record

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Records to publish, and what is published."
)


@app.command(epilog="mailstack dns records example.org --zone >> example.org.zone")
def records(
    context: typer.Context,
    name: DomainName,
    *,
    as_json: AsJson = False,
    zone: Annotated[bool, typer.Option("--zone", help="Print lines of a zone file.")] = False,
    external_dns: Annotated[
        bool, typer.Option("--external-dns", help="Print a DNSEndpoint for ExternalDNS.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Publish them on dns.update_server; print what changes."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --update: only print what would change.")
    ] = False,
) -> None:
    """Show every record to publish for a domain, or publish them."""
    from mailstack.cli import dns  # noqa: PLC0415 - dnspython is for those who need it
    from mailstack.dns.records import records_of  # noqa: PLC0415

    if as_json + zone + external_dns + update > 1:
        raise MailstackError(
            "--json, --zone, --external-dns and --update exclude each other", advice="take one"
        )
    domain, known = dns.facts_of(invocation(context), name)
    found = records_of(domain, known)
    if update:
        _say_update(dns.published(invocation(context), domain, known, dry=dry_run))
    elif as_json:
        say_json([{**asdict(record), "data": record.data} for record in found])
    elif zone or external_dns:
        _say_file(domain, found, zone=zone)
    else:
        if shown(domain) != domain:
            say(f"{shown(domain)}, in DNS {domain}")
        rows = [(r.name, str(r.ttl), r.kind, r.data, r.level, r.purpose) for r in found]
        say_table(("name", "TTL", "type", "data", "", "for"), rows)
        _note(known.hostname, known.addresses)


@app.command(epilog="mailstack dns check example.org --json")
def check(context: typer.Context, name: DomainName, *, as_json: AsJson = False) -> None:
    """Compare what the world sees with what should be. Exit code 1 if something is wrong."""
    from mailstack.cli import dns  # noqa: PLC0415
    from mailstack.findings import failed  # noqa: PLC0415

    domain, known = dns.facts_of(invocation(context), name, offline=True)
    findings = dns.checked(invocation(context), domain, known)
    if as_json:
        say_json([finding.as_json() for finding in findings])
    else:
        rows = [(f.severity, f.what, f.meaning, f.fix) for f in findings]
        say_table(("", "seen", "what it means", "what to do"), rows)
    if failed(findings):
        raise typer.Exit(1)


def _say_file(domain: str, found: "tuple[Record, ...]", *, zone: bool) -> None:
    from mailstack.dns.zone import TYPES, endpoints, zone_lines  # noqa: PLC0415

    if zone:
        sys.stdout.write(zone_lines(domain, found))
        return
    for record in found:
        if record.kind not in TYPES:
            note = f"ExternalDNS knows no {record.kind} records; publish by hand: {record.line}\n"
            sys.stderr.write(note)
    import yaml  # noqa: PLC0415

    sys.stdout.write(yaml.safe_dump(endpoints(domain, found), sort_keys=False, width=10_000))


def _say_update(done: "Plan") -> None:
    for line in (*done.diff, *(f"kept: {text}" for text in done.kept)):
        say(line)
    if not done.changes:
        say("nothing to change")


def _note(hostname: str, addresses: tuple[str, ...]) -> None:
    sys.stderr.write(
        f"Whoever gave you {', '.join(addresses)} sets the reverse name (PTR): {hostname}\n"
    )
