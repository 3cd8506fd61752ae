"""The table ``[identity]`` of the settings: who another server's message is from."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mailstack.model.domains import parse_domain
from mailstack.settings_section import Section


class Identity(Section):
    """SPF, DMARC and ARC, on port 25."""

    check: bool = Field(
        default=True,
        description="Evaluate SPF, DMARC and ARC of every message from outside, and write what was "
        "found into its Authentication-Results.",
    )
    enforce_dmarc: bool = Field(
        default=True,
        description="Do with a message that fails DMARC what its author's domain asks for: refuse "
        "it, or file it in Spam. false: it is only written down.",
    )
    quarantine: Literal["spam", "accept"] = Field(
        default="spam",
        description="What becomes of a message that fails DMARC where its author's domain asks for "
        "quarantine: spam files it in Spam; accept delivers it like any other, and its "
        "Authentication-Results says that it failed.",
    )
    trusted_forwarders: tuple[Annotated[str, AfterValidator(parse_domain)], ...] = Field(
        default=("google.com", "microsoft.com", "fastmail.com"),
        description="Whose ARC seals speak for what they forward: if all who sealed a message are "
        "of these domains, and the first saw DMARC pass, it is kept.",
    )
    seal: bool = Field(
        default=True,
        description="Seal what is forwarded to other servers (ARC), with the primary domain's key: "
        "so a receiver that trusts you sees that it was proven when it came to you. Needs "
        "identity.check and smtp.rewrite_senders.",
    )
