-- Bank files, and what became of their payments. Amounts are integer minor units of the row's
-- currency, dates NULL where not known, text is never NULL. Columns of a row table are those of its
-- schema in `engine/schemas.py`; `row_number` keeps the order the rows came in. Everything is
-- append-only: UPDATE and DELETE are taken from the owner, and triggers refuse
-- them to those whom grants do not bind. Rows are bound to their file by who writes them, in one
-- transaction; a foreign key would ask for each row of a million apart. Text sorts by its bytes, as in
-- SQLite, whatever the collation of the database.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

-- Make a table append-only, for this user and for any other.
CREATE PROCEDURE make_append_only(table_name TEXT) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()',
        table_name || '_append_only', table_name);
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
        table_name || '_no_truncate', table_name);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC, CURRENT_USER', table_name);
END
$$;

CREATE TABLE bank_file (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(file_id) = 64),
    file_name TEXT COLLATE "C" NOT NULL,
    size_bytes BIGINT NOT NULL CHECK (size_bytes >= 0),
    received_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('processed', 'held')),
    source_format TEXT COLLATE "C" NOT NULL,
    dialect TEXT COLLATE "C" NOT NULL,
    statement_count BIGINT NOT NULL,
    payment_count BIGINT NOT NULL,
    repeated_payment_count BIGINT NOT NULL,
    remittance_line_count BIGINT NOT NULL,
    application_count BIGINT NOT NULL,
    proposal_count BIGINT NOT NULL,
    exception_count BIGINT NOT NULL,
    control_check_count BIGINT NOT NULL,
    diagnostic_count BIGINT NOT NULL,
    policy_sha256 TEXT COLLATE "C" NOT NULL
);

