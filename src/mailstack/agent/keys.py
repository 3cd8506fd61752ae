"""Make the keys of a new stack. Run as a process: ``python -m mailstack.agent.keys``.

DKIM: RSA with 2048 bits, the size every verifier takes (RFC 8301 3.2). TLS: a self-signed
certificate on P-256, which each client since TLS 1.2 takes, until a public one replaces it; other
servers encrypt to it without checking (RFC 7435, opportunistic security).
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mailstack.agent.secrets import CERTIFICATE, DKIM, PRIVATE, TLS_KEY
from mailstack.aio.files import READABLE, replace_text

DKIM_BITS: Final = 2048
_DAYS: Final = 3650
"""Ten years: nobody checks the end of a self-signed certificate, but a client may refuse one."""
_MAX_COMMON_NAME: Final = 64
"""X.520's ub-common-name; a longer host name stands in the alternative names only."""


def main(arguments: Sequence[str]) -> None:
    """Take FOLDER KINDS NAME…; KINDS is ``dkim``, ``tls`` or both with a comma."""
    folder, kinds, *names = arguments
    if "dkim" in kinds.split(","):
        replace_text(Path(folder) / DKIM, dkim_key(), mode=PRIVATE, durable=True)
    if "tls" in kinds.split(","):
        key, certificate = self_signed(names)
        replace_text(Path(folder) / TLS_KEY, key, mode=PRIVATE, durable=True)
        replace_text(Path(folder) / CERTIFICATE, certificate, mode=READABLE, durable=True)


def dkim_key() -> str:
    """Return a private key as PEM, PKCS #1, which opendkim(8) reads in every version."""
    return _pem(rsa.generate_private_key(65_537, DKIM_BITS), PrivateFormat.TraditionalOpenSSL)


def self_signed(names: Sequence[str]) -> tuple[str, str]:
    """Return key and certificate as PEM, valid for the host ``names`` from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, names[0])]
        if len(names[0]) <= _MAX_COMMON_NAME
        else []
    )
    unique = dict.fromkeys(names)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in unique]),
            critical=not subject.rdns,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(key, PrivateFormat.PKCS8), certificate.public_bytes(Encoding.PEM).decode()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
