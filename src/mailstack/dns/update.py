"""Change a zone by dynamic update (RFC 2136), signed with a shared key (TSIG, RFC 8945).

One message is one transaction: the server does all of it or nothing. It is sent over TCP, since a
few DKIM keys do not fit into a datagram. Whether a change is wise is decided by the caller.
"""

import asyncio
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from mailstack.errors import ConfigError, MailstackError
from mailstack.topology.model import Endpoint

TIMEOUT_S: Final = 10.0
"""For one update. A server that signs the zone itself answers well within a second."""
_MAX_KEY_OCTETS: Final = 4096
ALGORITHMS: Final = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1")
_NAMED_KEY: Final = re.compile(
    r'key\s+"?(?P<name>[^\s"{]+)"?\s*\{\s*'
    r'algorithm\s+"?(?P<algorithm>[\w-]+)"?\s*;\s*secret\s+"?(?P<secret>[^\s";]+)"?\s*;\s*\}\s*;?',
    re.IGNORECASE,
)


class UpdateRefused(MailstackError):
    """The server answered and did not do it."""


class UpdateUnavailable(MailstackError):
    """The server did not answer; whether it did it cannot be told. Doing it again is harmless."""


@dataclass(frozen=True, slots=True)
class Tsig:
    """A key shared with the name server."""

    name: str
    algorithm: str
    secret: str = field(repr=False)
    """Base64, as ``tsig-keygen`` prints it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an update.

    ``add`` puts the data beside what is there; ``replace`` puts it in place of all data of this
    name and type; ``remove`` takes the given data away, or all of this name and type if none is
    given. All three may be repeated without harm.
    """

    action: Literal["add", "replace", "remove"]
    name: str
    """Whole, with or without the dot at its end."""
    kind: str
    """``TXT``, ``A`` …"""
    data: tuple[str, ...] = ()
    """As in a zone file: texts quoted, names with their dot."""
    ttl: int = 300
    """Seconds."""


def read_tsig(file: Path, name: str, algorithm: str) -> Tsig:
    """Read a key file: the secret alone, or the ``key`` clause that ``tsig-keygen`` writes.

    A clause names its key and algorithm itself; ``name`` and ``algorithm`` are for a bare secret.

    Raises:
        ConfigError: it cannot be read, or holds no key.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_KEY_OCTETS + 1).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    except UnicodeDecodeError as error:
        raise _no_key(file) from error
    clause = _NAMED_KEY.fullmatch(text)
    key = Tsig(**clause.groupdict()) if clause else Tsig(name, algorithm, text)
    if not key.name or key.algorithm.lower() not in ALGORITHMS or not _is_secret(key.secret):
        raise _no_key(file)
    return key


async def update(
    server: Endpoint,
    zone: str,
    changes: Sequence[Change],
    tsig: Tsig | None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Do all of ``changes`` in ``zone``, or none of them.

    Raises:
        UpdateRefused: the server said no; says why and what to do.
        UpdateUnavailable: no answer in time.
        MailstackError: a change cannot be written as a record.
    """
    if not changes:
        return
    message = _message(zone, changes, tsig)
    try:
        async with asyncio.timeout(timeout_s):
            reply = await dns.asyncquery.tcp(
                message, server.host, timeout=timeout_s, port=server.port
            )
    except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadTime) as error:
        raise _refused_key(server, tsig, error) from error
    except (OSError, TimeoutError, EOFError, dns.exception.DNSException) as error:
        raise UpdateUnavailable(
            f"the name server {server} did not answer the update: {_words(error)}",
            advice="see that it runs and that TCP reaches it, then do it again",
        ) from error
    _expect_done(reply, server, zone)


def _message(zone: str, changes: Sequence[Change], tsig: Tsig | None) -> dns.update.UpdateMessage:
    try:
        message = dns.update.UpdateMessage(dns.name.from_text(zone))
        for change in changes:
            _write(message, change)
        if tsig is not None:
            message.use_tsig(
                dns.tsig.Key(tsig.name, tsig.secret, dns.name.from_text(tsig.algorithm))
            )
    except (dns.exception.DNSException, ValueError) as error:
        raise MailstackError(f"an update of {zone} cannot be written: {error}") from error
    return message


def _write(message: dns.update.UpdateMessage, change: Change) -> None:
    name = dns.name.from_text(change.name)
    if change.action == "remove" and not change.data:
        message.delete(name, change.kind)
        return
    if change.action == "replace":
        message.delete(name, change.kind)
    for data in change.data:
        if change.action == "remove":
            message.delete(name, change.kind, data)
        else:
            message.add(name, change.ttl, change.kind, data)


def _expect_done(reply: dns.message.Message, server: Endpoint, zone: str) -> None:
    code = reply.rcode()
    if code == dns.rcode.NOERROR:
        return
    why, advice = _REFUSALS.get(code, ("it answered " + dns.rcode.to_text(code), "see its log"))
    raise UpdateRefused(
        f"the name server {server} refused the update of {zone}: {why}", advice=advice
    )


_REFUSALS: Final = {
    dns.rcode.REFUSED: (
        "it lets this key change nothing there (REFUSED)",
        "grant the key by update-policy or allow-update, and name it in dns.tsig_name",
    ),
    dns.rcode.NOTAUTH: (
        "it is not the zone's server (NOTAUTH)",
        "name the primary server in dns.update_server, and the zone in dns.update_zone",
    ),
    dns.rcode.NOTZONE: (
        "a name does not lie in the zone (NOTZONE)",
        "name the right zone in dns.update_zone",
    ),
    dns.rcode.SERVFAIL: (
        "it failed inside (SERVFAIL)",
        "see its log; often its zone file or journal cannot be written",
    ),
    dns.rcode.NOTIMP: (
        "it takes no dynamic updates (NOTIMP)",
        "publish the records by hand: mailstack dns records DOMAIN --zone",
    ),
}


def _refused_key(server: Endpoint, tsig: Tsig | None, error: Exception) -> UpdateRefused:
    name = tsig.name if tsig else "(none)"
    why, advice = "the signature of its answer is wrong", "give both sides the same key"
    if isinstance(error, dns.tsig.PeerBadKey):
        why = "it does not know the key (BADKEY)"
        advice = "dns.tsig_name and dns.tsig_algorithm must be as in its configuration"
    elif isinstance(error, dns.tsig.PeerBadSignature):
        why = "the key's secret is not the one it has (BADSIG)"
        advice = "put the right secret into STATE/secure/tsig.key"
    elif isinstance(error, dns.tsig.PeerBadTime | dns.tsig.BadTime):
        why = "the two clocks differ by more than five minutes (BADTIME)"
        advice = "set the clock"
    return UpdateRefused(f"the name server {server} refused the key {name}: {why}", advice=advice)


def _no_key(file: Path) -> ConfigError:
    return ConfigError(
        "holds no TSIG key",
        file=file,
        advice=f"write the secret in base64, or what tsig-keygen prints ({', '.join(ALGORITHMS)})",
    )


def _is_secret(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except ValueError:
        return False


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | dns.exception.Timeout):
        return "no answer in time"
    return str(error) or type(error).__name__
