"""Which aliases lead to an address: needed to say how long a chain becomes at its lower end.

May count an alias too many (one whose target is taken by a longer match), never one too few.
"""

import sqlite3

from mailstack.model.expansion import MAX_CHAIN

_LIVING = (
    "EXISTS (SELECT 1 FROM mail m WHERE m.domain=t.alias_domain AND m.local=t.alias_local "
    "AND m.kind=2 AND m.seq>:floor)"
)
_OF_ADDRESS = (
    "SELECT t.alias_domain, t.alias_local FROM targets t WHERE t.domain=:domain "  # noqa: S608 - constants
    f"AND (t.local=:local OR t.local>=:tag AND t.local<:past) AND {_LIVING}"
)
_OF_CATCH_ALL = (
    "SELECT t.alias_domain, t.alias_local FROM targets t WHERE t.domain=:domain "  # noqa: S608 - constants
    "AND NOT EXISTS (SELECT 1 FROM mail m WHERE m.domain=t.domain AND m.local=t.local "
    f"AND m.kind<>0 AND m.seq>:floor) AND {_LIVING}"
)

Node = tuple[str, str]
"""Domain and local part of an alias."""


def chain_above(db: sqlite3.Connection, node: Node, delimiter: str, floor: int) -> int:
    """Count the aliases of the longest chain that ends at ``node``; stops beyond the limit."""
    level, height = {node}, 0
    while height <= MAX_CHAIN:
        level = {parent for child in level for parent in _parents(db, child, delimiter, floor)}
        if not level:
            break
        height += 1
    return height


def _parents(db: sqlite3.Connection, child: Node, delimiter: str, floor: int) -> set[Node]:
    """Aliases with a target that leads to ``child``; itself means its own mailbox."""
    domain, local = child
    values = {
        "domain": domain,
        "local": local,
        "tag": local + delimiter,
        "past": local + chr(ord(delimiter) + 1),
        "floor": floor,
    }
    rows = db.execute(_OF_ADDRESS if local else _OF_CATCH_ALL, values)
    return set(rows.fetchall()) - {child}
