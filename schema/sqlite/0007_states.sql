-- Which subjects a run of the index may have something of: crates/store/src/index/filter.rs. A run
-- from before has none, and very large ones do without.
CREATE TABLE index_filters (
    slot INTEGER PRIMARY KEY,      -- index_runs.slot
    data BLOB NOT NULL
) STRICT;

-- What becomes of labels, as events of the log, for consumers that ask for them.

CREATE TABLE states (
    id      INTEGER PRIMARY KEY,   -- its place in the log
    labeler INTEGER NOT NULL,      -- labelers.id
    label   INTEGER NOT NULL,      -- labels.id, of a label that may be gone
    state   TEXT NOT NULL,         -- applies, negated, expired, superseded
    flags   INTEGER NOT NULL,      -- labels.flags
    at      INTEGER NOT NULL,      -- when it was found, milliseconds since 1970
    uri     TEXT NOT NULL,
    val     TEXT NOT NULL
) STRICT;

-- Labels that apply and will run out.
CREATE TABLE states_due (
    at    INTEGER NOT NULL,        -- when, milliseconds since 1970
    label INTEGER NOT NULL,        -- labels.id
    PRIMARY KEY (at, label)
) STRICT, WITHOUT ROWID;

-- The label to be looked at next; NULL: no consumer asks.
ALTER TABLE meta ADD COLUMN states_next INTEGER;
-- Where the log ended when that began. Events of states up to here are of an earlier time.
ALTER TABLE meta ADD COLUMN states_from INTEGER NOT NULL DEFAULT 0;
