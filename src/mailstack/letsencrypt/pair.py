"""The pair of certificate and key in force: whose it is, and its exchange.

What the owner put there stays. Ours is known by its digest, kept beside the account; that of the
first start, known by its life, gives way too. The new pair is on disk whole before that in force is
exchanged, so that an exchange that was cut short is finished by the next run. In between,
``daemons/certificate.py`` finds two files that do not belong together, and keeps what it has.

Where the pair is in force is a ``Place``: a folder on one machine, a Secret on a cluster.
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from mailstack.aio.files import replace_text
from mailstack.errors import ConfigError, MailstackError

CERTIFICATE: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
NEXT_KEY: Final = "privkey.next.pem"
"""Of the next certificate, made long before it, so that DNS can tell of it (TLSA, RFC 7671 8.1)."""
_READABLE: Final = 0o644
_PRIVATE: Final = 0o600
_STATE: Final = "issued.json"
_TRIES: Final = 3
"""Exchanges that are begun anew because somebody else was faster."""
_FIRST_LIFE: Final = dt.timedelta(days=3650, hours=1)
"""Of the certificate that ``agent/keys.py`` signs at the first start."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate says."""

    names: tuple[str, ...]
    issuer: str
    begins: dt.datetime
    expires: dt.datetime
    self_signed: bool

    @property
    def is_first(self) -> bool:
        """Whether it is that of the first start, and not one that the owner signed."""
        return self.self_signed and self.expires - self.begins == _FIRST_LIFE

    def due(self, part: float) -> dt.datetime:
        """When ``part`` of its life is over."""
        return self.begins + (self.expires - self.begins) * part


class Changed(MailstackError):
    """Somebody else exchanged the pair between our look and our exchange."""


class Place(Protocol):
    """Where a pair is in force."""

    def certificate(self) -> str | None:
        """What is there, with its chain; None: nothing at all, not even a key.

        Raises:
            MailstackError: it cannot be told.
        """

    def key(self) -> str:
        """The key that is there; empty where there is none, or it may not be read."""

    def put(self, certificate: str, key: str) -> None:
        """Exchange the pair, for the one that ``certificate`` has seen.

        Raises:
            Changed: another one is there by now.
            MailstackError: it could not be exchanged; what was there stays.
        """

    def __str__(self) -> str:
        """For a person."""


@dataclass(frozen=True, slots=True)
class Folder:
    """``STATE/secure/tls``: two files, whose owner is that of the folder."""

    path: Path
    known: str = field(default="", repr=False)
    """The key, read while that was allowed."""

    def opened(self) -> Self:
        """Read the key, which is root's where the first start has made it."""
        return replace(self, known=self.key())

    def key(self) -> str:
        with suppress(PermissionError):
            return _text(self.path / KEY) or ""
        return self.known

    def certificate(self) -> str | None:
        text = _text(self.path / CERTIFICATE)
        return "" if text is None and (self.path / KEY).exists() else text

    def put(self, certificate: str, key: str) -> None:
        found = self.path.stat()
        owner, group = (found.st_uid, found.st_gid) if os.geteuid() == 0 else (-1, -1)
        for name, text, mode in ((KEY, key, _PRIVATE), (CERTIFICATE, certificate, _READABLE)):
            file = self.path / name
            replace_text(file, text, mode=mode, owner=owner, group=group, durable=True)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Pair:
    """``kept`` is the folder in which we remember what we made."""

    place: Place
    kept: Path

    def shown(self) -> Shown | None:
        """Read the certificate in force; None when there is none.

        Raises:
            ConfigError: there is something else.
        """
        text = self.place.certificate()
        return None if text is None else read(text, self.place)

    def may_replace(self) -> bool:
        """Whether what is there was made by us."""
        return self._is_ours(self.place.certificate())

    def asked(self) -> tuple[str, ...]:
        """Return the names for which the newest was ordered; empty when there is none of ours."""
        return tuple(self._remembered("asked"))

    def replace(self, certificate: str, key: str, asked: Sequence[str] = ()) -> None:
        """Exchange the pair.

        Raises:
            MailstackError: what is there is the owner's own, or the exchange failed.
        """
        if not self.may_replace():
            raise owners_own(self.place)
        made = [_digest(certificate), *self._remembered("made")][:2]
        state = json.dumps({"made": made, "asked": list(asked)}) + "\n"
        for name, text in ((CERTIFICATE, certificate), (KEY, key), (_STATE, state)):
            self._keep(name, text)
        if not self._exchange(certificate, key):
            raise owners_own(self.place)

    def key(self) -> str:
        """The key of the newest certificate of ours; empty when there is none."""
        return _text(self.kept / KEY) or ""

    def next_key(self) -> str:
        """The key of the next one; empty when there is none that is unused."""
        found = _text(self.kept / NEXT_KEY) or ""
        return "" if found == self.key() else found

    def keep_next(self, key: str) -> None:
        """Remember the key of the next one."""
        self._keep(NEXT_KEY, key)

    def restore(self) -> bool:
        """Put the newest pair of ours into force where that was cut short or undone; say if so."""
        certificate, key = _text(self.kept / CERTIFICATE), _text(self.kept / KEY)
        made = self._remembered("made")
        if certificate is None or key is None or not made or _digest(certificate) != made[0]:
            return False
        if read(certificate, self.kept / CERTIFICATE).expires <= dt.datetime.now(dt.UTC):
            return False
        return self._exchange(certificate, key)

    def _exchange(self, certificate: str, key: str) -> bool:
        """Return whether the place has them now, and had not; the owner's own stays."""
        for _ in range(_TRIES):
            there = self.place.certificate()
            if there == certificate or not self._is_ours(there):
                return False
            with suppress(Changed):
                self.place.put(certificate, key)
                return True
        raise Changed(f"{self.place} is changed again and again", advice="see by whom")

    def _is_ours(self, text: str | None) -> bool:
        if text is None or _digest(text) in self._remembered("made"):
            return True
        return bool(text) and read(text, self.place).is_first

    def _keep(self, name: str, text: str) -> None:
        self.kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = self.kept.stat()
        owner, group = (found.st_uid, found.st_gid) if os.geteuid() == 0 else (-1, -1)
        file = self.kept / name
        replace_text(file, text, mode=_PRIVATE, owner=owner, group=group, durable=True)

    def _remembered(self, what: str) -> list[str]:
        text = _text(self.kept / _STATE)
        with suppress(ValueError, KeyError, TypeError):
            return [] if text is None else [str(one) for one in json.loads(text)[what]]
        return []


def owners_own(place: Place) -> MailstackError:
    """Say why nothing is exchanged."""
    return MailstackError(
        f"the certificate in {place} is your own, and stays",
        advice="renew it as you got it, or move both files away",
    )


def read(text: str, place: Place | Path) -> Shown:
    """Read the first certificate of ``text``, which comes from ``place``.

    Raises:
        ConfigError: it is none.
    """
    try:
        found = x509.load_pem_x509_certificate(text.encode())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        listed = tuple(names.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        listed = ()
    except ValueError as error:
        raise ConfigError(f"{place} holds no certificate") from error
    return Shown(
        listed,
        found.issuer.rfc4514_string(),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        _signed_itself(found),
    )


def _signed_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except FileNotFoundError:
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
