-- What the ERP says is open and whose it is, kept true by what we decide. Amounts are integer minor
-- units of the row's currency.

-- Bookings that changed rows others follow; numbers grow in the order of the commits.
CREATE TABLE booking (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);

-- `erp_minor` is the open amount as the ERP said it last, `open_minor` what is open to us: that less
-- what we decided and the ERP has not posted yet. `consumed_minor` is what decisions took since the
-- ERP's amount was `baseline_minor` (its amount when the item was first touched, or when a reversal
-- re-opened what the ERP had posted); `decided_minor` is what they took in all. `version` counts the
-- changes of the row, `change_number` is a booking. A tombstone keeps its row: it may come back, and a reversal may re-open it.
CREATE TABLE open_item (
    company_id TEXT COLLATE "C" NOT NULL,
    open_item_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    document_number TEXT COLLATE "C" NOT NULL,
    document_type TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    original_minor BIGINT NOT NULL,
    erp_minor BIGINT NOT NULL,
    document_date DATE,
    due_date DATE,
    discount_date DATE,
    discount_minor BIGINT NOT NULL,
    purchase_order TEXT COLLATE "C" NOT NULL,
    "references" TEXT COLLATE "C" NOT NULL,
    installment TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    open_minor BIGINT NOT NULL,
    baseline_minor BIGINT NOT NULL DEFAULT 0,
    consumed_minor BIGINT NOT NULL DEFAULT 0,
    decided_minor BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    is_deleted BOOLEAN NOT NULL DEFAULT FALSE,
    change_number BIGINT NOT NULL,
    PRIMARY KEY (company_id, open_item_id)
);

CREATE TABLE customer (
    company_id TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    aliases TEXT COLLATE "C" NOT NULL,
    parent_customer_id TEXT COLLATE "C" NOT NULL,
    bank_accounts TEXT COLLATE "C" NOT NULL,
    policy TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    is_deleted BOOLEAN NOT NULL DEFAULT FALSE,
    change_number BIGINT NOT NULL,
    PRIMARY KEY (company_id, customer_id)
);

CREATE INDEX open_item_by_change ON open_item (change_number);
CREATE INDEX open_item_by_customer ON open_item (company_id, customer_id);
CREATE INDEX customer_by_change ON customer (change_number);

CREATE FUNCTION refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps its rows', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER open_item_no_delete BEFORE DELETE ON open_item
FOR EACH ROW EXECUTE FUNCTION refuse_delete();
CREATE TRIGGER customer_no_delete BEFORE DELETE ON customer
FOR EACH ROW EXECUTE FUNCTION refuse_delete();

CALL make_append_only('booking');
