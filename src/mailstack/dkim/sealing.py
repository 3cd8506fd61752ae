"""Seal a private key so that only the service that signs can open it: AES-256-GCM.

``1:`` and the base64 of nonce, ciphertext and tag. What is sealed begins with a line that says
whose key it is, so that a sealed text copied to another domain opens as nobody's. OpenDKIM's script
opens it by the same rule (``daemons/opendkim/templates/keys.lua``).

A nonce of 96 bits by chance is good for 2**32 texts under one key (NIST SP 800-38D 8.3); a stack
makes a few hundred in its life.
"""

import base64
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailstack.dkim.master import MASTER
from mailstack.errors import MailstackError

_VERSION: Final = "1:"
_NONCE_OCTETS: Final = 12


def seal(master: bytes, owner: str, private: str) -> str:
    """Seal ``private`` (PEM) for its ``owner`` (``owner_line``)."""
    nonce = os.urandom(_NONCE_OCTETS)
    text = f"{owner}\n{private}".encode()
    return _VERSION + base64.b64encode(nonce + AESGCM(master).encrypt(nonce, text, None)).decode()


def unseal(master: bytes, owner: str, sealed: str) -> str:
    """Open what ``seal`` made.

    Raises:
        MailstackError: another key sealed it, it was changed, or it is somebody else's.
    """
    try:
        data = base64.b64decode(sealed.removeprefix(_VERSION), validate=True)
        text = AESGCM(master).decrypt(data[:_NONCE_OCTETS], data[_NONCE_OCTETS:], None).decode()
    except (ValueError, InvalidTag) as error:
        raise MailstackError(
            f"the DKIM key of {owner} cannot be opened: {MASTER} is another one than it was",
            advice=f"bring {MASTER} back from a backup",
        ) from error
    line, _, private = text.partition("\n")
    if line != owner:
        raise MailstackError(f"the DKIM key of {owner} is that of {line}")
    return private


def owner_line(domain: str, selector: str, algorithm: str) -> str:
    """Say whose key it is."""
    return f"{domain} {selector} {algorithm}"
