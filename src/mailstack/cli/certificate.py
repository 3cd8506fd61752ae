"""What ``mailstack certificate`` does: look at the pair, and have a new one ordered.

Where the resident service keeps the certificate in order (``acme.enabled``), it is asked: it has
port 80 and the account. Else the order is done here.
"""

import asyncio
import datetime as dt
import http.client
import json
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from mailstack.cli.dns import place_of
from mailstack.cli.invocation import Invocation
from mailstack.client import Client, UnixTransport
from mailstack.dns.update import read_tsig
from mailstack.errors import ConfigError, MailstackError, ProtocolError
from mailstack.letsencrypt.errand import MAX_LINE, Result, Wish
from mailstack.letsencrypt.names import names_of
from mailstack.letsencrypt.pair import Folder, Pair, Shown, owners_own
from mailstack.topology.addresses import one_machine
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailstack.letsencrypt.order import Prover

_PAGE: Final = "100"
"""Domains that are asked for; more do not fit into one certificate."""
_TIMEOUT_S: Final = 1900.0
"""Above that of two errands, one after the other."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """``done`` is false when nothing was due."""

    done: bool
    shown: Shown
    dropped: dict[str, str]


def pair_of(invocation: Invocation) -> Pair:
    folder = invocation.state / "secure" / "tls"
    return Pair(Folder(folder), invocation.state / "data" / "letsencrypt" / "account")


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
    result = _ask_service(invocation, force=force) or _order(invocation, force=force)
    if result.done == "failed":
        raise MailstackError(result.why)
    if result.done == "owners":
        raise owners_own(pair_of(invocation).place)
    return Renewed(result.done == "issued", _shown(result), dict(result.dropped))


def _shown(result: Result) -> Shown:
    """What is in force now, which on a cluster is no file here."""
    begins, expires = (
        dt.datetime.fromtimestamp(at, dt.UTC) for at in (result.begins, result.expires)
    )
    return Shown(result.names, result.issuer, begins, expires, self_signed=result.first)


def _ask_service(invocation: Invocation, *, force: bool) -> Result | None:
    """Have the resident service do it; None where there is none, or it does not run."""
    if not invocation.settings.acme.enabled:
        return None
    at = _addresses(invocation)["letsencrypt.http"]
    try:
        token = (invocation.state / "secure" / "api.token").read_text("ascii").strip()
        with closing(http.client.HTTPConnection(at.host, at.port, timeout=_TIMEOUT_S)) as asked:
            headers = {"Authorization": f"Bearer {token}"}
            asked.request("POST", "/renew", json.dumps({"force": force}), headers)
            answer = asked.getresponse()
            body = answer.read(MAX_LINE)
            if answer.status != HTTPStatus.OK:
                raise MailstackError(f"letsencrypt refuses: {body.decode('utf-8', 'replace')}")
            return Result.decode(body)
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except PermissionError as error:
        raise MailstackError("the stack's token may not be read", advice="run as root") from error
    except (OSError, http.client.HTTPException, ProtocolError) as error:
        raise MailstackError(
            f"letsencrypt broke off: {error!r}", advice="see its log, then do it again"
        ) from error


def _order(invocation: Invocation, *, force: bool) -> Result:
    # acme and requests are for those who order
    from mailstack.letsencrypt.authority import Authority  # noqa: PLC0415
    from mailstack.letsencrypt.keys import published  # noqa: PLC0415
    from mailstack.letsencrypt.run import ACCOUNT, run  # noqa: PLC0415

    shown(invocation)  # says what to do where there is none
    settings, pair = invocation.settings, pair_of(invocation)
    file = pair.kept / ACCOUNT
    authority = Authority(settings.acme.address, settings.acme.ca_file, settings.email, file)
    wish = Wish(names_of(settings.hostname, _domains(invocation), settings.domain), force)
    part = settings.acme.renew_at
    resolver = place_of(settings).resolver
    return run(
        *(pair, authority, lambda: _prover(invocation), wish),
        renew_at=part,
        announced=lambda: asyncio.run(published(settings.hostname, resolver)),
    )


def _domains(invocation: Invocation) -> list[str]:
    client = Client(UnixTransport(invocation.api_socket))
    found = client.call("GET", "domains", query={"limit": _PAGE}).fields
    return [str(one["name"]) for one in found["items"]]


@contextmanager
def _prover(invocation: Invocation) -> "Iterator[Prover]":
    from mailstack.letsencrypt import proofs, zone_proofs  # noqa: PLC0415

    settings = invocation.settings
    if settings.acme.challenge == "http-01":
        pages = proofs.Pages()
        with proofs.serving(pages, _addresses(invocation)["letsencrypt.web"]):
            yield pages
        return
    address, _, number = settings.dns.update_server.partition("@")
    if not address:
        raise ConfigError('acme.challenge = "dns-01" needs dns.update_server', advice="set it")
    file = invocation.state / "secure" / "tsig.key"
    tsig = read_tsig(file, settings.dns.tsig_name, settings.dns.tsig_algorithm)
    resolver = place_of(settings).resolver
    server = Endpoint(address, int(number))
    yield zone_proofs.Records(server, settings.dns.update_zone, resolver, tsig)


def _addresses(invocation: Invocation) -> dict[str, Endpoint]:
    listen = invocation.settings.listen
    found = one_machine(STACK, "letsencrypt", public_host=listen.address, offset=listen.port_offset)
    return dict(found)
