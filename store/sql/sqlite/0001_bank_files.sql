-- Bank files, and what became of their payments. Amounts are integer minor units of the row's
-- currency, dates ISO 8601 text (NULL: not known), text is never NULL. Columns of a row table are
-- those of its schema in `engine/schemas.py`; `row_number` keeps the order the rows came in.
-- Everything is append-only: triggers refuse UPDATE and DELETE.

CREATE TABLE bank_file (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL UNIQUE CHECK (length(file_id) = 64),
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    received_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('processed', 'held')),
    source_format TEXT NOT NULL,
    dialect TEXT NOT NULL,
    statement_count INTEGER NOT NULL,
    payment_count INTEGER NOT NULL,
    repeated_payment_count INTEGER NOT NULL,
    remittance_line_count INTEGER NOT NULL,
    application_count INTEGER NOT NULL,
    proposal_count INTEGER NOT NULL,
    exception_count INTEGER NOT NULL,
    control_check_count INTEGER NOT NULL,
    diagnostic_count INTEGER NOT NULL,
    policy_sha256 TEXT NOT NULL
) STRICT;

-- The caller's key of each submission; several keys may name one file.
CREATE TABLE submission (
    request_id TEXT PRIMARY KEY CHECK (request_id <> ''),
    file_id TEXT NOT NULL REFERENCES bank_file (file_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE counted_row (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    reason TEXT NOT NULL,
    row_count INTEGER NOT NULL
) STRICT;

CREATE TABLE currency_total (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    currency TEXT NOT NULL,
    payment_count INTEGER NOT NULL,
    amount_minor INTEGER NOT NULL,
    applied_minor INTEGER NOT NULL,
    on_account_minor INTEGER NOT NULL,
    unapplied_minor INTEGER NOT NULL,
    unidentified_minor INTEGER NOT NULL,
    suspense_minor INTEGER NOT NULL,
    non_ar_minor INTEGER NOT NULL,
    refund_minor INTEGER NOT NULL,
    returned_minor INTEGER NOT NULL
) STRICT;

-- A payment of this file that had come in an earlier one, and was left out.
CREATE TABLE repeated_payment (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    payment_id TEXT NOT NULL REFERENCES payment (payment_id)
) STRICT;

CREATE TABLE payment (
    row_number INTEGER PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    source_file TEXT NOT NULL,
    source_format TEXT NOT NULL,
    source_line INTEGER,
    source_offset INTEGER,
    source_length INTEGER,
    company_id TEXT NOT NULL,
    bank_account TEXT NOT NULL,
    booking_date TEXT,
    value_date TEXT,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    method TEXT NOT NULL,
    type_code TEXT NOT NULL,
    payer_name TEXT NOT NULL,
    payer_account TEXT NOT NULL,
    bank_reference TEXT NOT NULL,
    customer_reference TEXT NOT NULL,
    end_to_end_id TEXT NOT NULL,
    check_number TEXT NOT NULL,
    trace_number TEXT NOT NULL,
    uetr TEXT NOT NULL,
    remittance_text TEXT NOT NULL,
    original_reference TEXT NOT NULL,
    intake_codes TEXT NOT NULL
) STRICT;

CREATE TABLE remittance_line (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    payment_id TEXT NOT NULL REFERENCES payment (payment_id),
    line_number INTEGER NOT NULL,
    reference TEXT NOT NULL,
    reference_kind TEXT NOT NULL,
    amount_minor INTEGER,
    discount_minor INTEGER NOT NULL,
    deduction_minor INTEGER NOT NULL,
    deduction_reason TEXT NOT NULL,
    currency TEXT NOT NULL,
    source TEXT NOT NULL,
    remittance_id TEXT NOT NULL
) STRICT;

CREATE TABLE payment_outcome (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    payment_id TEXT NOT NULL UNIQUE REFERENCES payment (payment_id),
    company_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    payer_customer_id TEXT NOT NULL,
    identified_by TEXT NOT NULL,
    identification_confidence REAL NOT NULL,
    status TEXT NOT NULL,
    applied_minor INTEGER NOT NULL,
    on_account_minor INTEGER NOT NULL,
    unapplied_minor INTEGER NOT NULL,
    unidentified_minor INTEGER NOT NULL,
    suspense_minor INTEGER NOT NULL,
    non_ar_minor INTEGER NOT NULL,
    refund_minor INTEGER NOT NULL,
    returned_minor INTEGER NOT NULL
) STRICT;

CREATE TABLE application (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    payment_id TEXT NOT NULL REFERENCES payment (payment_id),
    open_item_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    decision TEXT NOT NULL,
    proposal_rank INTEGER NOT NULL,
    applied_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    deduction_minor INTEGER NOT NULL,
    deduction_reason TEXT NOT NULL,
    write_off_minor INTEGER NOT NULL,
    write_off_reason TEXT NOT NULL,
    strategy TEXT NOT NULL,
    confidence REAL NOT NULL,
    uniqueness TEXT NOT NULL,
    explanation TEXT NOT NULL,
    evidence TEXT NOT NULL
) STRICT;

CREATE TABLE reversal (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    payment_id TEXT NOT NULL REFERENCES payment (payment_id),
    original_payment_id TEXT NOT NULL,
    open_item_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL
) STRICT;

CREATE TABLE exception_item (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    exception_id TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    source_file TEXT NOT NULL,
    remittance_id TEXT NOT NULL,
    code TEXT NOT NULL,
    is_primary INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    message TEXT NOT NULL,
    missing_fact TEXT NOT NULL,
    suggested_action TEXT NOT NULL,
    proposal_ranks TEXT NOT NULL
) STRICT;

CREATE TABLE control_check (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    source_file TEXT NOT NULL,
    scope TEXT NOT NULL,
    kind TEXT NOT NULL,
    declared TEXT NOT NULL,
    computed TEXT NOT NULL,
    rule TEXT NOT NULL,
    ok INTEGER NOT NULL CHECK (ok IN (0, 1))
) STRICT;

CREATE TABLE diagnostic (
    row_number INTEGER PRIMARY KEY,
    file_id TEXT NOT NULL REFERENCES bank_file (file_id),
    source_file TEXT NOT NULL,
    "line" INTEGER,
    "column" INTEGER,
    "offset" INTEGER,
    severity TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    value TEXT NOT NULL,
    expected TEXT NOT NULL,
    remedy TEXT NOT NULL,
    excerpt TEXT NOT NULL
) STRICT;

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

CREATE TRIGGER bank_file_no_update BEFORE UPDATE ON bank_file
BEGIN SELECT RAISE(ABORT, 'bank_file is append-only'); END;
CREATE TRIGGER bank_file_no_delete BEFORE DELETE ON bank_file
BEGIN SELECT RAISE(ABORT, 'bank_file is append-only'); END;
CREATE TRIGGER submission_no_update BEFORE UPDATE ON submission
BEGIN SELECT RAISE(ABORT, 'submission is append-only'); END;
CREATE TRIGGER submission_no_delete BEFORE DELETE ON submission
BEGIN SELECT RAISE(ABORT, 'submission is append-only'); END;
CREATE TRIGGER counted_row_no_update BEFORE UPDATE ON counted_row
BEGIN SELECT RAISE(ABORT, 'counted_row is append-only'); END;
CREATE TRIGGER counted_row_no_delete BEFORE DELETE ON counted_row
BEGIN SELECT RAISE(ABORT, 'counted_row is append-only'); END;
CREATE TRIGGER currency_total_no_update BEFORE UPDATE ON currency_total
BEGIN SELECT RAISE(ABORT, 'currency_total is append-only'); END;
CREATE TRIGGER currency_total_no_delete BEFORE DELETE ON currency_total
BEGIN SELECT RAISE(ABORT, 'currency_total is append-only'); END;
CREATE TRIGGER repeated_payment_no_update BEFORE UPDATE ON repeated_payment
BEGIN SELECT RAISE(ABORT, 'repeated_payment is append-only'); END;
CREATE TRIGGER repeated_payment_no_delete BEFORE DELETE ON repeated_payment
BEGIN SELECT RAISE(ABORT, 'repeated_payment is append-only'); END;
CREATE TRIGGER payment_no_update BEFORE UPDATE ON payment
BEGIN SELECT RAISE(ABORT, 'payment is append-only'); END;
CREATE TRIGGER payment_no_delete BEFORE DELETE ON payment
BEGIN SELECT RAISE(ABORT, 'payment is append-only'); END;
CREATE TRIGGER remittance_line_no_update BEFORE UPDATE ON remittance_line
BEGIN SELECT RAISE(ABORT, 'remittance_line is append-only'); END;
CREATE TRIGGER remittance_line_no_delete BEFORE DELETE ON remittance_line
BEGIN SELECT RAISE(ABORT, 'remittance_line is append-only'); END;
CREATE TRIGGER payment_outcome_no_update BEFORE UPDATE ON payment_outcome
BEGIN SELECT RAISE(ABORT, 'payment_outcome is append-only'); END;
CREATE TRIGGER payment_outcome_no_delete BEFORE DELETE ON payment_outcome
BEGIN SELECT RAISE(ABORT, 'payment_outcome is append-only'); END;
CREATE TRIGGER application_no_update BEFORE UPDATE ON application
BEGIN SELECT RAISE(ABORT, 'application is append-only'); END;
CREATE TRIGGER application_no_delete BEFORE DELETE ON application
BEGIN SELECT RAISE(ABORT, 'application is append-only'); END;
CREATE TRIGGER reversal_no_update BEFORE UPDATE ON reversal
BEGIN SELECT RAISE(ABORT, 'reversal is append-only'); END;
CREATE TRIGGER reversal_no_delete BEFORE DELETE ON reversal
BEGIN SELECT RAISE(ABORT, 'reversal is append-only'); END;
CREATE TRIGGER exception_item_no_update BEFORE UPDATE ON exception_item
BEGIN SELECT RAISE(ABORT, 'exception_item is append-only'); END;
CREATE TRIGGER exception_item_no_delete BEFORE DELETE ON exception_item
BEGIN SELECT RAISE(ABORT, 'exception_item is append-only'); END;
CREATE TRIGGER control_check_no_update BEFORE UPDATE ON control_check
BEGIN SELECT RAISE(ABORT, 'control_check is append-only'); END;
CREATE TRIGGER control_check_no_delete BEFORE DELETE ON control_check
BEGIN SELECT RAISE(ABORT, 'control_check is append-only'); END;
CREATE TRIGGER diagnostic_no_update BEFORE UPDATE ON diagnostic
BEGIN SELECT RAISE(ABORT, 'diagnostic is append-only'); END;
CREATE TRIGGER diagnostic_no_delete BEFORE DELETE ON diagnostic
BEGIN SELECT RAISE(ABORT, 'diagnostic is append-only'); END;
