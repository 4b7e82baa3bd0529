-- What a payer said after its payment had come: lines and text as they were read, and what the engine
-- proposed on them (JSON of rows). The last one of a payment counts; its act says who attached it.

CREATE TABLE late_remittance (
    row_number INTEGER PRIMARY KEY,
    effect TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    remittance_id TEXT NOT NULL,
    file_name TEXT NOT NULL,
    content_text TEXT NOT NULL,
    lines TEXT NOT NULL,
    proposals TEXT NOT NULL
) STRICT;

CREATE INDEX late_remittance_by_payment ON late_remittance (payment_id);
CREATE INDEX late_remittance_by_effect ON late_remittance (effect);

CREATE TRIGGER late_remittance_no_update BEFORE UPDATE ON late_remittance
BEGIN SELECT RAISE(ABORT, 'late_remittance is append-only'); END;
CREATE TRIGGER late_remittance_no_delete BEFORE DELETE ON late_remittance
BEGIN SELECT RAISE(ABORT, 'late_remittance is append-only'); END;
