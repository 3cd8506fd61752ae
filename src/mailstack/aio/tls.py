"""TLS as a client that looks at what is shown, instead of believing it."""

import ssl


def unverified() -> ssl.SSLContext:
    """Accept any certificate: for probes, and for whoever examines the certificate itself."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
