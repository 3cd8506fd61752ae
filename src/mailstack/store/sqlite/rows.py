"""Between documents and rows."""

import hashlib
from typing import Any, NamedTuple, TypeAlias

from mailstack.model.addresses import split_address
from mailstack.model.documents import KINDS, Alias, Document, Domain, Key, Kind, Sieve, User

KIND_NUMBER: dict[Kind, int] = {kind: number for number, kind in enumerate(KINDS)}
SIEVE = KIND_NUMBER["sieve"]

MAIL_COLUMNS = "domain, local, kind, seq, enabled, targets, password, quota"
SIEVE_COLUMNS = "domain, local, name, seq, active, digest, text"

Row: TypeAlias = tuple[Any, ...]
"""As SQLite returns it, in the order of the columns above."""


class Place(NamedTuple):
    """Where a document lies. ``script`` is empty unless it is a sieve script."""

    kind: int
    domain: str
    local: str
    script: str = ""


def place(key: Key) -> Place:
    """Find the place a key names."""
    number = KIND_NUMBER[key.kind]
    if key.kind == "domain":
        return Place(number, key.name, "")
    address, script = key.name, ""
    if key.kind == "sieve":
        address, _, script = key.name.rpartition("/")
    local, domain = split_address(address)
    return Place(number, domain, local, script)


def key_of(where: Place) -> Key:
    """Name the document at a place."""
    kind = KINDS[where.kind]
    if kind == "domain":
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


def from_mail(row: Row) -> Document:
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


def from_sieve(row: Row) -> Document:
    """Make the document of a row of ``sieve``."""
    domain, local, name, _, active, _, text = row
    return Sieve.model_construct(
        type="sieve", owner=f"{local}@{domain}", name=name, text=text, active=bool(active)
    )


def digest(text: str) -> str:
    """Tell two texts apart even if a restored backup brought the same revision twice."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
