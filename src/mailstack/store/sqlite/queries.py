"""The questions the store answers, as SQL."""

from typing import Any

from mailstack.errors import DocumentMissing
from mailstack.model.addresses import split_address
from mailstack.model.documents import Key, Kind
from mailstack.model.routing import USER, Entry
from mailstack.store.contract import Credentials, Script, Stored
from mailstack.store.sqlite.reader import Reader
from mailstack.store.sqlite.rows import KIND_NUMBER, SIEVE, TABLES, Row, Table, from_row, place

_ENTRY = "SELECT local, kind, enabled, targets FROM mail WHERE domain=?1"
_ENTRIES_OF_NONE = f"{_ENTRY} AND local=''"
_ENTRIES_OF_ONE = f"{_ENTRIES_OF_NONE} UNION ALL {_ENTRY} AND local=?2"
_ENTRIES_OF_TWO = f"{_ENTRIES_OF_ONE} UNION ALL {_ENTRY} AND local=?3"
"""Not ``IN``: SQLite would build an index of the list each time, half of the whole cost."""
_KINDS_IF_HOSTED = (
    "SELECT m.kind, m.enabled FROM mail d CROSS JOIN mail m "
    "WHERE d.domain=?1 AND d.local='' AND d.kind=0 AND d.enabled AND m.domain=?1 AND m.local=?2"
)
_ONE_USER = [(USER, 1)]
_CREDENTIALS = (
    "SELECT c.password, c.quota, u.enabled AND d.enabled FROM mail d, mail u, credentials c "
    "WHERE d.domain=?1 AND d.local='' AND d.kind=0 AND u.domain=?1 AND u.local=?2 AND u.kind=1 "
    "AND c.domain=?1 AND c.local=?2"
)
_LOGINS = (
    "SELECT u.local || '@' || u.domain FROM mail u CROSS JOIN mail d "
    "ON d.domain=u.domain AND d.local='' AND d.kind=0 WHERE (u.domain, u.local) > (?, ?) "
    "AND u.kind=1 AND u.enabled AND d.enabled ORDER BY u.domain, u.local LIMIT ?"
)
_SCRIPTS = "SELECT name, seq, digest, active FROM sieve WHERE domain=? AND local=? ORDER BY name"
_DKIM = (
    "SELECT o.json FROM mail d LEFT JOIN owned o ON o.domain=d.domain AND o.local='' AND o.kind=? "
    "WHERE d.domain=? AND d.local='' AND d.kind=0 AND d.enabled"
)
_TEXT = "SELECT text FROM sieve WHERE domain=? AND local=? AND seq=? AND digest=?"


def _select(table: Table) -> str:
    return f"SELECT {table.columns} FROM {table.name}"  # noqa: S608 - no input


_GET = tuple(f"{_select(t)} WHERE domain=? AND local=? AND {t.last}=?" for t in TABLES)


def get(reader: Reader, key: Key) -> Stored:
    where = place(key)
    row = reader.row(_GET[where.kind], where.row)
    if row is None:
        raise DocumentMissing(f"there is no {key}")
    return stored(where.kind, row)


def stored(kind: int, row: Row) -> Stored:
    """Make the document of a row, and its revision (the fourth column of either table)."""
    return Stored(from_row(kind, row), str(row[3]))


def page(reader: Reader, kind: Kind, *, within: str, after: str, limit: int) -> list[Stored]:
    number = KIND_NUMBER[kind]
    table = TABLES[number]
    terms, values = _within(kind, within)
    if after:
        terms.append(f"(domain, local, {table.last}) > (?, ?, ?)")
        values += place(Key(kind, after)).row
    if number != SIEVE:
        terms.append("kind=?")
        values.append(number)
    condition = f"WHERE {' AND '.join(terms)}" if terms else ""
    sql = f"{_select(table)} {condition} ORDER BY domain, local, {table.last} LIMIT ?"
    return [stored(number, row) for row in reader.rows(sql, (*values, limit))]


def _within(kind: Kind, within: str) -> tuple[list[str], list[Any]]:
    if not within:
        return [], []
    if kind == "sieve" and "@" in within:
        local, domain = split_address(within)
        return ["domain=?", "local=?"], [domain, local]
    return ["domain=?"], [within]


def count(reader: Reader, kind: Kind) -> int:
    row = reader.row("SELECT number FROM counts WHERE kind=?", (KIND_NUMBER[kind],))
    return int(row[0]) if row else 0


def entries(reader: Reader, domain: str, local: str, base: str) -> list[Entry]:
    if not local:
        return reader.rows(_ENTRIES_OF_NONE, (domain,))
    if local == base:
        return reader.rows(_ENTRIES_OF_ONE, (domain, local))
    return reader.rows(_ENTRIES_OF_TWO, (domain, local, base))


def is_plain_user(reader: Reader, domain: str, local: str) -> bool:
    return reader.rows(_KINDS_IF_HOSTED, (domain, local)) == _ONE_USER


def credentials(reader: Reader, domain: str, local: str) -> Credentials | None:
    row = reader.row(_CREDENTIALS, (domain, local))
    return Credentials(row[0], row[1], bool(row[2])) if row else None


def logins(reader: Reader, after: str, limit: int) -> list[str]:
    local, domain = split_address(after)
    return [row[0] for row in reader.rows(_LOGINS, (domain, local, limit))]


def scripts(reader: Reader, owner: str) -> list[Script]:
    local, domain = split_address(owner)
    rows = reader.rows(_SCRIPTS, (domain, local))
    return [Script(name, f"{seq}-{text}", bool(active)) for name, seq, text, active in rows]


def dkim(reader: Reader, domain: str) -> str | None:
    row = reader.row(_DKIM, (KIND_NUMBER["dkim"], domain))
    return None if row is None else row[0] or ""


def script_text(reader: Reader, owner: str, script_id: str) -> str | None:
    local, domain = split_address(owner)
    seq, _, digest = script_id.partition("-")
    if not (script_id.isascii() and seq.isdigit() and len(seq) < 19):  # noqa: PLR2004 - a 64-bit integer
        return None
    row = reader.row(_TEXT, (domain, local, int(seq), digest))
    return row[0] if row else None
