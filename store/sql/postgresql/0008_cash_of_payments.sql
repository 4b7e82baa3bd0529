-- What an application takes of a payment of another currency.

ALTER TABLE application ADD COLUMN cash_minor BIGINT;
ALTER TABLE application ADD COLUMN cash_currency TEXT COLLATE "C" NOT NULL DEFAULT '';
