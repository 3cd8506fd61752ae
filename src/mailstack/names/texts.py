"""The two plain texts: MTA-STS policy (RFC 8461) and security.txt (RFC 9116)."""

from datetime import UTC, datetime, timedelta
from typing import Final

from mailstack.dns.records import mta_sts_policy
from mailstack.names.facts import Facts

VALID: Final = timedelta(days=180)
"""RFC 9116 2.5.5 advises less than a year."""


def policy(facts: Facts) -> bytes:
    """The very text whose id the records of DNS announce."""
    return mta_sts_policy(facts.hostname, facts.mta_sts, facts.mta_sts_seconds).encode()


def security(host: str, facts: Facts, now: datetime) -> bytes:
    """Whom to tell. It is as good as new every day, because the address is the setting's."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires = (midnight + VALID).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"Contact: mailto:{facts.email}\r\n"
        f"Expires: {expires}\r\n"
        f"Canonical: https://{host}/.well-known/security.txt\r\n"
    ).encode()
