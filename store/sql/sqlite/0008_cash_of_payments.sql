-- What an application takes of a payment of another currency.

ALTER TABLE application ADD COLUMN cash_minor INTEGER;
ALTER TABLE application ADD COLUMN cash_currency TEXT NOT NULL DEFAULT '';
