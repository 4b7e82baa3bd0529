-- What a payer said after its payment had come: lines and text as they were read, and what the engine
-- proposed on them (JSON of rows). The last one of a payment counts; its act says who attached it.

CREATE TABLE late_remittance (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    effect TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    remittance_id TEXT COLLATE "C" NOT NULL,
    file_name TEXT COLLATE "C" NOT NULL,
    content_text TEXT COLLATE "C" NOT NULL,
    lines TEXT COLLATE "C" NOT NULL,
    proposals TEXT COLLATE "C" NOT NULL
);

CREATE INDEX late_remittance_by_payment ON late_remittance (payment_id);
CREATE INDEX late_remittance_by_effect ON late_remittance (effect);

CALL make_append_only('late_remittance');
