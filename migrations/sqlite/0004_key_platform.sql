-- The key platform: test keys, plans and limits, rotation with a grace period; and the audit log.

ALTER TABLE api_keys ADD COLUMN environment TEXT NOT NULL DEFAULT 'live';
ALTER TABLE api_keys ADD COLUMN plan TEXT;
ALTER TABLE api_keys ADD COLUMN ingest_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN api_per_minute INTEGER;
ALTER TABLE api_keys ADD COLUMN concurrent INTEGER;
ALTER TABLE api_keys ADD COLUMN previous_digest BLOB;
ALTER TABLE api_keys ADD COLUMN previous_masked TEXT;
ALTER TABLE api_keys ADD COLUMN previous_expires_at INTEGER;
CREATE UNIQUE INDEX api_keys_previous_digest ON api_keys (previous_digest) WHERE previous_digest IS NOT NULL;

-- No foreign keys: a record outlives whom and what it speaks of.
CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT,
    action TEXT NOT NULL,
    subject_type TEXT NOT NULL,
    subject_id TEXT,
    subject_name TEXT,
    details TEXT NOT NULL,
    address TEXT,
    request_id TEXT
) STRICT;
CREATE INDEX audit_records_created_at ON audit_records (created_at);
CREATE INDEX audit_records_actor ON audit_records (actor_id, id);
CREATE INDEX audit_records_subject ON audit_records (subject_id, id);
