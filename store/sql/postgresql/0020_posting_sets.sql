-- What is the same for all postings of a set is said once: the booking they were posted in, what they
-- are about, who decided it, when and why. `posting` is both together, as it was. A posting no longer
-- numbers the change of its item: who follows items finds them by the postings of a booking.

CREATE TABLE posting_set (
    set_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_number BIGINT NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C" NOT NULL,
    is_human BOOLEAN NOT NULL,
    decided_at_ms BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL
);

CREATE TABLE posting_line (
    posting_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('application', 'reversal', 'return')),
    payment_id TEXT COLLATE "C" NOT NULL,
    company_id TEXT COLLATE "C" NOT NULL,
    open_item_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    bucket TEXT COLLATE "C" NOT NULL,
    applied_minor BIGINT NOT NULL,
    discount_minor BIGINT NOT NULL,
    deduction_minor BIGINT NOT NULL,
    deduction_reason TEXT COLLATE "C" NOT NULL,
    write_off_minor BIGINT NOT NULL,
    write_off_reason TEXT COLLATE "C" NOT NULL,
    taken_minor BIGINT NOT NULL
        CHECK (kind = 'return'
            OR taken_minor = applied_minor + discount_minor + deduction_minor + write_off_minor),
    reverses BIGINT CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
    cash_minor BIGINT,
    cash_currency TEXT COLLATE "C" NOT NULL DEFAULT ''
);

INSERT INTO posting_set (booking_number, subject, decided_by, is_human, decided_at_ms, reason)
SELECT booking_number, subject, decided_by, is_human, decided_at_ms, reason FROM posting
GROUP BY booking_number, subject, decided_by, is_human, decided_at_ms, reason
ORDER BY min(posting_number);

INSERT INTO posting_line (posting_number, set_number, kind, payment_id, company_id, open_item_id,
    customer_id, currency, bucket, applied_minor, discount_minor, deduction_minor, deduction_reason,
    write_off_minor, write_off_reason, taken_minor, reverses, cash_minor, cash_currency)
OVERRIDING SYSTEM VALUE
SELECT p.posting_number, s.set_number, p.kind, p.payment_id, p.company_id, p.open_item_id,
    p.customer_id, p.currency, p.bucket, p.applied_minor, p.discount_minor, p.deduction_minor,
    p.deduction_reason, p.write_off_minor, p.write_off_reason, p.taken_minor, p.reverses,
    p.cash_minor, p.cash_currency
FROM posting p JOIN posting_set s ON s.booking_number = p.booking_number AND s.subject = p.subject
    AND s.decided_by = p.decided_by AND s.is_human = p.is_human
    AND s.decided_at_ms = p.decided_at_ms AND s.reason = p.reason
ORDER BY p.posting_number;

SELECT setval(pg_get_serial_sequence('posting_line', 'posting_number'),
    coalesce(max(posting_number), 1), max(posting_number) IS NOT NULL) FROM posting_line;

DROP TABLE posting;
CREATE VIEW posting AS
SELECT l.posting_number, s.booking_number, l.kind, l.payment_id, l.company_id, l.open_item_id,
    l.customer_id, l.currency, l.bucket, l.applied_minor, l.discount_minor, l.deduction_minor,
    l.deduction_reason, l.write_off_minor, l.write_off_reason, l.taken_minor, l.reverses, s.subject,
    s.decided_by, s.is_human, s.decided_at_ms, s.reason, l.cash_minor, l.cash_currency
FROM posting_line l JOIN posting_set s ON s.set_number = l.set_number;

CREATE INDEX posting_set_by_booking ON posting_set (booking_number);
CREATE INDEX posting_set_by_subject ON posting_set (subject);
CREATE INDEX posting_line_by_set ON posting_line (set_number);
CREATE INDEX posting_line_by_payment ON posting_line (payment_id);
CREATE INDEX posting_line_by_item ON posting_line (company_id, open_item_id);
CREATE UNIQUE INDEX posting_line_reversed_once ON posting_line (reverses) WHERE reverses IS NOT NULL;

DROP INDEX payment_balance_by_change;

-- Room in each page for what postings change: a row that stays in its page needs no index entry.
ALTER TABLE open_item SET (fillfactor = 85);
ALTER TABLE payment_balance SET (fillfactor = 75);

CALL make_append_only('posting_set');
CALL make_append_only('posting_line');
