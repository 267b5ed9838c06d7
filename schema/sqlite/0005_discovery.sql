-- Finding labelers: how far each place was read, who is still to be looked up, and what
-- labelers declare.

-- A cursor means nothing at another relay, so each has its own.
CREATE TABLE relays (
    url       TEXT PRIMARY KEY,
    firehose  INTEGER NOT NULL DEFAULT 0,  -- the last frame whose hints are kept; 0: none
    list_page TEXT NOT NULL DEFAULT '',    -- the last page cursor of its list of labelers
    listing   INTEGER NOT NULL DEFAULT 0,  -- 1: the list goes on at that page
    listed_at INTEGER                      -- when its end was last reached, in milliseconds
) STRICT, WITHOUT ROWID;

CREATE TABLE directories (
    url      TEXT PRIMARY KEY,
    begun    INTEGER NOT NULL,             -- when labeltap was first started with it
    exported INTEGER NOT NULL              -- operations up to this time were looked at
) STRICT, WITHOUT ROWID;

-- DIDs that somebody hinted at. What cannot be looked up now waits here.
CREATE TABLE lookups (
    did      TEXT PRIMARY KEY,
    lane     INTEGER NOT NULL,             -- 0: only the directory is asked; 1: the account's
                                           -- server, too; 2: the host of a did:web
    sources  TEXT NOT NULL,                -- who hinted, comma separated
    declared INTEGER NOT NULL,             -- 1: its declaration is to be read
    due_at   INTEGER NOT NULL,             -- milliseconds since 1970
    tries    INTEGER NOT NULL DEFAULT 0,   -- that failed, since the last that did not
    again    INTEGER NOT NULL DEFAULT 0,   -- 1: nothing was found; this is the second look
    hints    INTEGER NOT NULL DEFAULT 1    -- grows with each, so that none is lost meanwhile
) STRICT, WITHOUT ROWID;
CREATE INDEX lookups_by_lane ON lookups (lane, due_at);

-- The app.bsky.labeler.service records of tracked labelers, proven.
CREATE TABLE declarations (
    did     TEXT PRIMARY KEY,
    rev     TEXT,                          -- of the repository it was read from
    record  TEXT,                          -- JSON; NULL: there is none
    read_at INTEGER NOT NULL               -- when it was last asked for
) STRICT;
