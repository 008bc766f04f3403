-- The access log in blocks: many records in one compressed row, and which keys and users a block speaks of. A row each,
-- with its indexes, cost more than the request that it told of.

DROP TABLE access_logs;

CREATE TABLE access_log_blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    records INTEGER NOT NULL,
    -- One bit for each class of status in it.
    statuses INTEGER NOT NULL,
    -- Whether it has been merged with its neighbours.
    merged INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX access_log_blocks_last_at ON access_log_blocks (last_at, id);
CREATE INDEX access_log_blocks_unmerged ON access_log_blocks (last_at, id) WHERE merged = 0;

CREATE TABLE access_log_keys (
    key_id INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    block_id INTEGER NOT NULL REFERENCES access_log_blocks (id) ON DELETE CASCADE,
    PRIMARY KEY (key_id, last_at, block_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_log_keys_block ON access_log_keys (block_id);

CREATE TABLE access_log_users (
    user_id INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    block_id INTEGER NOT NULL REFERENCES access_log_blocks (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, last_at, block_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_log_users_block ON access_log_users (block_id);
