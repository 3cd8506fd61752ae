"""What others told about mail in the name of one domain: DMARC reports, and those of TLS, in short.

What a stranger wrote is in here only as far as it was understood: addresses, domains, numbers, a
few words. All of a domain is one document, so there is no more of it than fits one, whoever sends;
``reports/received.py`` says what goes when it is full.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, model_validator

from mailstack.model.domains import DomainName, parse_domain
from mailstack.model.keys import BaseDocument, Key

MAX_REPORTS: Final = 600
"""Of one domain: ten a day for two months."""
MAX_LINES: Final = 1500
"""Sources and sessions of all its reports together: a quarter of a megabyte of JSON."""
MAX_COUNT: Final = 10**12
"""Messages or sessions of one line; nobody has more in a day."""
MAX_TIME: Final = 2**40

Text: TypeAlias = Annotated[str, Field(max_length=255)]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
Time: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=MAX_TIME)]


@dataclass(frozen=True, slots=True)
class Source:
    """Messages of one server, as DMARC reports count them."""

    address: Text
    messages: Count
    dkim: StrictBool
    """Aligned, which is what DMARC asks for."""
    spf: StrictBool
    disposition: Text
    author: Text
    """The domain of the From field."""
    name: Text = ""
    """Of the server, as the DNS had it when the report came; empty: none that leads back to it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    @property
    def passes(self) -> bool:
        return self.dkim or self.spf


@dataclass(frozen=True, slots=True)
class Sessions:
    """Connections of one kind, as TLS reports count them."""

    result: Text
    """"success", or the type of failure (RFC 8460 4.3)."""
    sessions: Count
    policy: Text
    server: Text
    """Our MX, if the report names it."""

    __pydantic_config__ = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Received:
    """One report about a domain of ours."""

    kind: Literal["dmarc", "tls"]
    domain: Text
    reporter: Text
    """What it calls itself."""
    identity: Text
    begin: Time
    end: Time
    at: Time
    """When it came; Unix time, as the others."""
    signed_by: tuple[Text, ...]
    """Domains whose DKIM signatures of the message held."""
    proven: StrictBool
    """One of them is that of its From field."""
    sources: tuple[Source, ...] = ()
    sessions: tuple[Sessions, ...] = ()

    __pydantic_config__ = ConfigDict(extra="forbid")

    @property
    def size(self) -> int:
        return len(self.sources) + len(self.sessions)


class Reports(BaseDocument):
    """All that is kept of what was told about a domain, the oldest first."""

    type: Literal["reports"] = "reports"
    domain: Annotated[DomainName, AfterValidator(parse_domain)]
    items: Annotated[tuple[Received, ...], Field(max_length=MAX_REPORTS)] = ()

    @model_validator(mode="after")
    def _bounded(self) -> "Reports":
        if sum(one.size for one in self.items) > MAX_LINES:
            raise ValueError(f"the reports about {self.domain} have more than {MAX_LINES} lines")
        if any(one.domain != self.domain for one in self.items):
            raise ValueError(f"not all reports are about {self.domain}")
        return self

    @property
    def key(self) -> Key:
        return Key("reports", self.domain)
