"""The canary: one message through all of it: submitted, signed, filtered, read, removed.

Its user exists for the length of one run, under a password that nobody keeps: what training,
backups and the list of users see at night is the stack without it. The message goes from the canary
to itself, so it can bounce to nobody else, and the login is its own, so no other's limit is used.

Port 25 is asked as a stranger asks it, up to RCPT: greylisting may put that off, which is told and
is no failure; no message follows, so nothing can come back.
"""

import asyncio
import base64
import contextlib
import imaplib
import secrets
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

from mailstack.aio.dialog import connect
from mailstack.aio.tls import unverified
from mailstack.doctor.context import Context, Found
from mailstack.errors import MailstackError
from mailstack.findings import Finding
from mailstack.model.passwords import hash_password

_NAME: Final = "doctor-canary"
_STEP_S: Final = 20.0
_ARRIVE_S: Final = 60.0
_LOOK_S: Final = 0.2
_QUOTA: Final = 1024**2


class _Broken(Exception):
    """A step did not do its work: which, what came back, and what to do."""

    def __init__(self, step: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.step, self.what, self.fix = step, what, fix


async def canary(context: Context) -> Found:
    """Send it round; the user is removed whatever happens."""
    address = f"{_NAME}@{context.settings.domain}"
    password = secrets.token_urlsafe(24)
    await asyncio.to_thread(_make, context, address, password)
    try:
        return [
            await _knock(context, address),
            *await asyncio.to_thread(_round, context, address, password),
        ]
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, context, address))


def _make(context: Context, address: str, password: str) -> None:
    _remove(context, address)
    fields = {
        "type": "user",
        "address": address,
        "password": hash_password(password),
        "quota": _QUOTA,
    }
    context.api.call("POST", "users", document=fields)


def _remove(context: Context, address: str) -> None:
    with contextlib.suppress(MailstackError):
        context.api.call("DELETE", "users", address)


async def _knock(context: Context, address: str) -> Finding:
    try:
        async with connect(context.port("postfix", "smtp"), timeout_s=_STEP_S) as dialog:
            await dialog.reply()
            await dialog.ask(f"EHLO {context.settings.hostname}")
            await dialog.ask("MAIL FROM:<>")
            reply = await dialog.ask(f"RCPT TO:<{address}>")
            await dialog.send("QUIT")
    except OSError as error:
        return _failure(
            "receive", f"port 25: {str(error) or 'no answer in time'}", "mailstack status"
        )
    if reply.startswith("2"):
        return Finding("ok", "canary.receive", "port 25 takes mail for the canary")
    if "reylist" in reply:
        return Finding("ok", "canary.receive", "port 25 knows the canary, and greylists strangers")
    return _failure("receive", f"port 25 refuses the canary: {reply}", "read log/postfix.log")


def _round(context: Context, address: str, password: str) -> Found:
    found: Found = []
    subject = f"canary {secrets.token_hex(8)}"
    try:
        with _timed(found, "submit", "submitted on 587"):
            _submit(context, address, password, subject)
        with _timed(found, "deliver", "in the mailbox, read by IMAP"):
            octets = _fetch(context, address, password, subject)
        found.append(_filtered(context, octets))
        found.append(signed(context, octets))
    except _Broken as error:
        found.append(_failure(error.step, error.what, error.fix))
    return found


