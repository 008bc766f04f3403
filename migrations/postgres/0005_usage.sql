-- What is remembered of requests: one record each, sums for each key and hour, and what each caller has spent of its
-- limits. Rows name users and keys by number alone, with no foreign key: the log outlives whom it speaks of, and adding
-- to it asks nothing of other tables.

CREATE TABLE access_logs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    principal TEXT NOT NULL,
    user_id BIGINT,
    key_id BIGINT,
    key_name TEXT,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    route TEXT,
    status BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT,
    project_name TEXT,
    request_id TEXT NOT NULL,
    error TEXT
);
CREATE INDEX access_logs_at ON access_logs (at, id);
CREATE INDEX access_logs_key ON access_logs (key_id, at, id) WHERE key_id IS NOT NULL;
CREATE INDEX access_logs_user ON access_logs (user_id, at, id) WHERE user_id IS NOT NULL;

CREATE TABLE api_key_usage (
    key_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    route TEXT NOT NULL,
    status_class BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    latency_us BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    spans BIGINT NOT NULL,
    PRIMARY KEY (key_id, hour, route, status_class)
);
CREATE INDEX api_key_usage_hour ON api_key_usage (hour);

CREATE TABLE api_key_countries (
    key_id BIGINT NOT NULL,
    hour BIGINT NOT NULL,
    country TEXT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (key_id, hour, country)
);
CREATE INDEX api_key_countries_hour ON api_key_countries (hour);

CREATE TABLE api_key_last_used (
    key_id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT,
    country TEXT
);

-- Unlogged: it changes many times a minute, and losing it in a crash costs no more than one burst.
CREATE UNLOGGED TABLE rate_leases (
    subject TEXT NOT NULL,
    class TEXT NOT NULL,
    paid_at BIGINT NOT NULL,
    granted BIGINT NOT NULL,
    wanted BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    burst BIGINT NOT NULL,
    now_at BIGINT NOT NULL,
    PRIMARY KEY (subject, class)
);
