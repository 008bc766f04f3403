-- What people and evaluators say of spans, traces, sessions and retrieved documents.

-- One table for all four, so that one SQL text reads, filters and deletes them; `target` says which: 1 a span, 2 a
-- trace, 3 a session, 4 a document that the span `target_id` retrieved at `document_position` (0 for the others).
-- Like the observed tables, it refers to them without a foreign key: who deletes a span deletes what was said of it.
CREATE TABLE annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target INTEGER NOT NULL CHECK (target BETWEEN 1 AND 4),
    project_id INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    document_position INTEGER NOT NULL,
    name TEXT NOT NULL,
    identifier TEXT NOT NULL,
    annotator_kind TEXT NOT NULL CHECK (annotator_kind IN ('LLM', 'CODE', 'HUMAN')),
    source TEXT NOT NULL CHECK (source IN ('API', 'APP')),
    label TEXT,
    score REAL,
    explanation TEXT,
    metadata TEXT NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (target, target_id, name, identifier, document_position)
) STRICT;
CREATE INDEX annotations_project ON annotations (project_id, target, name, id);
CREATE INDEX annotations_user_id ON annotations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX annotations_identifier ON annotations (project_id, target, identifier, id) WHERE identifier <> '';

-- What was said of something that had not arrived yet, until it does or the row is a day old. `target_key` is the id that
-- the sender used; `projects` the row ids that the sender was bound to, in JSON, or null. Not unique: two senders who
-- may not see each other's projects may wait for the same id.
CREATE TABLE pending_annotations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    look_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    projects TEXT,
    target INTEGER NOT NULL CHECK (target BETWEEN 1 AND 4),
    target_key TEXT NOT NULL,
    document_position INTEGER NOT NULL,
    name TEXT NOT NULL,
    identifier TEXT NOT NULL,
    annotator_kind TEXT NOT NULL,
    source TEXT NOT NULL,
    label TEXT,
    score REAL,
    explanation TEXT,
    metadata TEXT NOT NULL,
    user_id INTEGER REFERENCES users (id) ON DELETE SET NULL
) STRICT;
CREATE INDEX pending_annotations_look_at ON pending_annotations (look_at);
CREATE INDEX pending_annotations_user_id ON pending_annotations (user_id) WHERE user_id IS NOT NULL;

-- How people annotate: the whole deployment's, each used by some projects. `content` holds what the type asks for.
CREATE TABLE annotation_configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('CATEGORICAL', 'CONTINUOUS', 'FREEFORM')),
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE annotation_config_projects (
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    annotation_config_id INTEGER NOT NULL REFERENCES annotation_configs (id) ON DELETE CASCADE,
    PRIMARY KEY (project_id, annotation_config_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotation_config_projects_config ON annotation_config_projects (annotation_config_id);
