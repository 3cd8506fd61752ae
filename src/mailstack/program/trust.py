"""Whom a program of ours trusts that asks others by HTTPS."""

import ssl
from pathlib import Path

from mailstack.errors import ConfigError


def trusting(ca_file: Path) -> ssl.SSLContext:
    """Return a client's context that believes the authorities of ``tls_policy.ca_file``.

    Raises:
        ConfigError: the file cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"tls_policy.ca_file: {error}", file=ca_file, advice="install ca-certificates"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