@contextmanager
def _timed(found: Found, step: str, what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    found.append(Finding("ok", f"canary.{step}", f"{what} in {time.monotonic() - began:.1f} s"))


def _failure(step: str, what: str, fix: str) -> Finding:
    meaning = "what the canary cannot do, users cannot either"
    return Finding("failure", f"canary.{step}", what, meaning, fix)


def _submit(context: Context, address: str, password: str, subject: str) -> None:
    at, hostname = context.port("postfix", "submission"), context.settings.hostname
    try:
        with smtplib.SMTP(at.host, at.port, local_hostname=hostname, timeout=_STEP_S) as session:
            session.starttls(context=unverified())
            session.login(address, password)
            session.send_message(_letter(address, subject))
    except (OSError, smtplib.SMTPException) as error:
        raise _Broken("submit", f"587 refuses: {error}", "read log/postfix.log") from error


def _letter(address: str, subject: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = letter["To"] = address
    letter["Subject"] = subject
    letter["Date"] = formatdate()
    letter["Message-ID"] = f"<{secrets.token_hex(16)}@{address.partition('@')[2]}>"
    letter.set_content("mailstack doctor sends this to itself, and removes it again.\n")
    return letter


def _fetch(context: Context, address: str, password: str, subject: str) -> bytes:
    deadline = time.monotonic() + _ARRIVE_S
    while time.monotonic() < deadline:
        try:
            octets = _look(context, address, password, subject)
        except (OSError, imaplib.IMAP4.error, ssl.SSLError) as error:
            raise _Broken("read", f"IMAP refuses: {error}", "read log/dovecot.log") from error
        if octets:
            return octets
        time.sleep(_LOOK_S)
    raise _Broken(
        "deliver",
        f"not in the mailbox after {_ARRIVE_S:.0f} s",
        f"postqueue -c {context.state}/conf/postfix/current -p says where it waits, and why",
    )


def _look(context: Context, address: str, password: str, subject: str) -> bytes:
    at = context.port("dovecot", "imaps")
    with imaplib.IMAP4_SSL(at.host, at.port, ssl_context=unverified(), timeout=_STEP_S) as imap:
        imap.login(address, password)
        for folder in ("INBOX", "Spam"):
            if imap.select(folder)[0] != "OK":
                continue
            numbers = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
            if numbers:
                octets = _octets(imap.fetch(numbers[0].decode(), "(BODY.PEEK[])")[1])
                imap.store("1:*", "+FLAGS", "\\Deleted")
                imap.expunge()
                return octets
    return b""


def _octets(answer: list[Any]) -> bytes:
    return next(bytes(part[1]) for part in answer if isinstance(part, tuple))


def _filtered(context: Context, octets: bytes) -> Finding:
    head = octets.partition(b"\r\n\r\n")[0].decode("ascii", "replace").lower()
    status = next((line for line in head.splitlines() if line.startswith("x-spam-status:")), "")
    if not context.settings.filter.enabled:
        return Finding("unknown", "canary.filter", "not asked: filter.enabled is false")
    if not status or "unscanned" in status:
        what = f"not scanned for spam ({status or 'no X-Spam-Status field'})"
        return _failure("filter", what, "see spamd in mailstack status, and log/contentfilter.log")
    return Finding("ok", "canary.filter", "scanned for spam")


def signed(context: Context, octets: bytes) -> Finding:
    """Say whether what arrived carries a signature that our own keys verify."""
    import dkim  # type: ignore[import-untyped]  # noqa: PLC0415 - for who needs it

    try:
        keys = _keys(context)
    except (MailstackError, OSError) as error:
        return Finding("unknown", "canary.sign", f"could not ask for the keys: {error}")
    if dkim.verify(octets, dnsfunc=keys):
        return Finding("ok", "canary.sign", "the DKIM signature is valid")
    what = "no DKIM signature that our own keys verify"
    return _failure("sign", what, f"mailstack dkim show {context.settings.domain}")


def _keys(context: Context) -> Callable[..., bytes | None]:
    """Answer dkimpy's questions with the keys that the stack says it signs with."""
    domain = context.settings.domain
    items = context.api.call("GET", "domains", domain, "dkim").fields["items"]
    texts = {
        f"{item['selector']}._domainkey.{domain}": _record(item["algorithm"], item["public"])
        for item in items
    }
    fallback = f"{context.settings.dkim.selector}._domainkey.{domain}"
    texts.setdefault(fallback, _record("rsa", _public(context.state / "secure" / "dkim.private")))

    def look_up(name: bytes, timeout: int = 0) -> bytes | None:  # noqa: ARG001 - dkimpy's shape
        text = texts.get(name.decode().rstrip("."))
        return text.encode() if text else None

    return look_up


def _record(algorithm: str, public: str) -> str:
    return f"v=DKIM1; k={algorithm}; p={public}"


def _public(file: Path) -> str:
    """Return the public half of the key that signs for domains without keys of their own."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - costs 100 ms

    key = serialization.load_pem_private_key(file.read_bytes(), password=None).public_key()
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, kind)).decode()
