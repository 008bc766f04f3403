-- Reset of a forgotten password by mail: at most one token a user, known by its digest, and when the last three mails
-- were asked for. Stands on `users` alone, so that it may be applied before or after any other migration.

CREATE TABLE password_reset_tokens (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    previous_at INTEGER,
    oldest_at INTEGER,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_reset_tokens_expires_at ON password_reset_tokens (expires_at);
