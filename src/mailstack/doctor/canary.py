"""The canary: one message through all of it: submitted, signed, received, filtered, read, removed.

Its user exists for the length of one run, under a password that nobody keeps: what training,
backups and the list of users see at night is the stack without it. The message goes from the canary
to itself, so it can bounce to nobody else, and the login is its own, so no other's limit is used.

It flies twice. First as a user sends: by 587 with a login, so it is signed. Then, as it left, by
port 25 like mail of other servers: its own signature is what lets it in, for its author is ours.
Greylisting puts that off the first time, which is told and is no failure: the next examination
comes in time to be known. Its sender is empty there, so nothing can come back.
"""

import asyncio
import contextlib
import imaplib
import secrets
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Final

from mailstack.aio.tls import unverified
from mailstack.doctor.context import Context, Found
from mailstack.doctor.door import Door, door
from mailstack.doctor.sessions import Imap, Smtp
from mailstack.doctor.signature import signed
from mailstack.errors import MailstackError
from mailstack.findings import Finding
from mailstack.model.passwords import hash_password

_NAME: Final = "doctor-canary"
_ARRIVE_S: Final = 60.0
_LOOK_S: Final = 0.2
_QUOTA: Final = 1024**2
_SIGNATURE: Final = b"DKIM-Signature:"
_GREYLISTED: Final = "reylist"


class _Broken(Exception):
    """A step did not do its work: which, what came back, and what to do."""

    def __init__(self, step: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.step, self.what, self.fix = step, what, fix


async def canary(context: Context) -> Found:
    """Send it round; the user is removed whatever happens."""
    address = f"{_NAME}@{context.settings.domain}"
    password = secrets.token_urlsafe(24)
    entrance = await door(context)
    await asyncio.to_thread(_make, context, address, password)
    try:
        return await asyncio.to_thread(_Flight(context, address, password, entrance).round)
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


class _Flight:
    """One canary."""

    def __init__(self, context: Context, address: str, password: str, entrance: Door) -> None:
        self._context, self._address, self._password = context, address, password
        self._entrance = entrance
        self._subject = f"canary {secrets.token_hex(8)}"
        self._found: Found = []

    def round(self) -> Found:
        """Both ways; what comes after a step that breaks is not tried."""
        try:
            with self._timed("submit", "submitted on 587"):
                self._submit()
            with self._timed("deliver", "in the mailbox, read by IMAP"):
                octets = self._fetch()
            self._found.append(signed(self._context, octets))
            octets = self._receive(_as_it_left(octets)) or octets
            self._found.append(_filtered(self._context, octets))
        except _Broken as error:
            self._found.append(_failure(error.step, error.what, error.fix))
        return self._found

    @contextmanager
    def _timed(self, step: str, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._well(step, f"{what} in {time.monotonic() - began:.1f} s")

    def _well(self, step: str, what: str) -> None:
        self._found.append(Finding("ok", f"canary.{step}", what))

    def _submit(self) -> None:
        context = self._context
        introduction = context.introduction("postfix", "submission")
        at = context.port("postfix", "submission")
        try:
            with Smtp(at, context.settings.hostname, introduction) as session:
                session.starttls(context=unverified())
                session.login(self._address, self._password)
                session.send_message(_letter(self._address, self._subject))
        except (OSError, smtplib.SMTPException) as error:
            raise _Broken("submit", f"587 refuses: {error}", context.log("postfix")) from error

    def _receive(self, octets: bytes) -> bytes:
        """Have port 25 take it, and read it again; empty where greylisting puts it off."""
        began = time.monotonic()
        try:
            reply = self._hand_over(octets)
        except (OSError, smtplib.SMTPException) as error:
            what = f"port 25, asked at {self._entrance}: {str(error) or 'no answer in time'}"
            raise _Broken("receive", what, self._context.log("postfix")) from error
        if _GREYLISTED in reply:
            self._well(
                "receive", "port 25 greylists strangers; the next canary is known, and let in"
            )
            return b""
        if not reply.startswith("2"):
            what = f"port 25, asked at {self._entrance}, refuses the canary: {reply}"
            raise _Broken("receive", what, self._context.log("postfix"))
        found = self._fetch("receive")
        took = f"{time.monotonic() - began:.1f} s"
        self._well("receive", f"in by port 25 and read in {took}, handed over {self._entrance}")
        return found

    def _hand_over(self, octets: bytes) -> str:
        """Return the reply that decided."""
        entrance, hostname = self._entrance, self._context.settings.hostname
        with Smtp(entrance.at, hostname, entrance.introduction) as session:
            session.ehlo_or_helo_if_needed()
            session.mail("")
            code, words = session.rcpt(self._address)
            if code < 300:  # noqa: PLR2004 - RFC 5321 4.2.1
                code, words = session.data(octets)
        return f"{code} {words.decode('utf-8', 'replace')}"

    def _fetch(self, step: str = "deliver") -> bytes:
        deadline = time.monotonic() + _ARRIVE_S
        while time.monotonic() < deadline:
            try:
                octets = self._look()
            except (OSError, imaplib.IMAP4.error) as error:
                words = f"IMAP refuses: {error}"
                raise _Broken("read", words, self._context.log("dovecot")) from error
            if octets:
                return octets
            time.sleep(_LOOK_S)
        raise _Broken(
            step,
            f"not in the mailbox after {_ARRIVE_S:.0f} s",
            f"{self._context.queue_command} -p says where it waits, and why",
        )

    def _look(self) -> bytes:
        at = self._context.port("dovecot", "imaps")
        with Imap(at, self._context.introduction("dovecot", "imaps")) as imap:
            imap.login(self._address, self._password)
            for folder in ("INBOX", "Spam"):
                if imap.select(folder)[0] != "OK":
                    continue
                numbers = imap.search(None, "SUBJECT", f'"{self._subject}"')[1][0].split()
                if numbers:
                    octets = _octets(imap.fetch(numbers[0].decode(), "(BODY.PEEK[])")[1])
                    imap.store("1:*", "+FLAGS", "\\Deleted")
                    imap.expunge()
                    return octets
        return b""


def _failure(step: str, what: str, fix: str) -> Finding:
    meaning = "what the canary cannot do, users cannot either"
    return Finding("failure", f"canary.{step}", what, meaning, fix)


def _letter(address: str, subject: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = letter["To"] = address
    letter["Subject"] = subject
    letter["Date"] = formatdate()
    letter["Message-ID"] = f"<{secrets.token_hex(16)}@{address.partition('@')[2]}>"
    letter.set_content("mailstack doctor sends this to itself, and removes it again.\n")
    return letter


def _as_it_left(octets: bytes) -> bytes:
    """Leave out the fields that were put in front when it was delivered."""
    place = octets.find(b"\r\n" + _SIGNATURE)
    return octets[place + 2 :] if place >= 0 else octets


def _octets(answer: list[Any]) -> bytes:
    return next(bytes(part[1]) for part in answer if isinstance(part, tuple))


def _filtered(context: Context, octets: bytes) -> Finding:
    head = octets.partition(b"\r\n\r\n")[0].decode("ascii", "replace").lower()
    status = next((line for line in head.splitlines() if line.startswith("x-spam-status:")), "")
    if not context.settings.filter.enabled:
        return Finding("unknown", "canary.filter", "not asked: filter.enabled is false")
    if not status or "unscanned" in status:
        what = f"not scanned for spam ({status or 'no X-Spam-Status field'})"
        return _failure("filter", what, f"see spamd in mailstack status; {context.log('spamd')}")
    return Finding("ok", "canary.filter", "scanned for spam")
