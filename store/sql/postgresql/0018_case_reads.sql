-- Who belongs to whom, which every look at an exception asks.
CREATE INDEX customer_by_parent ON customer (company_id, parent_customer_id)
WHERE parent_customer_id <> '';
