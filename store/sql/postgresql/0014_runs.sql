-- Work that goes on while nobody waits for it. A row changes until its run has ended; what the run
-- decides is kept elsewhere, in the transaction that ends it.

CREATE TABLE run (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('bank_file', 'open_items', 'customers')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    file_name TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL,
    content_sha256 TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    started_by TEXT COLLATE "C" NOT NULL,
    work BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    started_at_ms BIGINT NOT NULL DEFAULT 0,
    ended_at_ms BIGINT NOT NULL DEFAULT 0,
    result BYTEA,
    error TEXT COLLATE "C" NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX run_by_request ON run (kind, request_id) WHERE request_id <> '';
CREATE INDEX run_unfinished ON run (row_number) WHERE state IN ('waiting', 'running');
