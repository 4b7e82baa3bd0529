-- What was decided about money: applications of cash to open items, their reversals, cash moved
-- between the buckets of a payment. Append-only: what was wrong is compensated by another row.

-- `taken_minor` is what the row takes off the item: applied, discount, deduction and write-off
-- together. `bucket` is where in its payment the cash was (empty: it arrived decided, with its
-- file). A row of kind `reversal` takes back the row `reverses`, a `return` what the bank took back.
CREATE TABLE posting (
    posting_number INTEGER PRIMARY KEY,
    booking_number INTEGER NOT NULL,
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
    subject TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    is_human INTEGER NOT NULL CHECK (is_human IN (0, 1)),
    decided_at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE cash_move (
    move_number INTEGER PRIMARY KEY,
    booking_number INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    from_bucket TEXT NOT NULL,
    to_bucket TEXT NOT NULL CHECK (to_bucket <> from_bucket),
    amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0),
    subject TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    is_human INTEGER NOT NULL CHECK (is_human IN (0, 1)),
    decided_at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- Where the money of each payment is now; `payment_outcome` says where it was when its file came.
-- Derived from that, `posting` and `cash_move`; the eight buckets always add up to the amount.
-- `pinned_by` names the person whose decision no run of the matcher may touch.
CREATE TABLE payment_balance (
    payment_id TEXT PRIMARY KEY,
    company_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    applied_minor INTEGER NOT NULL,
    on_account_minor INTEGER NOT NULL,
    unapplied_minor INTEGER NOT NULL,
    unidentified_minor INTEGER NOT NULL,
    suspense_minor INTEGER NOT NULL,
    non_ar_minor INTEGER NOT NULL,
    refund_minor INTEGER NOT NULL,
    returned_minor INTEGER NOT NULL,
    pinned_by TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    change_number INTEGER NOT NULL,
    CHECK (amount_minor = applied_minor + on_account_minor + unapplied_minor + unidentified_minor
        + suspense_minor + non_ar_minor + refund_minor + returned_minor)
) STRICT, WITHOUT ROWID;

CREATE INDEX posting_by_booking ON posting (booking_number);
CREATE INDEX posting_by_payment ON posting (payment_id);
CREATE INDEX posting_by_item ON posting (company_id, open_item_id);
CREATE INDEX posting_by_subject ON posting (subject);
CREATE UNIQUE INDEX posting_reversed_once ON posting (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX cash_move_by_payment ON cash_move (payment_id);
CREATE INDEX payment_balance_by_change ON payment_balance (change_number);

CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting
BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting
BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
CREATE TRIGGER cash_move_no_update BEFORE UPDATE ON cash_move
BEGIN SELECT RAISE(ABORT, 'cash_move is append-only'); END;
CREATE TRIGGER cash_move_no_delete BEFORE DELETE ON cash_move
BEGIN SELECT RAISE(ABORT, 'cash_move is append-only'); END;
CREATE TRIGGER payment_balance_no_delete BEFORE DELETE ON payment_balance
BEGIN SELECT RAISE(ABORT, 'payment_balance keeps its rows'); END;
