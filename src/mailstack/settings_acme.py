"""The table ``[acme]`` of the settings: where certificates come from."""

from typing import Literal

from pydantic import Field

from mailstack.settings_section import Section

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class Acme(Section):
    """A certificate authority that speaks ACME (RFC 8555)."""

    enabled: bool = Field(
        default=False,
        description="Run the service that keeps the certificate in order: orders and renews it, "
        "follows your domains, and has port 80, where it proves names and sends everybody else to "
        "https. By this you agree to the authority's terms. On one machine it takes effect at the "
        "next start.",
    )
    directory: str = Field(
        default=PRODUCTION,
        pattern=r"^https://[^\s]+$",
        description="Address of its directory. Using it means that you agree to its terms.",
    )
    staging: bool = Field(
        default=False,
        description="Use Let's Encrypt's staging directory instead, whose certificates nobody "
        "trusts and whose limits are wide: for trying.",
    )
    challenge: Literal["http-01", "dns-01"] = Field(
        default="http-01",
        description="How names are proved: by a page on port 80, which must be reachable, or by a "
        "record in your zone through dns.update_server.",
    )
    ca_file: str = Field(
        default="",
        pattern=r"^(/[^\s,]+)?$",
        description="Certificate authorities trusted for the directory itself, in one PEM file; "
        "empty: those that this machine trusts.",
    )
    renew_at: float = Field(
        default=2 / 3,
        gt=0,
        lt=1,
        description="Part of the certificate's life after which it is renewed.",
    )

    bind_account: bool = Field(
        default=False,
        description="Name our account there in the CAA record (RFC 8657), so that nobody else's "
        "can have a certificate made for the domains. The record must change with the account: "
        "where that is lost, no certificate is renewed before.",
    )

    @property
    def address(self) -> str:
        """The directory that is used."""
        return STAGING if self.staging else self.directory
