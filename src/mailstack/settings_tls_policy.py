"""The table ``[tls_policy]`` of the settings: how sure outgoing mail must be of the server."""

from pydantic import Field

from mailstack.settings_section import Section


class TlsPolicy(Section):
    """Outgoing mail: what the receiving domain promises about its servers is held to."""

    dane: bool = Field(
        default=True,
        description="DANE (RFC 7672): a server whose certificate is named in signed DNS must show "
        "that one, or mail waits. Needs dns.dnssec; without it nothing is checked.",
    )
    mta_sts: bool = Field(
        default=True,
        description="MTA-STS (RFC 8461): mail for a domain whose policy demands it goes to the "
        "servers named there, with a valid certificate, or waits.",
    )
    ca_file: str = Field(
        default="/etc/ssl/certs/ca-certificates.crt",
        pattern=r"^/[^\s,]+$",
        description="Certificate authorities trusted for MTA-STS, in one PEM file.",
    )
    report: bool = Field(
        default=False,
        description="Tell a TLSRPT collector that you run how TLS went (RFC 8460); the stack "
        "itself then makes no reports of it, whatever reports.send_tls says. Needs Postfix 3.10.",
    )
