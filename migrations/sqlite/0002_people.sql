-- People: the state of accounts, sessions with their devices, failed logins, and what changes tell other processes.

ALTER TABLE users ADD COLUMN is_active INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN last_login_at INTEGER;
ALTER TABLE users ADD COLUMN oauth2_client_id TEXT;
ALTER TABLE users ADD COLUMN oauth2_user_id TEXT;
ALTER TABLE users ADD COLUMN profile_picture_url TEXT;
CREATE UNIQUE INDEX users_oauth2 ON users (oauth2_client_id, oauth2_user_id);

ALTER TABLE sessions ADD COLUMN spent_refresh_jti TEXT;
ALTER TABLE sessions ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
UPDATE sessions SET last_used_at = created_at;

CREATE TABLE login_failures (
    account BLOB NOT NULL,
    address TEXT NOT NULL,
    failures INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX login_failures_last_at ON login_failures (last_at);

CREATE TABLE auth_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
