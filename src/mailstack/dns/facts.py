"""Find out what the records are made of: addresses, the keys that sign, the certificate's key.

Reads this machine and the state folder. DKIM keys of each domain are told by couchmail's API; the
caller hands them in.
"""

import base64
import hashlib
import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mailstack.dns.records import DkimKey, Facts
from mailstack.errors import ConfigError
from mailstack.settings import Settings

_NEXT: Final = (
    Path("secure/tls/privkey.next.pem"),
    Path("data/letsencrypt/account/privkey.next.pem"),
)
"""Keys of certificates to come: the owner's own, and that which the next order will use."""
_ELSEWHERE: Final = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Documentation addresses: a route to them leaves by the address that the world sees."""
_ISSUERS: Final = {
    "acme-v02.api.letsencrypt.org": "letsencrypt.org",
    "acme-staging-v02.api.letsencrypt.org": "letsencrypt.org",
    "acme.zerossl.com": "sectigo.com",
    "api.buypass.com": "buypass.com",
    "dv.acme-v02.api.pki.goog": "pki.goog",
}
"""Host of an ACME directory → the name in CAA records, as each authority documents it."""
ACCOUNT_URI: Final = Path("data/letsencrypt/account/account.uri")
_PUBLISHED: Final = {"made", "published", "signing", "retiring"}


def facts(
    settings: Settings, state: Path, documents: Iterable[dict[str, Any]], *, offline: bool = False
) -> Facts:
    """Gather all. ``documents`` are the domain's DKIM keys, as couchmail's API has them.

    ``offline``: an address that is not known is left out.

    Raises:
        ConfigError: a key file cannot be read, or no public address is known.
    """
    keys = [
        DkimKey(d["selector"], d["algorithm"], d["public"])
        for d in documents
        if d.get("state", "signing") in _PUBLISHED
    ]
    fallback = state / "secure" / "dkim.private"
    if all(key.selector != settings.dkim.selector for key in keys) and fallback.exists():
        keys.append(_fallback(fallback, settings.dkim.selector))
    return Facts(
        hostname=settings.hostname,
        addresses=_known_addresses(settings) if offline else addresses(settings),
        keys=tuple(keys),
        tls=tuple(_digests(state)),
        issuer=issuer_of(settings),
        account_uri=_account_uri(state) if settings.acme.bind_account else "",
        mta_sts=settings.names.mta_sts,
        mta_sts_seconds=settings.names.mta_sts_max_age,
    )


def issuer_of(settings: Settings) -> str:
    """By which name CAA records know the authority in use; empty where nobody is known to be.

    Who names an authority means to use it, and no other may then make certificates.
    """
    if "acme" not in settings.model_fields_set:
        return ""
    return _ISSUERS.get(urlsplit(settings.acme.address).hostname or "", "")


def _account_uri(state: Path) -> str:
    """Where the authority has our account, noted at the first order; empty before that."""
    try:
        return (state / ACCOUNT_URI).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def addresses(settings: Settings) -> tuple[str, ...]:
    """The addresses at which the world reaches the server.

    Raises:
        ConfigError: none is known.
    """
    found = _known_addresses(settings)
    if not found:
        raise ConfigError(
            "the public address of this server is not known",
            advice='set listen.public_addresses, e.g. ["203.0.113.25"]',
        )
    return found


def _known_addresses(settings: Settings) -> tuple[str, ...]:
    listen = settings.listen
    if listen.public_addresses:
        return listen.public_addresses
    if settings.kubernetes.external_addresses:
        return settings.kubernetes.external_addresses
    own = _outgoing() if listen.address == "all" else (listen.address,)
    return tuple(address for address in own if ip_address(address).is_global)


def _outgoing() -> tuple[str, ...]:
    """Addresses that this machine leaves by; a datagram socket sends nothing by connecting."""
    found = []
    for target, family in _ELSEWHERE:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.connect((target, 9))
            found.append(str(opened.getsockname()[0]))
    return tuple(found)


def _fallback(file: Path, selector: str) -> DkimKey:
    der = _public_der(file)
    return DkimKey(selector, "rsa", base64.b64encode(der).decode())


def _digests(state: Path) -> Iterable[str]:
    """SHA-256 of the public keys (RFC 6698 2.1: selector 1, matching type 1)."""
    for file in (state / "secure" / "tls" / "privkey.pem", *(state / one for one in _NEXT)):
        if file.exists():
            yield hashlib.sha256(_public_der(file)).hexdigest()


def _public_der(file: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - costs 100 ms

    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from error
    except (ValueError, TypeError) as error:
        raise ConfigError(
            "is no private key", file=file, advice="put an unencrypted PEM file there"
        ) from error
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
