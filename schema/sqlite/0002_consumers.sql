-- Consumers with a filter and a webhook, and what was set aside for them; rejected labels
-- can be delivered.

ALTER TABLE consumers ADD COLUMN filter TEXT;  -- JSON; NULL: takes everything
ALTER TABLE consumers ADD COLUMN webhook TEXT; -- URL; NULL: has none

-- Events that were delivered too often without an ack. They are acked for their consumer,
-- until somebody asks for them again.
CREATE TABLE dead (
    consumer     TEXT NOT NULL,
    id           INTEGER NOT NULL,             -- the event
    deliveries   INTEGER NOT NULL,             -- how often it was sent
    last_error   TEXT,
    set_aside_at INTEGER NOT NULL,             -- milliseconds since 1970
    PRIMARY KEY (consumer, id)
) STRICT, WITHOUT ROWID;

-- Those from before count as history.
ALTER TABLE rejected ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
