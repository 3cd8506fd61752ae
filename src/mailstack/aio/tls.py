"""TLS: as a server, and as a client that looks at what is shown, instead of believing it."""

import ssl
from pathlib import Path

from mailstack.errors import ConfigError


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Show a certificate to clients of TLS 1.2 and later.

    Raises:
        ConfigError: certificate and key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"certificate or key: {error}", file=certificate) from error
    return context


def unverified() -> ssl.SSLContext:
    """Accept any certificate: for probes, and for whoever examines the certificate itself."""
    # not create_default_context, which would read all of the machine's authorities each time
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
