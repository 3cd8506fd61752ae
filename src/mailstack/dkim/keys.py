"""Make keys: RSA with 2,048 bits, which every verifier takes (RFC 8301 3.2); Ed25519 (RFC 8463).

Imports cryptography, so only a process that ends soon imports this.
"""

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mailstack.dkim.sealing import owner_line, seal, unseal
from mailstack.errors import MailstackError
from mailstack.model.dkim import Algorithm, DkimKey, State

RSA_BITS: Final = 2048
_LETTER: Final = {"rsa": "r", "ed25519": "e"}


def generate(algorithm: Algorithm) -> tuple[str, str]:
    """Return the private key as PEM, and the public one as ``p=`` of a record has it."""
    if algorithm == "ed25519":
        small = ed25519.Ed25519PrivateKey.generate()
        # RFC 8463 4: the 32 octets alone, without the wrapping that RSA keys have
        public = small.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        pem = small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        large = rsa.generate_private_key(65_537, RSA_BITS)
        public = large.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pem = large.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode(), base64.b64encode(public).decode()


def make(
    master: bytes,
    domain: str,
    algorithm: Algorithm,
    *,
    prefix: str,
    taken: Iterable[str],
    now: datetime,
    state: State,
) -> DkimKey:
    """Make a key with a selector that the domain has not used yet."""
    selector = new_selector(prefix, algorithm, taken, now)
    private, public = generate(algorithm)
    return DkimKey(
        selector=selector,
        algorithm=algorithm,
        public=public,
        private=seal(master, owner_line(domain, selector, algorithm), private),
        state=state,
        since=now.isoformat(timespec="seconds"),
    )


def opens(master: bytes, domain: str, key: DkimKey) -> bool:
    """Whether the private half can be opened: under this master key, as this domain's."""
    try:
        unseal(master, owner_line(domain, key.selector, key.algorithm), key.private)
    except MailstackError:
        return False
    return True


def new_selector(prefix: str, algorithm: Algorithm, taken: Iterable[str], now: datetime) -> str:
    """``ms20261128r5f3a``: from when it is, by which algorithm, and four digits by chance.

    By chance, since a domain that was removed and comes again must not use a name twice: resolvers
    remember what stood there.
    """
    used = set(taken)
    while (name := f"{prefix}{now:%Y%m%d}{_LETTER[algorithm]}{secrets.token_hex(2)}") in used:
        pass
    return name
