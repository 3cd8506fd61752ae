"""What a write does inside its transaction."""

import sqlite3
from collections.abc import Sequence

from mailstack.errors import (
    DocumentExists,
    DocumentMissing,
    InvalidDocument,
    RevisionConflict,
    WriteRefused,
)
from mailstack.model.addresses import split_address
from mailstack.model.documents import KINDS, Alias, Document, Key, Sieve, User
from mailstack.model.routing import ALIAS, DOMAIN, USER
from mailstack.store.contract import ANY, Expected, Put, Remove, Write
from mailstack.store.sqlite.rows import TABLES, Place, key_of, place, to_row
from mailstack.store.sqlite.rules import Rules

_TABLE = tuple(table.name.removesuffix("_whole") for table in TABLES)
"""Where rows of a kind are written."""
_PUT_MAIL = "INSERT OR REPLACE INTO mail VALUES (?,?,?,?,?,?)"
_PUT_CREDENTIALS = "INSERT OR REPLACE INTO credentials VALUES (?,?,?,?)"
_PUT_SIEVE = "INSERT OR REPLACE INTO sieve VALUES (?,?,?,?,?,?,?)"
_PUT_OWNED = "INSERT OR REPLACE INTO owned VALUES (?,?,?,?,?)"
_PUT = (*(_PUT_MAIL,) * 3, _PUT_SIEVE, *(_PUT_OWNED,) * 5)
"""By the number of the kind."""
_ROW = tuple(
    f"{table} WHERE domain=? AND local=? AND {of.last}=?"
    for table, of in zip(_TABLE, TABLES, strict=True)
)
_PUT_TARGET = "INSERT OR REPLACE INTO targets VALUES (?,?,?,?)"
_OLD_TARGETS = "SELECT targets FROM mail WHERE domain=? AND local=? AND kind=2"
_REMOVE_CREDENTIALS = "DELETE FROM credentials WHERE domain=? AND local=?"
_UNCHANGED = "SELECT name, seq FROM changes WHERE seq<=? AND kind=? AND NOT removed LIMIT ?"
_REMOVE_TARGET = (
    "DELETE FROM targets WHERE domain=? AND local=? AND alias_domain=? AND alias_local=?"
)


