-- Facts of a payment that statements of ISO 20022 carry beside its amount.

ALTER TABLE payment ADD COLUMN ultimate_payer_name TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN remittance_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN instructed_currency TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN exchange_rate TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN instructed_minor BIGINT;
ALTER TABLE payment ADD COLUMN charges_minor BIGINT;
