-- What is remembered of requests: one record each, sums for each key and hour, and what each caller has spent of its
-- limits. Rows name users and keys by number alone, with no foreign key: the log outlives whom it speaks of, and adding
-- to it asks nothing of other tables.

CREATE TABLE access_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    principal TEXT NOT NULL,
    user_id INTEGER,
    key_id INTEGER,
    key_name TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    route TEXT,
    status INTEGER NOT NULL,
    latency_us INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT,
    project_name TEXT,
    request_id TEXT NOT NULL,
    error TEXT
) STRICT;
CREATE INDEX access_logs_at ON access_logs (at, id);
CREATE INDEX access_logs_key ON access_logs (key_id, at, id) WHERE key_id IS NOT NULL;
CREATE INDEX access_logs_user ON access_logs (user_id, at, id) WHERE user_id IS NOT NULL;

CREATE TABLE api_key_usage (
    key_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    route TEXT NOT NULL,
    status_class INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    latency_us INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour, route, status_class)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_usage_hour ON api_key_usage (hour);

CREATE TABLE api_key_countries (
    key_id INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    country TEXT NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, hour, country)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_key_countries_hour ON api_key_countries (hour);

CREATE TABLE api_key_last_used (
    key_id INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT,
    country TEXT
) STRICT, WITHOUT ROWID;

-- Used on Postgres alone, where several processes share one limit; here for both to have the same tables.
CREATE TABLE rate_leases (
    subject TEXT NOT NULL,
    class TEXT NOT NULL,
    paid_at INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    wanted INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    burst INTEGER NOT NULL,
    now_at INTEGER NOT NULL,
    PRIMARY KEY (subject, class)
) STRICT, WITHOUT ROWID;
