-- Facts of a payment that statements of ISO 20022 carry beside its amount.

ALTER TABLE payment ADD COLUMN ultimate_payer_name TEXT NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN remittance_id TEXT NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN instructed_currency TEXT NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN exchange_rate TEXT NOT NULL DEFAULT '';
ALTER TABLE payment ADD COLUMN instructed_minor INTEGER;
ALTER TABLE payment ADD COLUMN charges_minor INTEGER;
