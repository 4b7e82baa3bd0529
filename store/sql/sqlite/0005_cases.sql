-- What people do to exceptions. A case is the work about one payment, or about one exception that
-- concerns no payment. Its row changes with every act and carries `version`; what was said (acts) and
-- what was decided (lines) is append-only. Amounts are integer minor units of the case's currency,
-- times milliseconds since 1970 UTC, 0: never.

-- `content` is the whole case as JSON; empty until the first act. The columns beside it are what
-- queues are filtered by.
CREATE TABLE exception_case (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    company_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    undecided_minor INTEGER NOT NULL,
    code TEXT NOT NULL,
    raised_at_ms INTEGER NOT NULL,
    due_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'new',
    version INTEGER NOT NULL DEFAULT 0,
    assignee TEXT NOT NULL DEFAULT '',
    lease_holder TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    parked_until_ms INTEGER NOT NULL DEFAULT 0,
    awaited_event TEXT NOT NULL DEFAULT '',
    content TEXT NOT NULL DEFAULT ''
) STRICT;

-- An act as it was said, and what of the case it replaced. `batch_id` ties those of one batch.
CREATE TABLE case_act (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    act_number INTEGER NOT NULL,
    actor TEXT NOT NULL,
    performed_at_ms INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    act TEXT NOT NULL,
    events TEXT NOT NULL,
    assignee_before TEXT NOT NULL,
    backup_before TEXT NOT NULL,
    due_at_ms_before INTEGER NOT NULL,
    customer_before TEXT NOT NULL,
    UNIQUE (case_id, act_number)
) STRICT;

-- What a person decided, line by line; a line with `reverses` takes another back to the cent.
CREATE TABLE case_line (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    line_number INTEGER NOT NULL,
    act_number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    company_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    open_item_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    cash_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    deduction_minor INTEGER NOT NULL,
    deduction_reason TEXT NOT NULL,
    write_off_minor INTEGER NOT NULL,
    write_off_reason TEXT NOT NULL,
    link TEXT NOT NULL,
    reverses INTEGER NOT NULL,
    prepared_by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    UNIQUE (case_id, line_number)
) STRICT;

CREATE UNIQUE INDEX case_line_reversed_once ON case_line (case_id, reverses) WHERE reverses > 0;
CREATE INDEX case_line_by_item ON case_line (company_id, open_item_id);
CREATE INDEX case_act_by_actor ON case_act (actor, performed_at_ms);
CREATE INDEX exception_case_by_state ON exception_case (state, row_number);
CREATE INDEX exception_case_by_payment ON exception_case (payment_id);
CREATE INDEX exception_case_by_file ON exception_case (file_id);
CREATE INDEX exception_case_by_customer ON exception_case (customer_id);
CREATE INDEX exception_case_by_assignee ON exception_case (assignee, row_number);

CREATE TRIGGER case_act_no_update BEFORE UPDATE ON case_act
BEGIN SELECT RAISE(ABORT, 'case_act is append-only'); END;
CREATE TRIGGER case_act_no_delete BEFORE DELETE ON case_act
BEGIN SELECT RAISE(ABORT, 'case_act is append-only'); END;
CREATE TRIGGER case_line_no_update BEFORE UPDATE ON case_line
BEGIN SELECT RAISE(ABORT, 'case_line is append-only'); END;
CREATE TRIGGER case_line_no_delete BEFORE DELETE ON case_line
BEGIN SELECT RAISE(ABORT, 'case_line is append-only'); END;

-- Cases of the exceptions that are there already.
INSERT INTO exception_case (case_id, payment_id, file_id, company_id, customer_id, currency,
    amount_minor, undecided_minor, code, raised_at_ms, due_at_ms)
SELECT CASE WHEN e.payment_id <> '' THEN e.payment_id ELSE e.exception_id END, e.payment_id,
    e.file_id, coalesce(o.company_id, ''), coalesce(o.customer_id, ''), coalesce(p.currency, e.currency),
    coalesce(p.amount_minor, 0),
    coalesce(o.unapplied_minor + o.unidentified_minor + o.suspense_minor, 0),
    e.code, f.received_at_ms, f.received_at_ms + 172800000
FROM exception_item e
JOIN bank_file f ON f.file_id = e.file_id
LEFT JOIN payment p ON p.payment_id = e.payment_id
LEFT JOIN payment_outcome o ON o.payment_id = e.payment_id
WHERE e.is_primary = 1 OR e.payment_id = ''
ORDER BY e.row_number
ON CONFLICT (case_id) DO NOTHING;
