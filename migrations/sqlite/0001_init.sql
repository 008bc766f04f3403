-- Foundation: who may call, and what is observed. See src/store/mod.rs for the choice of keys.

CREATE TABLE deployment (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uuid TEXT NOT NULL,
    digest_key BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE id_sequences (
    name TEXT NOT NULL PRIMARY KEY,
    next_id INTEGER NOT NULL
) STRICT;
INSERT INTO id_sequences (name, next_id) VALUES ('spans', 1);

CREATE TABLE user_roles (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO user_roles (id, name) VALUES (1, 'SYSTEM'), (2, 'ADMIN'), (3, 'MEMBER'), (4, 'VIEWER');

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_role_id INTEGER NOT NULL REFERENCES user_roles (id),
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    auth_method TEXT NOT NULL CHECK (auth_method IN ('LOCAL', 'OAUTH2', 'LDAP')),
    password_hash TEXT,
    password_needs_reset INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    access_jti TEXT NOT NULL,
    refresh_jti TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user_id ON sessions (user_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX projects_name ON projects (name) WHERE deleted_at IS NULL;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'system')),
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_by INTEGER REFERENCES users (id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    description TEXT,
    masked TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    scopes TEXT,
    bound_to_projects INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_user_id ON api_keys (user_id);

CREATE TABLE api_key_projects (
    api_key_id INTEGER NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    PRIMARY KEY (api_key_id, project_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE project_stats (
    project_id INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    start_time_unix_nano INTEGER NOT NULL,
    end_time_unix_nano INTEGER NOT NULL,
    trace_count INTEGER NOT NULL,
    span_count INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (project_id, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE project_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    start_time_unix_nano INTEGER NOT NULL,
    end_time_unix_nano INTEGER NOT NULL,
    span_count INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    UNIQUE (project_id, session_id)
) STRICT;
CREATE INDEX project_sessions_start ON project_sessions (project_id, start_time_unix_nano, id);

CREATE TABLE traces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    project_session_id INTEGER,
    root_span_id BLOB,
    start_time_unix_nano INTEGER NOT NULL,
    end_time_unix_nano INTEGER NOT NULL,
    span_count INTEGER NOT NULL,
    error_count INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    UNIQUE (project_id, trace_id)
) STRICT;
CREATE INDEX traces_start ON traces (project_id, start_time_unix_nano, id);
CREATE INDEX traces_session ON traces (project_session_id) WHERE project_session_id IS NOT NULL;
CREATE INDEX traces_trace_id ON traces (trace_id);

CREATE TABLE span_origins (
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    project_id INTEGER NOT NULL,
    start_time_unix_nano INTEGER NOT NULL,
    end_time_unix_nano INTEGER NOT NULL,
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    parent_span_id BLOB,
    name TEXT NOT NULL,
    otel_kind INTEGER NOT NULL,
    span_kind TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    status_message TEXT NOT NULL,
    session_id TEXT,
    model_name TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    origin_id INTEGER NOT NULL,
    remainder BLOB,
    flat_attributes INTEGER NOT NULL,
    attributes TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX spans_identity ON spans (project_id, start_time_unix_nano, trace_id, span_id);
CREATE INDEX spans_arrival ON spans (project_id, id);
CREATE INDEX spans_trace_id ON spans (trace_id);
CREATE INDEX spans_span_id ON spans (span_id);
