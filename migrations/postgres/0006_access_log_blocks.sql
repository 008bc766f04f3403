-- The access log in blocks: many records in one compressed row, and which keys and users a block speaks of. A row each,
-- with its indexes, cost more than the request that it told of.

DROP TABLE access_logs;

CREATE TABLE access_log_blocks (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    records BIGINT NOT NULL,
    -- One bit for each class of status in it.
    statuses BIGINT NOT NULL,
    -- Whether it has been merged with its neighbours.
    merged BIGINT NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX access_log_blocks_last_at ON access_log_blocks (last_at, id);
CREATE INDEX access_log_blocks_unmerged ON access_log_blocks (last_at, id) WHERE merged = 0;

CREATE TABLE access_log_keys (
    key_id BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    block_id BIGINT NOT NULL REFERENCES access_log_blocks (id) ON DELETE CASCADE,
    PRIMARY KEY (key_id, last_at, block_id)
);
CREATE INDEX access_log_keys_block ON access_log_keys (block_id);

CREATE TABLE access_log_users (
    user_id BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    block_id BIGINT NOT NULL REFERENCES access_log_blocks (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, last_at, block_id)
);
CREATE INDEX access_log_users_block ON access_log_users (block_id);
