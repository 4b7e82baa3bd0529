-- What people do to exceptions. A case is the work about one payment, or about one exception that
-- concerns no payment. Its row changes with every act and carries `version`; what was said (acts) and
-- what was decided (lines) is append-only. Amounts are integer minor units of the case's currency,
-- times milliseconds since 1970 UTC, 0: never.

-- `content` is the whole case as JSON; empty until the first act. The columns beside it are what
-- queues are filtered by.
CREATE TABLE exception_case (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL UNIQUE,
    payment_id TEXT COLLATE "C" NOT NULL,
    file_id TEXT COLLATE "C" NOT NULL,
    company_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    undecided_minor BIGINT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    raised_at_ms BIGINT NOT NULL,
    due_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL DEFAULT 'new',
    version BIGINT NOT NULL DEFAULT 0,
    assignee TEXT COLLATE "C" NOT NULL DEFAULT '',
    lease_holder TEXT COLLATE "C" NOT NULL DEFAULT '',
    lease_until_ms BIGINT NOT NULL DEFAULT 0,
    parked_until_ms BIGINT NOT NULL DEFAULT 0,
    awaited_event TEXT COLLATE "C" NOT NULL DEFAULT '',
    content TEXT COLLATE "C" NOT NULL DEFAULT ''
);

-- An act as it was said, and what of the case it replaced. `batch_id` ties those of one batch.
CREATE TABLE case_act (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL,
    act_number BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    performed_at_ms BIGINT NOT NULL,
    batch_id TEXT COLLATE "C" NOT NULL,
    act TEXT COLLATE "C" NOT NULL,
    events TEXT COLLATE "C" NOT NULL,
    assignee_before TEXT COLLATE "C" NOT NULL,
    backup_before TEXT COLLATE "C" NOT NULL,
    due_at_ms_before BIGINT NOT NULL,
    customer_before TEXT COLLATE "C" NOT NULL,
    UNIQUE (case_id, act_number)
);

-- What a person decided, line by line; a line with `reverses` takes another back to the cent.
CREATE TABLE case_line (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL,
    line_number BIGINT NOT NULL,
    act_number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    company_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    open_item_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    cash_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    deduction_minor BIGINT NOT NULL,
    deduction_reason TEXT COLLATE "C" NOT NULL,
    write_off_minor BIGINT NOT NULL,
    write_off_reason TEXT COLLATE "C" NOT NULL,
    link TEXT COLLATE "C" NOT NULL,
    reverses BIGINT NOT NULL,
    prepared_by TEXT COLLATE "C" NOT NULL,
    approved_by TEXT COLLATE "C" NOT NULL,
    UNIQUE (case_id, line_number)
);

CREATE UNIQUE INDEX case_line_reversed_once ON case_line (case_id, reverses) WHERE reverses > 0;
CREATE INDEX case_line_by_item ON case_line (company_id, open_item_id);
CREATE INDEX case_act_by_actor ON case_act (actor, performed_at_ms);
CREATE INDEX exception_case_by_state ON exception_case (state, row_number);
CREATE INDEX exception_case_by_payment ON exception_case (payment_id);
CREATE INDEX exception_case_by_file ON exception_case (file_id);
CREATE INDEX exception_case_by_customer ON exception_case (customer_id);
CREATE INDEX exception_case_by_assignee ON exception_case (assignee, row_number);

CALL make_append_only('case_act');
CALL make_append_only('case_line');

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
WHERE e.is_primary OR e.payment_id = ''
ORDER BY e.row_number
ON CONFLICT (case_id) DO NOTHING;
