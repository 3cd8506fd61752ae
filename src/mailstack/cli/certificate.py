"""What ``mailstack certificate`` does: look at the pair, and order a new one."""

import datetime as dt
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mailstack.cli.dns import place_of
from mailstack.cli.invocation import Invocation
from mailstack.client import Client, UnixTransport
from mailstack.dns.update import read_tsig
from mailstack.errors import ConfigError, MailstackError
from mailstack.letsencrypt.pair import Pair, Shown
from mailstack.topology.model import Endpoint

if TYPE_CHECKING:
    from mailstack.letsencrypt.order import Prover

SERVICE_NAMES: Final = ("mail", "mta-sts", "autoconfig", "autodiscover", "openpgpkey")
_PAGE: Final = "100"
"""Domains that are asked for; more do not fit into one certificate."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """``done`` is false when nothing was due."""

    done: bool
    shown: Shown
    dropped: dict[str, str]


def pair_of(invocation: Invocation) -> Pair:
    return Pair(invocation.state / "secure" / "tls", invocation.state / "data" / "letsencrypt")


def shown(invocation: Invocation) -> Shown:
    """What is in the owner's folder.

    Raises:
        MailstackError: nothing.
    """
    found = pair_of(invocation).shown()
    if found is None:
        raise MailstackError("there is no certificate yet", advice="start the stack: mailstack up")
    return found


def renew(invocation: Invocation, *, force: bool) -> Renewed:
    """Order a certificate if one is due, for the names of all domains.

    Raises:
        MailstackError: it did not come about; the one in force stays.
    """
    pair = pair_of(invocation)
    pair.finish()
    before = shown(invocation)
    if not pair.may_replace():
        raise MailstackError(
            f"the certificate in {pair.tls} is your own, and stays",
            advice="renew it as you got it, or move both files away",
        )
    if not force and not is_due(before, invocation.settings.acme.renew_at):
        return Renewed(done=False, shown=before, dropped={})
    dropped = _order(invocation, pair)
    return Renewed(done=True, shown=shown(invocation), dropped=dropped)


def is_due(found: Shown, part: float) -> bool:
    return found.is_first or dt.datetime.now(dt.UTC) >= found.due(part)


def names_of(hostname: str, domains: list[str]) -> list[str]:
    """The server's own name first, then those of each domain's services."""
    every = [f"{label}.{domain}" for domain in domains for label in SERVICE_NAMES]
    return list(dict.fromkeys([hostname, *every]))


def _domains(invocation: Invocation) -> list[str]:
    client = Client(UnixTransport(invocation.api_socket))
    found = client.call("GET", "domains", query={"limit": _PAGE}).fields
    return [str(one["name"]) for one in found["items"]]


def _order(invocation: Invocation, pair: Pair) -> dict[str, str]:
    # acme and requests are for those who order
    from mailstack.letsencrypt.order import Authority, obtain  # noqa: PLC0415

    settings = invocation.settings
    authority = Authority(
        settings.acme.address, settings.acme.ca_file, settings.email, pair.kept / "account.pem"
    )
    names = names_of(settings.hostname, _domains(invocation))
    with ExitStack() as stack:
        issued = obtain(authority, names, _prover(invocation, stack))
    pair.replace(issued.certificate, issued.key)
    return dict(issued.dropped)


def _prover(invocation: Invocation, stack: ExitStack) -> "Prover":
    from mailstack.letsencrypt import proofs  # noqa: PLC0415

    settings = invocation.settings
    if settings.acme.challenge == "http-01":
        pages = proofs.Pages()
        port = settings.acme.http_port + settings.listen.port_offset
        stack.enter_context(proofs.serving(pages, Endpoint(settings.listen.address, port)))
        return pages
    address, _, number = settings.dns.update_server.partition("@")
    if not address:
        raise ConfigError('acme.challenge = "dns-01" needs dns.update_server', advice="set it")
    file = invocation.state / "secure" / "tsig.key"
    tsig = read_tsig(file, settings.dns.tsig_name, settings.dns.tsig_algorithm)
    resolver = place_of(settings).resolver
    return proofs.Records(Endpoint(address, int(number)), settings.dns.update_zone, resolver, tsig)
