-- What is the same for all postings of a set is said once: the booking they were posted in, what they
-- are about, who decided it, when and why. `posting` is both together, as it was. A posting no longer
-- numbers the change of its item: who follows items finds them by the postings of a booking.

CREATE TABLE posting_set (
    set_number INTEGER PRIMARY KEY,
    booking_number INTEGER NOT NULL,
    subject TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    is_human INTEGER NOT NULL CHECK (is_human IN (0, 1)),
    decided_at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE posting_line (
    posting_number INTEGER PRIMARY KEY,
    set_number INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('application', 'reversal', 'return')),
    payment_id TEXT NOT NULL,
    company_id TEXT NOT NULL,
    open_item_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    bucket TEXT NOT NULL,
    applied_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    deduction_minor INTEGER NOT NULL,
    deduction_reason TEXT NOT NULL,
    write_off_minor INTEGER NOT NULL,
    write_off_reason TEXT NOT NULL,
    taken_minor INTEGER NOT NULL
        CHECK (kind = 'return'
            OR taken_minor = applied_minor + discount_minor + deduction_minor + write_off_minor),
    reverses INTEGER CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
    cash_minor INTEGER,
    cash_currency TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO posting_set (booking_number, subject, decided_by, is_human, decided_at_ms, reason)
SELECT booking_number, subject, decided_by, is_human, decided_at_ms, reason FROM posting
GROUP BY booking_number, subject, decided_by, is_human, decided_at_ms, reason
ORDER BY min(posting_number);

INSERT INTO posting_line (posting_number, set_number, kind, payment_id, company_id, open_item_id,
    customer_id, currency, bucket, applied_minor, discount_minor, deduction_minor, deduction_reason,
    write_off_minor, write_off_reason, taken_minor, reverses, cash_minor, cash_currency)
SELECT p.posting_number, s.set_number, p.kind, p.payment_id, p.company_id, p.open_item_id,
    p.customer_id, p.currency, p.bucket, p.applied_minor, p.discount_minor, p.deduction_minor,
    p.deduction_reason, p.write_off_minor, p.write_off_reason, p.taken_minor, p.reverses,
    p.cash_minor, p.cash_currency
FROM posting p JOIN posting_set s ON s.booking_number = p.booking_number AND s.subject = p.subject
    AND s.decided_by = p.decided_by AND s.is_human = p.is_human
    AND s.decided_at_ms = p.decided_at_ms AND s.reason = p.reason
ORDER BY p.posting_number;

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

CREATE TRIGGER posting_set_no_update BEFORE UPDATE ON posting_set
BEGIN SELECT RAISE(ABORT, 'posting_set is append-only'); END;
CREATE TRIGGER posting_set_no_delete BEFORE DELETE ON posting_set
BEGIN SELECT RAISE(ABORT, 'posting_set is append-only'); END;
CREATE TRIGGER posting_line_no_update BEFORE UPDATE ON posting_line
BEGIN SELECT RAISE(ABORT, 'posting_line is append-only'); END;
CREATE TRIGGER posting_line_no_delete BEFORE DELETE ON posting_line
BEGIN SELECT RAISE(ABORT, 'posting_line is append-only'); END;
