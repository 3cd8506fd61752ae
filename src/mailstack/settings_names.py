"""The table ``[names]`` of the settings: what the web service of the domains' names says."""

from typing import Literal

from pydantic import Field

from mailstack.settings_section import Section


class Names(Section):
    """The web service that tells others how to reach a domain's mail."""

    mta_sts: Literal["testing", "enforce", "none"] = Field(
        default="testing",
        description="Mode of the MTA-STS policy (RFC 8461). Set 'enforce' once a certificate that "
        "the world trusts is in force and 'mailstack dns check' is green: senders then deliver to "
        "no server that cannot show it, even if an attacker wants them to. Before that, mail would "
        "wait and be returned.",
    )
    mta_sts_max_age: int = Field(
        default=604_800,
        ge=86_400,
        le=31_557_600,
        description="Seconds for which senders keep the policy; weeks are advised (RFC 8461 3.2). "
        "To take MTA-STS back, set mta_sts to 'none' for as long.",
    )
    requests_per_minute: int = Field(
        default=120,
        ge=0,
        description="Requests that one client (an address of IPv4, a network of 64 bits of IPv6) "
        "may make, of which as many may come at once; 0: no limit. Raise it where a proxy stands "
        "in front, since all clients are one then.",
    )
    connections_per_client: int = Field(
        default=8,
        ge=0,
        description="Connections of one client at the same time; 0: no limit but that of all, 64.",
    )
