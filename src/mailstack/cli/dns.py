"""What ``mailstack dns`` needs to know before it can say anything: the facts, whom to ask."""

import asyncio
from pathlib import Path
from typing import Any

from mailstack.cli.invocation import Invocation
from mailstack.client import Client, UnixTransport
from mailstack.dns.ask import find_zone
from mailstack.dns.check import Place, check
from mailstack.dns.facts import facts
from mailstack.dns.publish import Plan, look, plan, publish
from mailstack.dns.records import Facts, records_of
from mailstack.dns.update import Tsig, read_tsig
from mailstack.errors import ConfigError, DocumentMissing, InvalidDocument, MailstackError
from mailstack.findings import Finding
from mailstack.model.domains import parse_domain
from mailstack.outcome import Found
from mailstack.settings import Settings
from mailstack.topology.addresses import one_machine
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

_NO_ADDRESS = Finding(
    "unknown",
    "dns.addresses",
    "the public address of this server is not known; its A and AAAA records were not looked at",
    fix='set listen.public_addresses, e.g. ["203.0.113.25"]',
)


def facts_of(invocation: Invocation, name: str, *, offline: bool = False) -> tuple[str, Facts]:
    """Look a domain up, and gather what its records are made of.

    Raises:
        MailstackError: it is none of ours, or something about it cannot be told.
    """
    try:
        domain = parse_domain(name)
    except ValueError as error:
        raise InvalidDocument(str(error)) from error
    client = Client(UnixTransport(invocation.api_socket))
    try:
        client.call("GET", "domains", domain)
    except DocumentMissing as error:
        raise MailstackError(
            f"{domain} is no domain of this stack", advice=f"add it: mailstack domain add {domain}"
        ) from error
    keys = _dkim_keys(client, domain)
    return domain, facts(invocation.settings, invocation.state, keys, offline=offline)


def place_of(settings: Settings) -> Place:
    """The stack's own resolver, as Postfix asks it."""
    listen = settings.listen
    found = one_machine(STACK, "postfix", public_host=listen.address, offset=listen.port_offset)
    return Place(found["resolver.dns"])


def checked(invocation: Invocation, domain: str, known: Facts) -> tuple[Finding, ...]:
    """Ask the world."""
    found = asyncio.run(check(domain, known, place_of(invocation.settings)))
    return found if known.addresses else (*found, _NO_ADDRESS)


def published(invocation: Invocation, domain: str, known: Facts, *, dry: bool) -> Plan:
    """Update the zone, or say what an update would change.

    Raises:
        MailstackError: the settings name no server or key, or the server does not do it.
    """
    settings = invocation.settings
    if not settings.dns.update_server:
        raise ConfigError(
            "no name server takes updates",
            advice="set dns.update_server, or publish by hand what --zone prints",
        )
    address, _, port = settings.dns.update_server.partition("@")
    server = Endpoint(address, int(port))
    tsig = _tsig(invocation.state / "secure" / "tsig.key", settings)
    return asyncio.run(_publish(server, settings, tsig, domain, known, dry=dry))


async def _publish(
    server: Endpoint, settings: Settings, tsig: Tsig, domain: str, known: Facts, *, dry: bool
) -> Plan:
    if dry:
        records = records_of(domain, known)
        return plan(records, await look(server, records), known)
    zone = settings.dns.update_zone or await _zone(domain, server)
    return await publish(domain, known, server=server, zone=zone, tsig=tsig)


async def _zone(domain: str, server: Endpoint) -> str:
    found = await find_zone(domain, server)
    if isinstance(found, Found):
        return found.value
    raise MailstackError(
        f"the name server {server} does not say in which zone {domain} lies",
        advice="set dns.update_zone, and see that it answers",
    )


def _tsig(file: Path, settings: Settings) -> Tsig:
    return read_tsig(file, settings.dns.tsig_name, settings.dns.tsig_algorithm)


def _dkim_keys(client: Client, domain: str) -> list[dict[str, Any]]:
    try:
        items: list[dict[str, Any]] = client.call("GET", "domains", domain, "dkim").fields["items"]
    except DocumentMissing:
        return []
    return items
