"""The table ``[acme]`` of the settings: where certificates come from."""

from typing import Literal

from pydantic import Field

from mailstack.settings_section import Section

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class Acme(Section):
    """A certificate authority that speaks ACME (RFC 8555), for ``mailstack certificate renew``."""

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
        description="How names are proved: by a page on port 80, which must be free and reachable, "
        "or by a record in your zone through dns.update_server.",
    )
    http_port: int = Field(
        default=80,
        gt=0,
        le=65_535,
        description="Port of that page, shifted by listen.port_offset; other than 80 only behind "
        "something that forwards port 80 there.",
    )
    ca_file: str = Field(
        default="",
        pattern=r"^(/[^\s,]+)?$",
        description="Certificate authorities trusted for the directory itself, in one PEM file; "
        "empty: those that are trusted everywhere.",
    )
    renew_at: float = Field(
        default=2 / 3,
        gt=0,
        lt=1,
        description="Part of the certificate's life after which it is renewed.",
    )

    @property
    def address(self) -> str:
        """The directory that is used."""
        return STAGING if self.staging else self.directory
