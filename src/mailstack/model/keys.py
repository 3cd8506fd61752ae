"""Which kinds of document there are, how one is named, and what all of them have in common."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

Kind = Literal["domain", "user", "alias", "sieve", "spam", "training", "dkim", "openpgp", "reports"]
KINDS: tuple[Kind, ...] = (
    "domain",
    "user",
    "alias",
    "sieve",
    "spam",
    "training",
    "dkim",
    "openpgp",
    "reports",
)
"""In the order in which one may depend on another. Append only: stores number them."""

OWNED: tuple[Kind, ...] = ("sieve", "spam", "training", "dkim", "openpgp", "reports")
"""Belong to one user or domain, and go with it."""


_WORDS = {
    "spam": "spam profile of",
    "training": "training record of",
    "dkim": "DKIM keys of",
    "openpgp": "OpenPGP key of",
    "reports": "reports about",
}


class Key(NamedTuple):
    """Names a document.

    ``name`` of a sieve script is ``owner/script``; a script has no slash. ``name`` of what a user
    has once (``spam``, ``training``, ``openpgp``) is the user's address; of what a domain
    has once (``dkim``, ``reports``), the domain.
    """

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{_WORDS.get(self.kind, self.kind)} {self.name}"


class BaseDocument(BaseModel):
    """A document is frozen and complete; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def key(self) -> Key:
        raise NotImplementedError

    def line(self) -> str:
        """The document as one line of JSON, without the newline."""
        return self.model_dump_json()
