"""The table ``[dkim]`` of the settings: signing what leaves."""

from typing import Literal

from pydantic import Field

from mailstack.settings_section import Section


class Dkim(Section):
    """Signing what leaves."""

    selector: str = Field(
        default="dkim",
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="Name in DNS of the one key that signs for domains without keys of their own: "
        "SELECTOR._domainkey.DOMAIN.",
    )
    algorithms: tuple[Literal["rsa", "ed25519"], ...] = Field(
        default=("rsa", "ed25519"),
        max_length=2,
        description="Each domain gets a key of its own for each, and each signs every message. "
        "Ed25519 alone is not enough: many verifiers know RSA only. Empty: the one key signs.",
    )
    rotate_days: int = Field(
        default=90,
        ge=0,
        le=3650,
        description="Days after which a domain's keys are followed by new ones, which sign as soon "
        "as every name server of the domain shows them. 0: never by itself.",
    )
    keep_days: int = Field(
        default=7,
        ge=0,
        le=365,
        description="Days that a key's record stays published after it has signed for the last "
        "time; Postfix tries to deliver for five.",
    )
    selector_prefix: str = Field(
        default="ms",
        pattern=r"^([a-z0-9]([a-z0-9-]{0,29})?)?$",
        description="What the names of domains' keys begin with; the day they were made follows.",
    )
    first_at_once: bool = Field(
        default=True,
        description="Sign with a new domain's first keys at once, before their records were seen: "
        "who adds a domain is about to publish them. false: the one key signs until then.",
    )
