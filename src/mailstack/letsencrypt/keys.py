"""Which key the next certificate has, so that senders who use DANE find one that DNS tells of.

``mailstack dns records`` publishes the key in force and the next one (RFC 7671 8.1). So the first
certificate has the key of the self-signed one, and a renewal takes the next key, unless DNS holds
the old one alone: then the roll waits for the renewal after. Other names are no reason for another
key.
"""

import hashlib
from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mailstack.dns.ask import ask
from mailstack.letsencrypt.pair import Pair, Shown
from mailstack.outcome import Found, NotFound, Outcome, Unavailable
from mailstack.topology.model import Endpoint
from mailstack.topology.stack import STACK

_USAGE: Final = "3 1 1 "
"""DANE-EE, the public key, SHA-256: what we publish. Other records are the owner's business."""
Announced: TypeAlias = Callable[[], Outcome[frozenset[str]]]
"""Asks DNS for the digests of the keys that senders are told of."""


def key_for(
    pair: Pair, shown: Shown | None, following: str, *, ends: bool, announced: Announced
) -> str:
    """Return the key of the certificate to order; ``ends``: that in force is to be renewed."""
    if shown is not None and shown.is_first:
        return first_key(pair) or following
    known = pair.key()
    if not ends:
        return known or following
    return known if known and not _may_roll(known, following, announced()) else following


def _may_roll(known: str, following: str, announced: Outcome[frozenset[str]]) -> bool:
    """Whether nobody loses sight of us: who cannot be asked may know the old key alone."""
    if not isinstance(announced, Found):
        return isinstance(announced, NotFound)
    return digest(following) in announced.value or digest(known) not in announced.value


def first_key(pair: Pair) -> str:
    """Return the key of the certificate in force; empty where it cannot be read, or is another."""
    certificate, key = pair.place.certificate(), pair.place.key()
    if not certificate or not key:
        return ""
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    try:
        return key if _digest(public) == digest(key) else ""
    except (ValueError, TypeError):
        return ""


def digest(key: str) -> str:
    """SHA-256 of the public part, as in a TLSA record."""
    return _digest(serialization.load_pem_private_key(key.encode(), password=None).public_key())


def _digest(public: object) -> str:
    der = public.public_bytes(  # type: ignore[attr-defined] # the library has no common name for it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


async def published(hostname: str, resolver: Endpoint) -> Outcome[frozenset[str]]:
    """Ask which keys DNS tells of; NotFound: of none in our form."""
    name = f"_{STACK.internet_ports['smtp']}._tcp.{hostname}"
    found = await ask(resolver, name, "TLSA", recursive=True)
    if isinstance(found, NotFound | Unavailable):
        return found
    told = (data.lower() for data in found.value.data if data.startswith(_USAGE))
    digests = frozenset(data.removeprefix(_USAGE) for data in told)
    return Found(digests) if digests else NotFound()
