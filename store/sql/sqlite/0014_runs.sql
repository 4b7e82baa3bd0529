-- Work that goes on while nobody waits for it. A row changes until its run has ended; what the run
-- decides is kept elsewhere, in the transaction that ends it.

CREATE TABLE run (
    row_number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('bank_file', 'open_items', 'customers')),
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

CREATE UNIQUE INDEX run_by_request ON run (kind, request_id) WHERE request_id <> '';
CREATE INDEX run_unfinished ON run (row_number) WHERE state IN ('waiting', 'running');
