-- What the server knows of itself over time.

-- Whether the administrators have been told that space runs out: one mail a crossing, whichever process sees it.
CREATE TABLE storage_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    warned_at INTEGER
) STRICT;
INSERT INTO storage_state (id, warned_at) VALUES (1, NULL);
