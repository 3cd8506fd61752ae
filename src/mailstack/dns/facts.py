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

from mailstack.dns.records import DkimKey, Facts
from mailstack.errors import ConfigError
from mailstack.settings import Settings

_NEXT: Final = ("privkey.next.pem",)
_ELSEWHERE: Final = (("192.0.2.1", socket.AF_INET), ("2001:db8::1", socket.AF_INET6))
"""Documentation addresses: a route to them leaves by the address that the world sees."""
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
        tls=tuple(_digests(state / "secure" / "tls")),
        # who names an authority means to use it, and no other may then make certificates
        acme="acme" in settings.model_fields_set,
        mta_sts=settings.names.mta_sts,
        mta_sts_seconds=settings.names.mta_sts_max_age,
    )


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


def _digests(folder: Path) -> Iterable[str]:
    """SHA-256 of the public keys (RFC 6698 2.1: selector 1, matching type 1)."""
    for name in ("privkey.pem", *_NEXT):
        if (folder / name).exists():
            yield hashlib.sha256(_public_der(folder / name)).hexdigest()


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
