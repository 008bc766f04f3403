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
