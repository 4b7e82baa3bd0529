-- Exactly once, audit, events, and encryption at rest. See docs/decisions/0017-audit-and-erasure.md.

-- What a bank knows the statements of a file by.
CREATE TABLE statement (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    account TEXT NOT NULL,
    statement_id TEXT NOT NULL,
    "date" TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL
) STRICT;
CREATE INDEX statement_by_file ON statement (file_id);
CREATE INDEX statement_by_identity ON statement (account, statement_id);

-- Content of a file without line ends and padding, as a hash: the same in another wrapping.
CREATE TABLE content_identity (
    text_sha256 TEXT PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id)
) STRICT, WITHOUT ROWID;

-- The first answer to every request id, in place of the file it named. Rows go away after their retention period.
DROP TABLE submission;
CREATE TABLE request (
    request_id TEXT PRIMARY KEY CHECK (request_id <> ''),
    method TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    answer BLOB NOT NULL,
    answered_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX request_by_time ON request (answered_at_ms);

-- The outbox. `written_by` is there for PostgreSQL, whose transactions may overlap.
CREATE TABLE event (
    event_number INTEGER PRIMARY KEY AUTOINCREMENT,
    written_by INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;
CREATE INDEX event_in_order ON event (written_by, event_number);

CREATE TABLE audit_leaf (
    leaf_number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    digests BLOB NOT NULL
) STRICT;
CREATE INDEX audit_leaf_by_subject ON audit_leaf (subject);

CREATE TABLE audit_block (
    block_number INTEGER PRIMARY KEY,
    last_leaf INTEGER NOT NULL,
    block_hash TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Data keys, wrapped by a master key of the key file; NULL once they are destroyed.
CREATE TABLE data_key (
    key_number INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL CHECK (scope IN ('customer', 'file', 'payment')),
    subject TEXT NOT NULL,
    period TEXT NOT NULL,
    master_key TEXT NOT NULL,
    wrapped BLOB,
    created_at_ms INTEGER NOT NULL,
    destroyed_at_ms INTEGER,
    CHECK ((wrapped IS NULL) = (destroyed_at_ms IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX data_key_in_force ON data_key (scope, period, subject)
WHERE wrapped IS NOT NULL;

-- Keys of single payments that turned out to be a customer's.
CREATE TABLE data_key_customer (
    subject TEXT NOT NULL,
    key_number INTEGER NOT NULL REFERENCES data_key (key_number),
    PRIMARY KEY (subject, key_number)
) STRICT, WITHOUT ROWID;

-- Our bank accounts as they were when files were read, Arrow IPC: a file is read again by the same.
CREATE TABLE reading_context (
    context_sha256 TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Bytes of bank files, in parts by key. Rows go away after their retention period.
CREATE TABLE file_content (
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    part_number INTEGER NOT NULL,
    key_number INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    stored BLOB NOT NULL,
    kept_at_ms INTEGER NOT NULL,
    context_sha256 TEXT NOT NULL,
    PRIMARY KEY (file_id, part_number)
) STRICT;
CREATE INDEX file_content_by_time ON file_content (kept_at_ms);

-- The last proof of each file: its money, derived again from its bytes, against its rows.
CREATE TABLE clearing_proof (
    file_id TEXT PRIMARY KEY REFERENCES bank_file (file_id),
    proven_at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('proven', 'partly', 'unreadable', 'violated')),
    message TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX clearing_proof_by_time ON clearing_proof (proven_at_ms);

-- Whether a tenant may post: the last row says.
CREATE TABLE posting_halt (
    row_number INTEGER PRIMARY KEY,
    is_halted INTEGER NOT NULL CHECK (is_halted IN (0, 1)),
    reason TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER statement_no_update BEFORE UPDATE ON statement
BEGIN SELECT RAISE(ABORT, 'statement is append-only'); END;
CREATE TRIGGER statement_no_delete BEFORE DELETE ON statement
BEGIN SELECT RAISE(ABORT, 'statement is append-only'); END;
CREATE TRIGGER content_identity_no_update BEFORE UPDATE ON content_identity
BEGIN SELECT RAISE(ABORT, 'content_identity is append-only'); END;
CREATE TRIGGER content_identity_no_delete BEFORE DELETE ON content_identity
BEGIN SELECT RAISE(ABORT, 'content_identity is append-only'); END;
CREATE TRIGGER request_no_update BEFORE UPDATE ON request
BEGIN SELECT RAISE(ABORT, 'request is append-only'); END;
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'event is append-only'); END;
CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'audit_leaf is append-only'); END;
CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'audit_leaf is append-only'); END;
CREATE TRIGGER audit_block_no_update BEFORE UPDATE ON audit_block
BEGIN SELECT RAISE(ABORT, 'audit_block is append-only'); END;
CREATE TRIGGER audit_block_no_delete BEFORE DELETE ON audit_block
BEGIN SELECT RAISE(ABORT, 'audit_block is append-only'); END;
CREATE TRIGGER data_key_stays_destroyed BEFORE UPDATE ON data_key WHEN OLD.wrapped IS NULL
BEGIN SELECT RAISE(ABORT, 'a destroyed data_key stays destroyed'); END;
CREATE TRIGGER data_key_no_delete BEFORE DELETE ON data_key
BEGIN SELECT RAISE(ABORT, 'data_key is kept, also when it is destroyed'); END;
CREATE TRIGGER posting_halt_no_update BEFORE UPDATE ON posting_halt
BEGIN SELECT RAISE(ABORT, 'posting_halt is append-only'); END;
CREATE TRIGGER posting_halt_no_delete BEFORE DELETE ON posting_halt
BEGIN SELECT RAISE(ABORT, 'posting_halt is append-only'); END;
