-- Ids of items are hardly ever shared by companies: the index of postings by item needs no company.

DROP INDEX posting_line_by_item;
CREATE INDEX posting_line_by_item ON posting_line (open_item_id);
