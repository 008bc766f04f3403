-- How long traces are kept: policies, which of them holds for a project, and when each was carried out last.

-- One of `max_days` and `max_count`, or both; a zero sets no bound.
CREATE TABLE retention_policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    max_days REAL,
    max_count INTEGER,
    last_run_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- Zero until somebody changes it: the default policy follows the configuration until then.
    updated_at INTEGER NOT NULL
) STRICT;
INSERT INTO retention_policies (id, name, cron_expression, max_days, last_run_at, created_at, updated_at)
VALUES (0, 'Default', '0 0 * * 0', 0, 0, 0, 0);

-- Empty where the default policy holds.
ALTER TABLE projects ADD COLUMN retention_policy_id INTEGER REFERENCES retention_policies (id) ON DELETE SET NULL;
CREATE INDEX projects_retention_policy ON projects (retention_policy_id) WHERE retention_policy_id IS NOT NULL;
