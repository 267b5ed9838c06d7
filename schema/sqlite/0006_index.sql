-- The index of what is said about whom, and rows that take less room.

-- cts may be a number from here on, cid a blob: crates/store/src/short.rs. Nothing of what is
-- stored changes by that, only what the table takes, so it is the table's text that is
-- changed (sqlite.org/lang_altertable.html, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(replace(sql,
        'cts         TEXT NOT NULL', 'cts         ANY NOT NULL'),
        'cid         TEXT', 'cid         ANY')
    WHERE type = 'table' AND name = 'labels';
PRAGMA writable_schema = RESET;

-- Not to be known by labelers: hashes in the index depend on it, so that nobody can choose what
-- they say to meet another one's.
ALTER TABLE meta ADD COLUMN salt BLOB NOT NULL DEFAULT x'';
-- The highest label that was taken out of the log since it no longer applied.
ALTER TABLE meta ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;
-- Labels from before are still to be put into the index, from this id on and up to that one;
-- NULL: all are in it.
ALTER TABLE meta ADD COLUMN index_next INTEGER;
ALTER TABLE meta ADD COLUMN index_until INTEGER;
UPDATE meta SET salt = randomblob(16);
UPDATE meta SET index_next = 1, index_until = last_id WHERE last_id > 0;

-- How the index is kept: crates/store/src/index/mod.rs. First the newest entries…
CREATE TABLE index_recent (
    subject INTEGER NOT NULL,      -- hash of the account, then of the whole URI
    labeler INTEGER NOT NULL,      -- labelers.id
    val     INTEGER NOT NULL,      -- hash of the value
    made    INTEGER NOT NULL,      -- seconds since 1970; of a cts after its receipt, the receipt
    id      INTEGER NOT NULL,      -- labels.id
    gone    INTEGER NOT NULL,      -- 1: the label was taken out of the log
    PRIMARY KEY (subject, labeler, val, made, id, gone)
) STRICT, WITHOUT ROWID;

-- …then sorted runs of older ones, which are written once and merged later.
CREATE TABLE index_runs (
    slot    INTEGER PRIMARY KEY,   -- 0 to 126, given again when it is free
    state   INTEGER NOT NULL,      -- 0 being written; 1 in use; 2 being taken away
    born    INTEGER NOT NULL,      -- grows with each run
    entries INTEGER NOT NULL
) STRICT;

-- Entries of a run, some 4 KB at a time.
CREATE TABLE index_blocks (
    place INTEGER PRIMARY KEY,     -- the run's slot, then the first entry's subject
    data  BLOB NOT NULL            -- crates/store/src/index/block.rs
) STRICT;
