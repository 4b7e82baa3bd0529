-- What the ERP says is open and whose it is, kept true by what we decide. Amounts are integer minor
-- units of the row's currency, dates ISO 8601 text.

-- Bookings that changed rows others follow; numbers grow in the order of the commits.
CREATE TABLE booking (
    number INTEGER PRIMARY KEY
) STRICT;

-- `erp_minor` is the open amount as the ERP said it last, `open_minor` what is open to us: that less
-- what we decided and the ERP has not posted yet. `consumed_minor` is what decisions took since the
-- ERP's amount was `baseline_minor` (its amount when the item was first touched, or when a reversal
-- re-opened what the ERP had posted); `decided_minor` is what they took in all. `version` counts the
-- changes of the row, `change_number` is a booking. A tombstone keeps its row: it may come back, and a reversal may re-open it.
CREATE TABLE open_item (
    company_id TEXT NOT NULL,
    open_item_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    document_number TEXT NOT NULL,
    document_type TEXT NOT NULL,
    currency TEXT NOT NULL,
    original_minor INTEGER NOT NULL,
    erp_minor INTEGER NOT NULL,
    document_date TEXT,
    due_date TEXT,
    discount_date TEXT,
    discount_minor INTEGER NOT NULL,
    purchase_order TEXT NOT NULL,
    "references" TEXT NOT NULL,
    installment TEXT NOT NULL,
    status TEXT NOT NULL,
    open_minor INTEGER NOT NULL,
    baseline_minor INTEGER NOT NULL DEFAULT 0,
    consumed_minor INTEGER NOT NULL DEFAULT 0,
    decided_minor INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
    change_number INTEGER NOT NULL,
    PRIMARY KEY (company_id, open_item_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (
    company_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL,
    parent_customer_id TEXT NOT NULL,
    bank_accounts TEXT NOT NULL,
    policy TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
    change_number INTEGER NOT NULL,
    PRIMARY KEY (company_id, customer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX open_item_by_change ON open_item (change_number);
CREATE INDEX open_item_by_customer ON open_item (company_id, customer_id);
CREATE INDEX customer_by_change ON customer (change_number);

CREATE TRIGGER booking_no_update BEFORE UPDATE ON booking
BEGIN SELECT RAISE(ABORT, 'booking is append-only'); END;
CREATE TRIGGER booking_no_delete BEFORE DELETE ON booking
BEGIN SELECT RAISE(ABORT, 'booking is append-only'); END;
CREATE TRIGGER open_item_no_delete BEFORE DELETE ON open_item
BEGIN SELECT RAISE(ABORT, 'open_item keeps its rows'); END;
CREATE TRIGGER customer_no_delete BEFORE DELETE ON customer
BEGIN SELECT RAISE(ABORT, 'customer keeps its rows'); END;
