-- Ids of items are hardly ever shared by companies: the index of postings by item needs no company.

DROP INDEX posting_line_by_item;
CREATE INDEX posting_line_by_item ON posting_line (open_item_id);

-- Room in each page for what postings change: a payment is posted once as a rule, and its neighbours
-- with it.
ALTER TABLE payment_balance SET (fillfactor = 45);

-- What most postings leave empty need not travel with each of them.
ALTER TABLE posting_line ALTER COLUMN customer_id SET DEFAULT '';
ALTER TABLE posting_line ALTER COLUMN discount_minor SET DEFAULT 0;
ALTER TABLE posting_line ALTER COLUMN deduction_minor SET DEFAULT 0;
ALTER TABLE posting_line ALTER COLUMN deduction_reason SET DEFAULT '';
ALTER TABLE posting_line ALTER COLUMN write_off_minor SET DEFAULT 0;
ALTER TABLE posting_line ALTER COLUMN write_off_reason SET DEFAULT '';
