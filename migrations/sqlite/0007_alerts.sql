-- Alerts about keys, where they are told of, and what was told: the outbox of webhooks and mails.

-- No foreign key to the key: an alert outlives what it speaks of, and tells its name of then.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id INTEGER NOT NULL,
    key_name TEXT NOT NULL,
    key_masked TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- The country of an unexpected geography; else empty.
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    details TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    resolved_at INTEGER,
    resolution TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (key_id, kind, subject) WHERE resolved_at IS NULL;
CREATE INDEX alerts_key ON alerts (key_id, kind, subject);
CREATE INDEX alerts_resolved_at ON alerts (resolved_at) WHERE resolved_at IS NOT NULL;

CREATE TABLE alert_destinations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    events TEXT,
    kinds TEXT,
    enabled INTEGER NOT NULL,
    -- What the signing secret is derived from, with PHOENIX_SECRET; worth nothing alone.
    salt BLOB NOT NULL,
    previous_salt BLOB,
    previous_until INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE alert_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination_id INTEGER NOT NULL REFERENCES alert_destinations (id) ON DELETE CASCADE,
    alert_id INTEGER,
    message_id TEXT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- When it is tried next; while it is under way, when another process may take it. Empty when it is over.
    next_attempt_at INTEGER,
    attempted_at INTEGER,
    delivered_at INTEGER,
    status_code INTEGER,
    error TEXT
) STRICT;
CREATE INDEX alert_deliveries_due ON alert_deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX alert_deliveries_destination ON alert_deliveries (destination_id, id);

-- Which countries a key has been used from, and since when.
CREATE INDEX api_key_countries_country ON api_key_countries (key_id, country, hour);