class Transaction:
    """The writes of one transaction, in order. Checks of aliases come last, at ``finish``."""

    def __init__(self, db: sqlite3.Connection, delimiter: str, floor: int = 0) -> None:
        self._db = db
        self._rules = Rules(db, delimiter, floor)
        self._seq: int = db.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()[0]
        self._counts = [0] * len(KINDS)
        self._rerouted: dict[Place, int] = {}
        """Places whose routes changed, with the number of the write that did it."""

    def put(self, document: Document, expected: Expected, number: int = 0) -> str:
        where = place(document.key)
        old = self._seq_at(where)
        check_expected(document.key, old, expected)
        self._rules.check_put(document, where)
        if isinstance(document, Sieve) and document.active:
            self._deactivate(where)
        if isinstance(document, Alias):
            self._link(document, where)
            self._rerouted[where] = number
        seq = self._changed(where, old, removed=False)
        self._db.execute(_PUT[where.kind], to_row(document, where, seq))
        if isinstance(document, User):
            login = (where.domain, where.local, document.password, document.quota)
            self._db.execute(_PUT_CREDENTIALS, login)
        self._counts[where.kind] += old is None
        return str(seq)

    def remove(self, write: Remove, number: int = 0) -> None:
        where = place(write.key)
        old = self._seq_at(where)
        if old is None:
            raise missing(write.key)
        check_expected(write.key, old, write.expected)
        if where.kind == DOMAIN:
            self._empty_domain(where, recursive=write.recursive)
        if where.kind in (DOMAIN, USER):
            self._remove_all(self._rules.belongings(where))
        self._remove_at(where, old)
        if where.kind in (USER, ALIAS) and where.local:
            self._rerouted[where] = number

    def remove_unchanged(self, since: int, limit: int) -> int:
        """Remove up to ``limit`` documents that did not change after ``since``; says how many."""
        for kind in reversed(range(len(KINDS))):  # what depends on others goes before them
            rows = self._db.execute(_UNCHANGED, (since, kind, limit)).fetchall()
            if rows:
                self._remove_all([(place(Key(KINDS[kind], name)), seq) for name, seq in rows])
                self._keep_counts()
                return len(rows)
        return 0

    def finish(self) -> None:
        """Check the aliases, now that all is in place, and keep the counts.

        Raises:
            WriteRefused: they form a loop, or a chain that is too long.
        """
        for where, number in self._rerouted.items():
            try:
                self._rules.check_routes(where)
            except InvalidDocument as error:
                raise WriteRefused(number, error) from error
        self._keep_counts()

    def _keep_counts(self) -> None:
        for kind, more in enumerate(self._counts):
            if more:
                self._db.execute("UPDATE counts SET number=number+? WHERE kind=?", (more, kind))

    def _seq_at(self, where: Place) -> int | None:
        row = self._db.execute(f"SELECT seq FROM {_ROW[where.kind]}", where.row).fetchone()  # noqa: S608 - no input
        return row[0] if row else None

    def _changed(self, where: Place, old: int | None, *, removed: bool) -> int:
        """Note a change at the feed's end, where the document's former one goes."""
        self._seq += 1
        if old is not None:
            self._db.execute("DELETE FROM changes WHERE seq=?", (old,))
        self._db.execute(
            "INSERT INTO changes VALUES (?,?,?,?)",
            (self._seq, where.kind, key_of(where).name, removed),
        )
        return self._seq

    def _deactivate(self, where: Place) -> None:
        sql = "SELECT name, seq FROM sieve WHERE domain=? AND local=? AND active AND name<>?"
        for name, old in self._db.execute(sql, where[1:]).fetchall():
            other = where._replace(script=name)
            seq = self._changed(other, old, removed=False)
            self._db.execute(
                "UPDATE sieve SET active=0, seq=? WHERE domain=? AND local=? AND name=?",
                (seq, *other[1:]),
            )

    def _link(self, alias: Alias, where: Place) -> None:
        self._unlink(where)
        self._db.executemany(
            _PUT_TARGET, [(*_reversed(t), where.domain, where.local) for t in alias.targets]
        )

    def _unlink(self, where: Place) -> None:
        row = self._db.execute(_OLD_TARGETS, (where.domain, where.local)).fetchone()
        if row:
            self._db.executemany(
                _REMOVE_TARGET,
                [(*_reversed(t), where.domain, where.local) for t in row[0].split(" ")],
            )

    def _empty_domain(self, where: Place, *, recursive: bool) -> None:
        if recursive:
            self._remove_all(self._rules.contents(where.domain))
        elif self._rules.has_contents(where.domain):
            raise InvalidDocument(
                f"{where.domain} still has users or aliases",
                advice="remove them first, or remove the domain with all that is in it",
            )

    def _remove_all(self, places: Sequence[tuple[Place, int]]) -> None:
        for where, old in places:
            self._remove_at(where, old)

    def _remove_at(self, where: Place, old: int) -> None:
        if where.kind == ALIAS:
            self._unlink(where)
        if where.kind == USER:
            self._db.execute(_REMOVE_CREDENTIALS, where[1:3])
        self._db.execute(f"DELETE FROM {_ROW[where.kind]}", where.row)  # noqa: S608 - no input
        self._changed(where, old, removed=True)
        self._counts[where.kind] -= 1


def check_expected(key: Key, old: int | None, expected: Expected) -> None:
    """Refuse a write that is not about what is stored."""
    if expected is ANY:
        return
    if expected is None:
        if old is not None:
            raise DocumentExists(f"the {key} exists already")
    elif old is None:
        raise missing(key)
    elif str(old) != expected:
        raise RevisionConflict(
            f"the {key} was changed by somebody else", advice="read it again, then change it"
        )


def missing(key: Key) -> DocumentMissing:
    return DocumentMissing(f"there is no {key}")


def run(transaction: Transaction, write: Write, number: int) -> str:
    """Do one write; the revision it made, or nothing for a removal."""
    match write:
        case Put(document, expected):
            return transaction.put(document, expected, number)
        case Remove():
            transaction.remove(write, number)
            return ""


def _reversed(target: str) -> tuple[str, str]:
    local, domain = split_address(target)
    return domain, local
