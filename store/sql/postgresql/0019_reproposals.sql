-- What the engine proposed for an open case after evidence had come that was not there before (JSON of
-- rows); the last of a case counts, unless something was attached since. `because` says what came.

CREATE TABLE reproposal (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    effect TEXT COLLATE "C" NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    proposals TEXT COLLATE "C" NOT NULL
);

CREATE INDEX reproposal_by_payment ON reproposal (payment_id);
CREATE INDEX reproposal_by_effect ON reproposal (effect);

CALL make_append_only('reproposal');

-- How far changes have been followed: one row, the last booking and what was taught by then.

CREATE TABLE reproposed_up_to (
    row_number INTEGER PRIMARY KEY CHECK (row_number = 1),
    booking_number BIGINT NOT NULL,
    facts_state TEXT COLLATE "C" NOT NULL
);
