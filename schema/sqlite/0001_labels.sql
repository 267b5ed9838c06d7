-- The log of labels, who they come from, and who reads them.
-- Frozen once released: a change is a new file with the next number.

-- One row: where the log ends, and how far the sweep after a purge has come.
CREATE TABLE meta (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    last_id     INTEGER NOT NULL, -- the highest event id ever given out, whatever became of it
    added       INTEGER NOT NULL, -- label events ever added
    sweep_next  INTEGER,          -- the sweep goes on at this id; NULL: there is nothing to sweep
    sweep_again INTEGER NOT NULL  -- 1: something was purged behind the sweep, so it starts over
) STRICT;
INSERT INTO meta VALUES (1, 0, 0, NULL, 0);

-- AUTOINCREMENT: the id of a purged labeler must never come back, since rows that the
-- sweep has not reached still carry it.
CREATE TABLE labelers (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    did           TEXT NOT NULL UNIQUE,
    tracked       INTEGER NOT NULL,           -- 0: removed, and stays removed
    sources       TEXT NOT NULL DEFAULT '',   -- how it became known, comma separated, in order
    added_at      INTEGER NOT NULL,           -- milliseconds since 1970
    handle        TEXT,
    service_url   TEXT,
    key           TEXT,                       -- did:key
    epoch         INTEGER NOT NULL DEFAULT 1,
    cursor        INTEGER NOT NULL DEFAULT 0, -- the last stored frame of that epoch
    caught_up     INTEGER NOT NULL DEFAULT 0,
    labels        INTEGER NOT NULL DEFAULT 0, -- rows in labels
    rejected      INTEGER NOT NULL DEFAULT 0, -- ever
    rejected_kept INTEGER NOT NULL DEFAULT 0, -- rows in rejected
    last_label_at INTEGER
) STRICT;

-- The log. src is not kept: it is the labeler's DID. ver is not kept: it is 1.
CREATE TABLE labels (
    id          INTEGER PRIMARY KEY,   -- the event id
    labeler     INTEGER NOT NULL,      -- labelers.id; of no labeler: purged, not yet swept
    epoch       INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    place       INTEGER NOT NULL,      -- in the frame, from 0
    flags       INTEGER NOT NULL,      -- 1 live; 2 neg is there; 4 neg is true; 8 by an old key
    received_at INTEGER NOT NULL,
    uri         TEXT NOT NULL,
    val         TEXT NOT NULL,
    cts         TEXT NOT NULL,
    cid         TEXT,
    exp         TEXT,
    sig         BLOB NOT NULL,
    raw         BLOB                   -- as received, where the fields cannot make it again
) STRICT;

-- Labels that do not hold, the newest of each labeler. Ids come from the same sequence.
CREATE TABLE rejected (
    id          INTEGER PRIMARY KEY,
    labeler     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    verdict     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    raw         BLOB                   -- NULL when over 16 KiB
) STRICT;
CREATE INDEX rejected_by_labeler ON rejected (labeler, id);

CREATE TABLE consumers (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL,         -- every event up to here is acked or passed over
    ahead    BLOB NOT NULL             -- acked above it: crates/store/src/ranges.rs
) STRICT;

-- Empty, but for a moment after the disk was full: what is written here shows that there
-- is room again (crates/store/src/probe.rs).
CREATE TABLE probe (
    filler BLOB NOT NULL
) STRICT;
