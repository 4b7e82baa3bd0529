-- A result made elsewhere may be posted while nobody waits for it.

CREATE TABLE run_of_any_kind (
    row_number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('bank_file', 'open_items', 'customers', 'results')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    content_sha256 TEXT NOT NULL,
    request_id TEXT NOT NULL,
    started_by TEXT NOT NULL,
    work BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL DEFAULT 0,
    ended_at_ms INTEGER NOT NULL DEFAULT 0,
    result BLOB,
    error TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO run_of_any_kind (row_number, run_id, kind, state, file_name, size_bytes, content_sha256,
    request_id, started_by, work, created_at_ms, started_at_ms, ended_at_ms, result, error)
SELECT row_number, run_id, kind, state, file_name, size_bytes, content_sha256, request_id, started_by,
    work, created_at_ms, started_at_ms, ended_at_ms, result, error FROM run ORDER BY row_number;

DROP TABLE run;
ALTER TABLE run_of_any_kind RENAME TO run;
CREATE UNIQUE INDEX run_by_request ON run (kind, request_id) WHERE request_id <> '';
CREATE INDEX run_unfinished ON run (row_number) WHERE state IN ('waiting', 'running');
