-- What was decided about money: applications of cash to open items, their reversals, cash moved
-- between the buckets of a payment. Append-only: what was wrong is compensated by another row.

-- `taken_minor` is what the row takes off the item: applied, discount, deduction and write-off
-- together. `bucket` is where in its payment the cash was (empty: it arrived decided, with its
-- file). A row of kind `reversal` takes back the row `reverses`, a `return` what the bank took back.
CREATE TABLE posting (
    posting_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_number BIGINT NOT NULL,
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
    subject TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C" NOT NULL,
    is_human BOOLEAN NOT NULL,
    decided_at_ms BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL
);

CREATE TABLE cash_move (
    move_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_number BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    from_bucket TEXT COLLATE "C" NOT NULL,
    to_bucket TEXT COLLATE "C" NOT NULL CHECK (to_bucket <> from_bucket),
    amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
    subject TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C" NOT NULL,
    is_human BOOLEAN NOT NULL,
    decided_at_ms BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL
);

-- Where the money of each payment is now; `payment_outcome` says where it was when its file came.
-- Derived from that, `posting` and `cash_move`; the eight buckets always add up to the amount.
-- `pinned_by` names the person whose decision no run of the matcher may touch.
CREATE TABLE payment_balance (
    payment_id TEXT COLLATE "C" PRIMARY KEY,
    company_id TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    applied_minor BIGINT NOT NULL,
    on_account_minor BIGINT NOT NULL,
    unapplied_minor BIGINT NOT NULL,
    unidentified_minor BIGINT NOT NULL,
    suspense_minor BIGINT NOT NULL,
    non_ar_minor BIGINT NOT NULL,
    refund_minor BIGINT NOT NULL,
    returned_minor BIGINT NOT NULL,
    pinned_by TEXT COLLATE "C" NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1,
    change_number BIGINT NOT NULL,
    CHECK (amount_minor = applied_minor + on_account_minor + unapplied_minor + unidentified_minor
        + suspense_minor + non_ar_minor + refund_minor + returned_minor)
);

CREATE INDEX posting_by_booking ON posting (booking_number);
CREATE INDEX posting_by_payment ON posting (payment_id);
CREATE INDEX posting_by_item ON posting (company_id, open_item_id);
CREATE INDEX posting_by_subject ON posting (subject);
CREATE UNIQUE INDEX posting_reversed_once ON posting (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX cash_move_by_payment ON cash_move (payment_id);
CREATE INDEX payment_balance_by_change ON payment_balance (change_number);

CREATE TRIGGER payment_balance_no_delete BEFORE DELETE ON payment_balance
FOR EACH ROW EXECUTE FUNCTION refuse_delete();

CALL make_append_only('posting');
CALL make_append_only('cash_move');
