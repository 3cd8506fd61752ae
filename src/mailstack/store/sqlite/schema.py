"""The tables, and how older files become what this version needs.

``mail`` holds domains, users and aliases, clustered by domain and local part: all that decides
about an address lies on one page, and all of a domain is one range. A domain's own row and its
catch-all have an empty local part. ``credentials`` are apart, because every recipient is looked up
and few log in: with the hashes between them, the rows of ``mail`` would be three times as far from
each other, and a lookup a quarter slower (measured). ``owned`` has what a user or domain has at
most one of a kind, as JSON: nothing in it is ever searched for. ``seq`` is the position of the
row's newest change, and its revision. ``changes`` holds each document once, and what was removed.
"""

import sqlite3

APPLICATION_ID = 0x6D73746B
"""``mstk``: tells our file from any other SQLite file (sqlite.org/fileformat, offset 68)."""

_FIRST = """
CREATE TABLE mail (
    domain   TEXT NOT NULL,
    local    TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    enabled  INTEGER NOT NULL,
    targets  TEXT,
    PRIMARY KEY (domain, local, kind)
) WITHOUT ROWID;
CREATE TABLE credentials (
    domain   TEXT NOT NULL,
    local    TEXT NOT NULL,
    password TEXT NOT NULL,
    quota    INTEGER,
    PRIMARY KEY (domain, local)
) WITHOUT ROWID;
CREATE VIEW mail_whole AS
    SELECT m.*, c.password, c.quota FROM mail m
    LEFT JOIN credentials c ON m.kind = 1 AND c.domain = m.domain AND c.local = m.local;
CREATE TABLE sieve (
    domain TEXT NOT NULL,
    local  TEXT NOT NULL,
    name   TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    active INTEGER NOT NULL,
    digest TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (domain, local, name)
) WITHOUT ROWID;
CREATE TABLE targets (
    domain       TEXT NOT NULL,
    local        TEXT NOT NULL,
    alias_domain TEXT NOT NULL,
    alias_local  TEXT NOT NULL,
    PRIMARY KEY (domain, local, alias_domain, alias_local)
) WITHOUT ROWID;
CREATE TABLE changes (
    seq     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    removed INTEGER NOT NULL
);
CREATE TABLE counts (kind INTEGER PRIMARY KEY, number INTEGER NOT NULL);
INSERT INTO counts VALUES (0, 0), (1, 0), (2, 0), (3, 0);
"""

_OWNED = """
CREATE TABLE owned (
    domain TEXT NOT NULL,
    local  TEXT NOT NULL,
    kind   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    json   TEXT NOT NULL,
    PRIMARY KEY (domain, local, kind)
) WITHOUT ROWID;
INSERT INTO counts VALUES (4, 0), (5, 0);
"""

_DKIM = """
INSERT INTO counts VALUES (6, 0);
"""

_OPENPGP = """
INSERT INTO counts VALUES (7, 0);
"""

_REPORTS = """
INSERT INTO counts VALUES (8, 0);
"""

MIGRATIONS = (_FIRST, _OWNED, _DKIM, _OPENPGP, _REPORTS)
"""Append only: number N brings a file from version N to N + 1 (``PRAGMA user_version``)."""

VERSION = len(MIGRATIONS)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to ``VERSION``, each step in one transaction."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= VERSION:
        return
    for number, script in enumerate(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] <= number:
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number + 1}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
