"""Rules between documents, checked inside the transaction that would break them."""

import sqlite3

from mailstack.errors import InvalidDocument
from mailstack.model.documents import Document, Domain, Key, User
from mailstack.model.expansion import check_expansion
from mailstack.model.routing import DOMAIN, USER, Entry
from mailstack.store.sqlite.parents import chain_above
from mailstack.store.sqlite.rows import BELONGINGS, SIEVE, Place, key_of

_ENTRIES = (
    "SELECT local, kind, enabled, targets FROM mail "
    "WHERE domain=? AND local IN ('', ?, ?) AND seq>?"
)


class Rules:
    """Questions to what is stored. Rows that changed no later than ``floor`` count as gone."""

    def __init__(self, db: sqlite3.Connection, delimiter: str, floor: int) -> None:
        self._db = db
        self._delimiter = delimiter
        self._floor = floor

    def check_put(self, document: Document, where: Place) -> None:
        """Refuse what has no domain or owner, or could never be reached."""
        if isinstance(document, Domain):
            return
        if where.kind in BELONGINGS and where.local:
            self._need(where._replace(kind=USER, script=""), "add the user first")
            return
        self._need(
            Place(DOMAIN, where.domain, ""), f"add it first: mailstack domain add {where.domain}"
        )
        if isinstance(document, User) and self._delimiter in where.local:
            raise InvalidDocument(
                f"{document.address} holds {self._delimiter!r}, which begins a tag, so no mail "
                "would reach it",
                advice="choose another name, or make it an alias",
            )

    def check_routes(self, where: Place) -> None:
        """Refuse loops and chains that begin, or go on, at a place that changed."""
        above = chain_above(self._db, (where.domain, where.local), self._delimiter, self._floor)
        check_expansion(where.domain, where.local, self._entries, self._delimiter, above=above)

    def contents(self, domain: str) -> list[tuple[Place, int]]:
        """All of a domain but itself; first what belongs to its users."""
        found = self._belongings("domain=?", (domain,))
        mail = self._db.execute(
            "SELECT kind, local, seq FROM mail WHERE domain=? AND kind<>0", (domain,)
        )
        return found + [(Place(kind, domain, local), seq) for kind, local, seq in mail]

    def has_contents(self, domain: str) -> bool:
        sql = "SELECT 1 FROM mail WHERE domain=? AND kind<>0 LIMIT 1"
        return self._db.execute(sql, (domain,)).fetchone() is not None

    def belongings(self, where: Place) -> list[tuple[Place, int]]:
        """What goes with a user."""
        return self._belongings("domain=? AND local=?", (where.domain, where.local))

    def _belongings(self, condition: str, values: tuple[str, ...]) -> list[tuple[Place, int]]:
        sql = (
            f"SELECT {SIEVE}, domain, local, name, seq FROM sieve WHERE {condition} "  # noqa: S608 - no input
            f"UNION ALL SELECT kind, domain, local, '', seq FROM owned WHERE {condition}"
        )
        rows = self._db.execute(sql, values * 2).fetchall()
        return [(Place(*place), seq) for *place, seq in rows]

    def _need(self, where: Place, advice: str) -> None:
        sql = "SELECT 1 FROM mail WHERE domain=? AND local=? AND kind=? AND seq>?"
        key = (where.domain, where.local, where.kind, self._floor)
        if self._db.execute(sql, key).fetchone() is None:
            missing: Key = key_of(where)
            raise InvalidDocument(f"there is no {missing}", advice=advice)

    def _entries(self, domain: str, local: str, base: str) -> list[Entry]:
        return self._db.execute(_ENTRIES, (domain, local, base, self._floor)).fetchall()
