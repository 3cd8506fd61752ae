"""Between documents and rows."""

import hashlib
import json
from typing import Any, NamedTuple, TypeAlias

from mailstack.model.addresses import split_address
from mailstack.model.documents import (
    KINDS,
    OWNED,
    Alias,
    Dkim,
    Document,
    Domain,
    Key,
    Kind,
    OpenPgp,
    Reports,
    Sieve,
    Spam,
    Training,
    User,
)

KIND_NUMBER: dict[Kind, int] = {kind: number for number, kind in enumerate(KINDS)}
SIEVE = KIND_NUMBER["sieve"]
OF_DOMAINS: frozenset[Kind] = frozenset({"domain", "dkim", "reports"})
"""Kinds that are named by a domain."""


class Table(NamedTuple):
    """Where rows of a kind are read. The first three columns are its key, the fourth is ``seq``."""

    name: str
    columns: str
    last: str
    """The third column of the key."""


_MAIL = Table(
    "mail_whole", "domain, local, kind, seq, enabled, targets, password, quota", last="kind"
)
_SIEVE = Table("sieve", "domain, local, name, seq, active, digest, text", last="name")
_OWNED = Table("owned", "domain, local, kind, seq, json", last="kind")

TABLES = (*(_MAIL,) * 3, _SIEVE, *(_OWNED,) * 5)
"""By the number of the kind."""
BELONGINGS = tuple(KIND_NUMBER[kind] for kind in OWNED)
"""Numbers of the kinds that go with their user or domain."""

Row: TypeAlias = tuple[Any, ...]
"""As SQLite returns it, in the order of the columns above."""


class Place(NamedTuple):
    """Where a document lies. ``script`` is empty unless it is a sieve script."""

    kind: int
    domain: str
    local: str
    script: str = ""

    @property
    def row(self) -> tuple[str, str, str | int]:
        """The key of its row."""
        return self.domain, self.local, self.script if self.kind == SIEVE else self.kind


def place(key: Key) -> Place:
    """Find the place a key names."""
    number = KIND_NUMBER[key.kind]
    if key.kind in OF_DOMAINS:
        return Place(number, key.name, "")
    address, script = key.name, ""
    if key.kind == "sieve":
        address, _, script = key.name.rpartition("/")
    local, domain = split_address(address)
    return Place(number, domain, local, script)


def key_of(where: Place) -> Key:
    """Name the document at a place."""
    kind = KINDS[where.kind]
    if kind in OF_DOMAINS:
        return Key(kind, where.domain)
    address = f"{where.local}@{where.domain}"
    return Key(kind, f"{address}/{where.script}" if kind == "sieve" else address)


def to_row(document: Document, where: Place, seq: int) -> Row:
    """Make the row of a document; a user's credentials have one of their own."""
    _, domain, local, script = where
    match document:
        case Domain() | User():
            return (domain, local, where.kind, seq, document.enabled, None)
        case Alias():
            return (domain, local, where.kind, seq, 1, " ".join(document.targets))
        case Sieve():
            text = document.text
            return (domain, local, script, seq, document.active, digest(text), text)
        case Spam() | Training() | Dkim() | OpenPgp() | Reports():
            return (domain, local, where.kind, seq, document.line())


def from_row(kind: int, row: Row) -> Document:
    """Make the document of a row of the kind's table."""
    if kind == SIEVE:
        return _from_sieve(row)
    return _from_owned(row) if kind in BELONGINGS else _from_mail(row)


def _from_mail(row: Row) -> Document:
    """Make the document of a row of ``mail_whole``; it was checked on its way in."""
    domain, local, kind, _, enabled, targets, password, quota = row
    match KINDS[kind]:
        case "domain":
            return Domain.model_construct(type="domain", name=domain, enabled=bool(enabled))
        case "user":
            return User.model_construct(
                type="user",
                address=f"{local}@{domain}",
                password=password,
                quota=quota,
                enabled=bool(enabled),
            )
        case _:
            return Alias.model_construct(
                type="alias", address=f"{local}@{domain}", targets=tuple(targets.split(" "))
            )


def _from_sieve(row: Row) -> Document:
    """Make the document of a row of ``sieve``."""
    domain, local, name, _, active, _, text = row
    return Sieve.model_construct(
        type="sieve", owner=f"{local}@{domain}", name=name, text=text, active=bool(active)
    )


def _from_owned(row: Row) -> Document:
    if KINDS[row[2]] == "dkim":
        return Dkim.model_validate_json(row[4])
    if KINDS[row[2]] == "reports":
        return Reports.model_validate_json(row[4])
    fields: dict[str, Any] = json.loads(row[4])
    whole: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()
    }
    if KINDS[row[2]] == "spam":
        return Spam.model_construct(**whole)
    if KINDS[row[2]] == "openpgp":
        return OpenPgp.model_construct(**whole)
    return Training.model_construct(**whole)


def digest(text: str) -> str:
    """Tell two texts apart even if a restored backup brought the same revision twice."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
