-- What calls of models cost.

-- Prices of models. Those that the server brings along are built in; `prices` is a JSON array of
-- `[token type, is prompt, cost of a million tokens]`, which is read as a whole and never searched.
CREATE TABLE generative_models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    provider TEXT,
    name_pattern TEXT NOT NULL,
    is_built_in INTEGER NOT NULL,
    start_time_unix_nano INTEGER,
    prices TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (is_built_in, name)
) STRICT;

-- The revision of the prices, by which processes see that they changed; which catalogue of built-in ones was written;
-- and up to which span costs are computed again, if they are.
CREATE TABLE price_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    catalogue TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    recomputed_to INTEGER
) STRICT;
INSERT INTO price_state (id, revision, catalogue, changed_at, recomputed_to) VALUES (1, 0, '', 0, NULL);

-- In US dollars. Floating: no price that anybody enters can make a sum overflow and so refuse spans.
ALTER TABLE spans ADD COLUMN cost_model_id INTEGER;
ALTER TABLE spans ADD COLUMN prompt_cost REAL;
ALTER TABLE spans ADD COLUMN completion_cost REAL;
ALTER TABLE traces ADD COLUMN prompt_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE traces ADD COLUMN completion_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE project_sessions ADD COLUMN prompt_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE project_sessions ADD COLUMN completion_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE project_stats ADD COLUMN prompt_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE project_stats ADD COLUMN completion_cost REAL NOT NULL DEFAULT 0;
