-- Reset of a forgotten password by mail: at most one token a user, known by its digest, and when the last three mails
-- were asked for. Stands on `users` alone, so that it may be applied before or after any other migration.

CREATE TABLE password_reset_tokens (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    digest BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    previous_at BIGINT,
    oldest_at BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX password_reset_tokens_expires_at ON password_reset_tokens (expires_at);
