"""Certificates: the right name, in time, trusted, and the same on every port with TLS."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mailstack.aio.dialog import Dialog, connect
from mailstack.aio.tls import unverified
from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding
from mailstack.topology.model import Endpoint

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_TIMEOUT_S: Final = 20.0
_WARN_DAYS: Final = 14
"""Renewal at two thirds of 90 days leaves thirty; what is below that is not renewed."""
_PORTS: Final = (
    ("postfix", "smtp", "smtp"),
    ("postfix", "submission", "smtp"),
    ("postfix", "submissions", ""),
    ("dovecot", "imap", "imap"),
    ("dovecot", "imaps", ""),
    ("managesieve", "managesieve", "sieve"),
    ("names", "https", ""),
)
"""Service, port, and how TLS begins there: at once, or after a word of that protocol."""
_FIX: Final = "put a new chain and key into {}/tls; docs/how-to/use-your-certificate.md"
_RENEW: Final = "mailstack certificate renew says why it was not renewed"
"""Where the service keeps the certificate in order (acme.enabled)."""
_ENABLE: Final = "set acme.enabled = true, then down and up: docs/how-to/get-a-certificate.md"


async def certificates(context: Context) -> Found:
    """Shake hands on each port."""
    ports = asked(context.status)
    told = await asyncio.gather(*(_seen(context, *p) for p in ports), return_exceptions=True)
    found: Found = []
    seen: dict[str, bytes] = {}
    for (service, port, _), outcome in zip(ports, told, strict=True):
        if isinstance(outcome, bytes):
            seen[f"{service}.{port}"] = outcome
        elif isinstance(outcome, OSError):
            found.append(_silent(context.port(service, port), outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
    if seen:
        fix = _RENEW if context.settings.acme.enabled else _FIX.format(context.secure)
        trusted = _RENEW if context.settings.acme.enabled else _ENABLE
        found += judge(seen, context.settings.hostname, fix, trusted)
    return found + renewal(context)


def asked(status: Mapping[str, Any] | None) -> tuple[tuple[str, str, str], ...]:
    """Leave out the ports of services that their owner switched off."""
    if status is None:
        return _PORTS
    return tuple(port for port in _PORTS if port[0] in status["services"])


def renewal(context: Context) -> Found:
    """What the service that keeps it in order has to say."""
    running = context.status["services"] if context.status else {}
    remark = running.get("letsencrypt", {}).get("remark")
    if not remark:
        return []
    meaning = "what is in force stays until it expires"
    return [Finding("warning", "tls.renewal", f"letsencrypt: {remark}", meaning, _RENEW)]


def judge(seen: Mapping[str, bytes], hostname: str, fix: str, trusted: str = _ENABLE) -> Found:
    """Look at what the ports showed (DER): dates, names, and whether all show the same.

    Args:
        seen: port → certificate.
        hostname: what it must be for.
        fix: how to get another one.
        trusted: how to get one of an authority.
    """
    from cryptography import x509  # noqa: PLC0415 - costs 100 ms

    found = [
        finding
        for der in dict.fromkeys(seen.values())
        for finding in _one(
            x509.load_der_x509_certificate(der),
            ", ".join(port for port, other in seen.items() if other == der),
            hostname,
            fix,
            trusted,
        )
    ]
    if len(set(seen.values())) > 1:
        what = "not every port shows the same certificate"
        found.append(Finding("warning", "tls.same", what, "one was not renewed", fix))
    return found


def _one(certificate: "Certificate", where: str, hostname: str, fix: str, trusted: str) -> Found:
    return [
        _dates(certificate, where, fix),
        _names(certificate, where, hostname, fix),
        _issuer(certificate, where, trusted),
    ]


def _dates(certificate: "Certificate", where: str, fix: str) -> Finding:
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if left.total_seconds() < 0:
        what = f"the certificate of {where} has expired {-left.days} days ago"
        return Finding("failure", "tls.expiry", what, "mail programs refuse it", fix)
    what = f"the certificate of {where} is valid for {left.days} days"
    if left.days < _WARN_DAYS:
        return Finding("warning", "tls.expiry", what, "it should have been renewed", fix)
    return Finding("ok", "tls.expiry", what)


def _names(certificate: "Certificate", where: str, hostname: str, fix: str) -> Finding:
    from cryptography import x509  # noqa: PLC0415

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    if hostname in names or f"*.{hostname.partition('.')[2]}" in names:
        return Finding("ok", "tls.name", f"the certificate of {where} is for {hostname}")
    what = f"the certificate of {where} is for {', '.join(names) or 'no name'}, not {hostname}"
    return Finding("failure", "tls.name", what, "mail programs refuse it", fix)


def _issuer(certificate: "Certificate", where: str, trusted: str) -> Finding:
    if certificate.issuer != certificate.subject:
        name = certificate.issuer.rfc4514_string()
        return Finding("ok", "tls.issuer", f"the certificate of {where} is issued by {name}")
    what = f"the certificate of {where} is self-signed"
    meaning = "mail flows, but mail programs warn their users"
    return Finding("warning", "tls.issuer", what, meaning, trusted)


def _silent(at: Endpoint, error: OSError) -> Finding:
    return Finding(
        "failure",
        "tls.port",
        f"no TLS on {at}: {str(error) or 'no answer in time'}",
        "whoever needs this port cannot use it",
        "see mailstack status, and the log of the service",
    )


async def _seen(context: Context, service: str, port: str, protocol: str) -> bytes:
    at, hostname = context.port(service, port), context.settings.hostname
    tls = unverified()
    async with asyncio.timeout(_TIMEOUT_S), connect(at, timeout_s=_TIMEOUT_S) as dialog:
        if introduction := context.introduction(service, port):
            await dialog.send(introduction)
        if protocol:
            await start_tls(dialog, protocol, tls, hostname)
        else:
            await dialog.writer.start_tls(tls, server_hostname=hostname)
        return certificate_of(dialog)


async def start_tls(dialog: Dialog, protocol: str, tls: ssl.SSLContext, hostname: str) -> None:
    """Ask for TLS in the words of the protocol, and shake hands."""
    match protocol:
        case "smtp":
            await dialog.reply()
            await dialog.ask(f"EHLO {hostname}")
            answer, good = await dialog.ask("STARTTLS"), "220"
        case "imap":
            await dialog.line()
            await dialog.send("a STARTTLS")
            answer, good = await dialog.line(), "a OK"
        case _:
            while not (await dialog.line()).startswith("OK"):
                pass
            await dialog.send("STARTTLS")
            answer, good = await dialog.line(), "OK"
    if not answer.startswith(good):
        raise ConnectionError(f"STARTTLS is answered {answer!r}")
    await dialog.writer.start_tls(tls, server_hostname=hostname)


def certificate_of(dialog: Dialog) -> bytes:
    """Return what the peer showed, in DER."""
    peer: ssl.SSLObject = dialog.writer.get_extra_info("ssl_object")
    return peer.getpeercert(binary_form=True) or b""
