-- Following labelers through their lives: a numbering that starts over, a key that changes,
-- an account that is deleted.

-- Whether a label that comes again is held. Rows of one labeler are appended in this order,
-- so the index grows at as many places as labelers are read.
CREATE INDEX labels_by_frame ON labels (labeler, epoch, seq, place);

ALTER TABLE labelers ADD COLUMN account_deleted INTEGER NOT NULL DEFAULT 0; -- says the firehose
-- Frames up to this one were read a second time, some time after the first.
ALTER TABLE labelers ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
-- The highest frame of this epoch of which labels were taken away, since they no longer apply.
ALTER TABLE labelers ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE labelers ADD COLUMN swept_made INTEGER NOT NULL DEFAULT 0; -- and their latest cts, in ms since 1970
-- 1: the key has changed, and what was rejected lately is to be judged again.
ALTER TABLE labelers ADD COLUMN rejudge INTEGER NOT NULL DEFAULT 0;
-- After a reset, what comes is compared with what is held from before. 1: that is still being
-- gathered in contents; 2: it has been.
ALTER TABLE labelers ADD COLUMN comparing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE labelers ADD COLUMN compares_until INTEGER NOT NULL DEFAULT 0; -- ms since 1970

ALTER TABLE rejected ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;

-- What labelers that started over have said before; empty but for those.
CREATE TABLE contents (
    labeler INTEGER NOT NULL,      -- labelers.id
    hash    INTEGER NOT NULL,      -- of what is said: crates/store/src/contents.rs
    id      INTEGER NOT NULL,      -- labels.id
    PRIMARY KEY (labeler, hash, id)
) STRICT, WITHOUT ROWID;
