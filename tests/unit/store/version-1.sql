PRAGMA application_id = 1836282987;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE changes (
    seq     INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    removed INTEGER NOT NULL
);
INSERT INTO "changes" VALUES(1,0,'example.org',0);
INSERT INTO "changes" VALUES(2,1,'ann@example.org',0);
INSERT INTO "changes" VALUES(4,2,'info@example.org',0);
INSERT INTO "changes" VALUES(5,3,'ann@example.org/main',0);
INSERT INTO "changes" VALUES(6,1,'gone@example.org',1);
CREATE TABLE counts (kind INTEGER PRIMARY KEY, number INTEGER NOT NULL);
INSERT INTO "counts" VALUES(0,1);
INSERT INTO "counts" VALUES(1,1);
INSERT INTO "counts" VALUES(2,1);
INSERT INTO "counts" VALUES(3,1);
CREATE TABLE credentials (
    domain   TEXT NOT NULL,
    local    TEXT NOT NULL,
    password TEXT NOT NULL,
    quota    INTEGER,
    PRIMARY KEY (domain, local)
) WITHOUT ROWID;
INSERT INTO "credentials" VALUES('example.org','ann','{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$x1T88JmIwFms7YtwS4d5HQ$Ae7VXGU4pkbCohA2AyeVxQkb7UPtm+FF7pBn5DFqczQ',1024);
CREATE TABLE mail (
    domain   TEXT NOT NULL,
    local    TEXT NOT NULL,
    kind     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    enabled  INTEGER NOT NULL,
    targets  TEXT,
    PRIMARY KEY (domain, local, kind)
) WITHOUT ROWID;
INSERT INTO "mail" VALUES('example.org','',0,1,1,NULL);
INSERT INTO "mail" VALUES('example.org','ann',1,2,1,NULL);
INSERT INTO "mail" VALUES('example.org','info',2,4,1,'ann@example.org x@example.net');
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
INSERT INTO "sieve" VALUES('example.org','ann','main',5,1,'3ab510d1b523','keep;');
CREATE TABLE targets (
    domain       TEXT NOT NULL,
    local        TEXT NOT NULL,
    alias_domain TEXT NOT NULL,
    alias_local  TEXT NOT NULL,
    PRIMARY KEY (domain, local, alias_domain, alias_local)
) WITHOUT ROWID;
INSERT INTO "targets" VALUES('example.net','x','example.org','info');
INSERT INTO "targets" VALUES('example.org','ann','example.org','info');
CREATE VIEW mail_whole AS
    SELECT m.*, c.password, c.quota FROM mail m
    LEFT JOIN credentials c ON m.kind = 1 AND c.domain = m.domain AND c.local = m.local;
COMMIT;
