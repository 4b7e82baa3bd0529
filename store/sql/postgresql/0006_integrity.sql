-- Exactly once, audit, events, and encryption at rest. See docs/decisions/0017-audit-and-erasure.md.

-- What a bank knows the statements of a file by.
CREATE TABLE statement (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    statement_id TEXT COLLATE "C" NOT NULL,
    "date" TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    total_minor BIGINT NOT NULL
);
CREATE INDEX statement_by_file ON statement (file_id);
CREATE INDEX statement_by_identity ON statement (account, statement_id);

-- Content of a file without line ends and padding, as a hash: the same in another wrapping.
CREATE TABLE content_identity (
    text_sha256 TEXT COLLATE "C" PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL
);

-- The first answer to every request id, in place of the file it named. Rows go away after their retention period.
DROP TABLE submission;
CREATE TABLE request (
    request_id TEXT COLLATE "C" PRIMARY KEY CHECK (request_id <> ''),
    method TEXT COLLATE "C" NOT NULL,
    content_sha256 TEXT COLLATE "C" NOT NULL,
    answer BYTEA NOT NULL,
    answered_at_ms BIGINT NOT NULL
);
CREATE INDEX request_by_time ON request (answered_at_ms);

-- The outbox. `written_by` is there for PostgreSQL, whose transactions may overlap.
CREATE TABLE event (
    event_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    written_by XID8 NOT NULL DEFAULT pg_current_xact_id(),
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    occurred_at_ms BIGINT NOT NULL,
    payload TEXT COLLATE "C" NOT NULL
);
CREATE INDEX event_in_order ON event (written_by, event_number);

CREATE TABLE audit_leaf (
    leaf_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    digests BYTEA NOT NULL
);
CREATE INDEX audit_leaf_by_subject ON audit_leaf (subject);

CREATE TABLE audit_block (
    block_number BIGINT PRIMARY KEY,
    last_leaf BIGINT NOT NULL,
    block_hash TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL
);

-- Data keys, wrapped by a master key of the key file; NULL once they are destroyed.
CREATE TABLE data_key (
    key_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('customer', 'file', 'payment')),
    subject TEXT COLLATE "C" NOT NULL,
    period TEXT COLLATE "C" NOT NULL,
    master_key TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA,
    created_at_ms BIGINT NOT NULL,
    destroyed_at_ms BIGINT,
    CHECK ((wrapped IS NULL) = (destroyed_at_ms IS NOT NULL))
);
CREATE UNIQUE INDEX data_key_in_force ON data_key (scope, period, subject)
WHERE wrapped IS NOT NULL;

-- Keys of single payments that turned out to be a customer's.
CREATE TABLE data_key_customer (
    subject TEXT COLLATE "C" NOT NULL,
    key_number BIGINT NOT NULL,
    PRIMARY KEY (subject, key_number)
);

-- Our bank accounts as they were when files were read, Arrow IPC: a file is read again by the same.
CREATE TABLE reading_context (
    context_sha256 TEXT COLLATE "C" PRIMARY KEY,
    content BYTEA NOT NULL
);

-- Bytes of bank files, in parts by key. Rows go away after their retention period.
CREATE TABLE file_content (
    file_id TEXT COLLATE "C" NOT NULL,
    part_number BIGINT NOT NULL,
    key_number BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    stored BYTEA NOT NULL,
    kept_at_ms BIGINT NOT NULL,
    context_sha256 TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (file_id, part_number)
);
CREATE INDEX file_content_by_time ON file_content (kept_at_ms);

-- The last proof of each file: its money, derived again from its bytes, against its rows.
CREATE TABLE clearing_proof (
    file_id TEXT COLLATE "C" PRIMARY KEY,
    proven_at_ms BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('proven', 'partly', 'unreadable', 'violated')),
    message TEXT COLLATE "C" NOT NULL
);
CREATE INDEX clearing_proof_by_time ON clearing_proof (proven_at_ms);

-- Whether a tenant may post: the last row says.
CREATE TABLE posting_halt (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_halted BIGINT NOT NULL CHECK (is_halted IN (0, 1)),
    reason TEXT COLLATE "C" NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

-- Rows that go away after their retention period, and are never changed before.
CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER request_no_update BEFORE UPDATE ON request
FOR EACH ROW EXECUTE FUNCTION refuse_update();
CREATE TRIGGER event_no_update BEFORE UPDATE ON event
FOR EACH ROW EXECUTE FUNCTION refuse_update();

CREATE FUNCTION keep_data_key_destroyed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'data_key is kept, also when it is destroyed';
    ELSIF OLD.wrapped IS NULL THEN
        RAISE EXCEPTION 'a destroyed data_key stays destroyed';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER data_key_stays_destroyed BEFORE UPDATE OR DELETE ON data_key
FOR EACH ROW EXECUTE FUNCTION keep_data_key_destroyed();

CALL make_append_only('statement');
CALL make_append_only('content_identity');
CALL make_append_only('audit_leaf');
CALL make_append_only('audit_block');
CALL make_append_only('posting_halt');
