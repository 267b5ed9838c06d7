-- What happened to labelers, for consumers who ask for `labeler` events. Ids come from the
-- log's sequence. The DID and not the labeler's number: "removed" outlasts a purge.
CREATE TABLE happenings (
    id          INTEGER PRIMARY KEY,   -- the event id
    did         TEXT NOT NULL,
    change      TEXT NOT NULL,
    state       TEXT NOT NULL,
    service_url TEXT,
    cursor      INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    at          INTEGER NOT NULL       -- milliseconds since 1970
) STRICT;
CREATE INDEX happenings_by_did ON happenings (did, id);

-- Whether consumers were told that it is tracked (1) or no longer is (0).
ALTER TABLE labelers ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;

-- Event types that somebody has asked for, comma separated, besides labels.
ALTER TABLE consumers ADD COLUMN types TEXT NOT NULL DEFAULT '';