-- The caller's key of each submission; several keys may name one file.
CREATE TABLE submission (
    request_id TEXT COLLATE "C" PRIMARY KEY CHECK (request_id <> ''),
    file_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE counted_row (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    row_count BIGINT NOT NULL
);

CREATE TABLE currency_total (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    payment_count BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    applied_minor BIGINT NOT NULL,
    on_account_minor BIGINT NOT NULL,
    unapplied_minor BIGINT NOT NULL,
    unidentified_minor BIGINT NOT NULL,
    suspense_minor BIGINT NOT NULL,
    non_ar_minor BIGINT NOT NULL,
    refund_minor BIGINT NOT NULL,
    returned_minor BIGINT NOT NULL
);

-- A payment of this file that had come in an earlier one, and was left out.
CREATE TABLE repeated_payment (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE payment (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id TEXT COLLATE "C" NOT NULL UNIQUE,
    file_id TEXT COLLATE "C" NOT NULL,
    source_file TEXT COLLATE "C" NOT NULL,
    source_format TEXT COLLATE "C" NOT NULL,
    source_line BIGINT,
    source_offset BIGINT,
    source_length BIGINT,
    company_id TEXT COLLATE "C" NOT NULL,
    bank_account TEXT COLLATE "C" NOT NULL,
    booking_date DATE,
    value_date DATE,
    amount_minor BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    type_code TEXT COLLATE "C" NOT NULL,
    payer_name TEXT COLLATE "C" NOT NULL,
    payer_account TEXT COLLATE "C" NOT NULL,
    bank_reference TEXT COLLATE "C" NOT NULL,
    customer_reference TEXT COLLATE "C" NOT NULL,
    end_to_end_id TEXT COLLATE "C" NOT NULL,
    check_number TEXT COLLATE "C" NOT NULL,
    trace_number TEXT COLLATE "C" NOT NULL,
    uetr TEXT COLLATE "C" NOT NULL,
    remittance_text TEXT COLLATE "C" NOT NULL,
    original_reference TEXT COLLATE "C" NOT NULL,
    intake_codes TEXT COLLATE "C" NOT NULL
);

CREATE TABLE remittance_line (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    line_number BIGINT NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    reference_kind TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT,
    discount_minor BIGINT NOT NULL,
    deduction_minor BIGINT NOT NULL,
    deduction_reason TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    remittance_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE payment_outcome (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL UNIQUE,
    company_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    payer_customer_id TEXT COLLATE "C" NOT NULL,
    identified_by TEXT COLLATE "C" NOT NULL,
    identification_confidence DOUBLE PRECISION NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    applied_minor BIGINT NOT NULL,
    on_account_minor BIGINT NOT NULL,
    unapplied_minor BIGINT NOT NULL,
    unidentified_minor BIGINT NOT NULL,
    suspense_minor BIGINT NOT NULL,
    non_ar_minor BIGINT NOT NULL,
    refund_minor BIGINT NOT NULL,
    returned_minor BIGINT NOT NULL
);

CREATE TABLE application (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    open_item_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    decision TEXT COLLATE "C" NOT NULL,
    proposal_rank BIGINT NOT NULL,
    applied_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    deduction_minor BIGINT NOT NULL,
    deduction_reason TEXT COLLATE "C" NOT NULL,
    write_off_minor BIGINT NOT NULL,
    write_off_reason TEXT COLLATE "C" NOT NULL,
    strategy TEXT COLLATE "C" NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    uniqueness TEXT COLLATE "C" NOT NULL,
    explanation TEXT COLLATE "C" NOT NULL,
    evidence TEXT COLLATE "C" NOT NULL
);

CREATE TABLE reversal (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    original_payment_id TEXT COLLATE "C" NOT NULL,
    open_item_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL
);

CREATE TABLE exception_item (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    exception_id TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    source_file TEXT COLLATE "C" NOT NULL,
    remittance_id TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    is_primary BOOLEAN NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    missing_fact TEXT COLLATE "C" NOT NULL,
    suggested_action TEXT COLLATE "C" NOT NULL,
    proposal_ranks TEXT COLLATE "C" NOT NULL
);

CREATE TABLE control_check (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    source_file TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    declared TEXT COLLATE "C" NOT NULL,
    computed TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    ok BOOLEAN NOT NULL
);

CREATE TABLE diagnostic (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id TEXT COLLATE "C" NOT NULL,
    source_file TEXT COLLATE "C" NOT NULL,
    "line" BIGINT,
    "column" BIGINT,
    "offset" BIGINT,
    severity TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    expected TEXT COLLATE "C" NOT NULL,
    remedy TEXT COLLATE "C" NOT NULL,
    excerpt TEXT COLLATE "C" NOT NULL
);

CREATE INDEX counted_row_by_file ON counted_row (file_id);
CREATE INDEX currency_total_by_file ON currency_total (file_id);
CREATE INDEX repeated_payment_by_file ON repeated_payment (file_id);
CREATE INDEX payment_by_file ON payment (file_id);
CREATE INDEX remittance_line_by_file ON remittance_line (file_id);
CREATE INDEX payment_outcome_by_file ON payment_outcome (file_id);
CREATE INDEX application_by_file ON application (file_id);
CREATE INDEX reversal_by_file ON reversal (file_id);
CREATE INDEX exception_item_by_file ON exception_item (file_id);
CREATE INDEX control_check_by_file ON control_check (file_id);
CREATE INDEX diagnostic_by_file ON diagnostic (file_id);
CREATE INDEX application_by_payment ON application (payment_id);
CREATE INDEX payment_outcome_by_customer ON payment_outcome (customer_id);
CREATE INDEX exception_item_by_code ON exception_item (code);
CREATE INDEX exception_item_by_payment ON exception_item (payment_id);

CALL make_append_only('bank_file');
CALL make_append_only('submission');
CALL make_append_only('counted_row');
CALL make_append_only('currency_total');
CALL make_append_only('repeated_payment');
CALL make_append_only('payment');
CALL make_append_only('remittance_line');
CALL make_append_only('payment_outcome');
CALL make_append_only('application');
CALL make_append_only('reversal');
CALL make_append_only('exception_item');
CALL make_append_only('control_check');
CALL make_append_only('diagnostic');
