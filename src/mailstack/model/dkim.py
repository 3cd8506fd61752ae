"""The DKIM keys of one domain: which sign now, which wait for the world to see them, which go.

All keys of a domain are one document, so that a rotation switches in one write: there is no moment
with two keys of an algorithm that sign, or none. The private halves are sealed
(``dkim/sealing.py``); the store and couchmail cannot read them.
"""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from mailstack.model.domains import DomainName, parse_domain
from mailstack.model.keys import BaseDocument, Key

Algorithm: TypeAlias = Literal["rsa", "ed25519"]
"""As ``k=`` of the record has it (RFC 6376 3.6.1, RFC 8463 4)."""
State: TypeAlias = Literal["made", "published", "signing", "retiring", "retired"]
"""made: nobody has seen it. published: on its way into DNS. signing: in use. retiring: its record
stays, for mail that is under way. retired: its private half is gone, and its record may go."""

MAX_KEYS: Final = 16
"""Of one domain: two algorithms, each with a key in every state, and some room."""
MAX_SEALED: Final = 8192
"""Characters; an RSA key of 2,048 bits takes 2,400."""
SELECTOR: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("the public key is not base64") from None
    return text


def _time(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return text


class DkimKey(BaseModel):
    """One key. ``public`` is what ``p=`` of its record has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    selector: Annotated[str, Field(pattern=SELECTOR)]
    algorithm: Algorithm
    public: Annotated[str, Field(min_length=40, max_length=2048), AfterValidator(_base64)]
    private: Annotated[str, Field(max_length=MAX_SEALED, repr=False)] = ""
    """Sealed; empty once it is retired."""
    state: State
    since: Annotated[str, Field(max_length=40), AfterValidator(_time)]
    """When it came into this state, ISO 8601."""

    @property
    def record(self) -> str:
        """The text of its TXT record (RFC 6376 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"


class Dkim(BaseDocument):
    """The keys of a domain, the newest last."""

    type: Literal["dkim"] = "dkim"
    domain: Annotated[DomainName, AfterValidator(parse_domain)]
    keys: Annotated[tuple[DkimKey, ...], Field(max_length=MAX_KEYS)] = ()
    wanted: StrictBool = False
    """Somebody wants new keys; whoever makes them takes this back."""

    @model_validator(mode="after")
    def _unambiguous(self) -> "Dkim":
        if len({key.selector for key in self.keys}) < len(self.keys):
            raise ValueError(f"two keys of {self.domain} have the same selector")
        signing = [key.algorithm for key in self.keys if key.state == "signing"]
        if len(set(signing)) < len(signing):
            raise ValueError(f"two keys of {self.domain} sign by the same algorithm")
        if any(not key.private for key in self.keys if key.state != "retired"):
            raise ValueError(f"a key of {self.domain} has no private half")
        return self

    @property
    def key(self) -> Key:
        return Key("dkim", self.domain)

    def signing(self, algorithm: str) -> DkimKey | None:
        """The key that signs by ``algorithm`` now."""
        found = (k for k in self.keys if k.state == "signing" and k.algorithm == algorithm)
        return next(found, None)


def record_name(selector: str, domain: str) -> str:
    """Where the record of a key stands (RFC 6376 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"
