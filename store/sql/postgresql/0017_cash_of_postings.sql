-- What a posting takes of a payment of another currency than its item's; null where it is the same.

ALTER TABLE posting ADD COLUMN cash_minor BIGINT;
ALTER TABLE posting ADD COLUMN cash_currency TEXT COLLATE "C" NOT NULL DEFAULT '';
