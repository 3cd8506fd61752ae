"""The pair of certificate and key in ``STATE/secure/tls``: whose it is, and its exchange.

What the owner put there stays. Ours is known by its digest, kept beside the account; that of the
first start, known by its life, gives way too. The new pair is on disk whole before either file is
exchanged, so that an exchange that was cut short is finished by the next run. In between,
``daemons/certificate.py`` finds two files that do not belong together, and keeps what is in force.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from mailstack.aio.files import replace_text
from mailstack.errors import ConfigError, MailstackError

CERTIFICATE: Final = "fullchain.pem"
KEY: Final = "privkey.pem"
_READABLE: Final = 0o644
_PRIVATE: Final = 0o600
_STATE: Final = "issued.json"
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


@dataclass(frozen=True, slots=True)
class Pair:
    """``tls`` is the owner's folder, ``kept`` the one in which we remember what we made."""

    tls: Path
    kept: Path

    def shown(self) -> Shown | None:
        """Read the certificate; None when there is none.

        Raises:
            ConfigError: there is something else.
        """
        text = _text(self.tls / CERTIFICATE)
        return None if text is None else read(text, self.tls / CERTIFICATE)

    def may_replace(self) -> bool:
        """Whether what is there was made by us."""
        text = _text(self.tls / CERTIFICATE)
        if text is None:
            return not (self.tls / KEY).exists()
        return _digest(text) in self._made() or read(text, self.tls / CERTIFICATE).is_first

    def replace(self, certificate: str, key: str) -> None:
        """Exchange the pair.

        Raises:
            MailstackError: what is there is the owner's own.
        """
        if not self.may_replace():
            raise MailstackError(
                f"the certificate in {self.tls} is your own, and stays",
                advice="renew it as you got it, or move both files away",
            )
        self.kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(self.kept / CERTIFICATE, certificate, mode=_PRIVATE, durable=True)
        replace_text(self.kept / KEY, key, mode=_PRIVATE, durable=True)
        made = [_digest(certificate), *self._made()][:2]
        text = json.dumps({"made": made}) + "\n"
        replace_text(self.kept / _STATE, text, mode=_PRIVATE, durable=True)
        self._install(certificate, key)

    def finish(self) -> bool:
        """Finish an exchange that was cut short; return whether there was one."""
        certificate, key = _text(self.kept / CERTIFICATE), _text(self.kept / KEY)
        made = self._made()
        if certificate is None or key is None or not made or _digest(certificate) != made[0]:
            return False
        there = _text(self.tls / CERTIFICATE), _text(self.tls / KEY)
        if there == (certificate, key) or there[1] != key or not self.may_replace():
            return False
        self._install(certificate, key)
        return True

    def _install(self, certificate: str, key: str) -> None:
        replace_text(self.tls / KEY, key, mode=_PRIVATE, durable=True)
        replace_text(self.tls / CERTIFICATE, certificate, mode=_READABLE, durable=True)

    def _made(self) -> list[str]:
        text = _text(self.kept / _STATE)
        try:
            return [] if text is None else [str(one) for one in json.loads(text)["made"]]
        except (ValueError, KeyError, TypeError):
            return []


def read(text: str, file: Path) -> Shown:
    """Read the first certificate of ``text``.

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
        raise ConfigError("holds no certificate", file=file) from error
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
