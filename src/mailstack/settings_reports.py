"""The table ``[reports]`` of the settings: what other domains are told, and what they tell us."""

from pydantic import Field

from mailstack.settings_section import Section


class Reports(Section):
    """DMARC aggregate reports (RFC 7489 7.2), and those of TLS (RFC 8460)."""

    send_dmarc: bool = Field(
        default=True,
        description="Tell domains that ask for it, once a day, what was done with mail in their "
        "name: addresses of servers and numbers, nothing of messages.",
    )
    send_tls: bool = Field(
        default=True,
        description="Tell domains that ask for it, once a day, how TLS with their servers went: "
        "addresses of servers and numbers, nothing of messages. Needs Postfix 3.10 (Debian 13); "
        "an older one does not tell.",
    )
    receive: bool = Field(
        default=True,
        description="Read the reports that others send about our domains when they are delivered, "
        "for 'mailstack reports'. The messages reach their mailbox all the same.",
    )
    keep_days: int = Field(
        default=60, ge=1, le=400, description="Days for which what they say is kept."
    )
