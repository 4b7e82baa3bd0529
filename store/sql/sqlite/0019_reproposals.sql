-- What the engine proposed for an open case after evidence had come that was not there before (JSON of
-- rows); the last of a case counts, unless something was attached since. `because` says what came.

CREATE TABLE reproposal (
    row_number INTEGER PRIMARY KEY,
    effect TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    proposals TEXT NOT NULL
) STRICT;

CREATE INDEX reproposal_by_payment ON reproposal (payment_id);
CREATE INDEX reproposal_by_effect ON reproposal (effect);

CREATE TRIGGER reproposal_no_update BEFORE UPDATE ON reproposal
BEGIN SELECT RAISE(ABORT, 'reproposal is append-only'); END;
CREATE TRIGGER reproposal_no_delete BEFORE DELETE ON reproposal
BEGIN SELECT RAISE(ABORT, 'reproposal is append-only'); END;

-- How far changes have been followed: one row, the last booking and what was taught by then.

CREATE TABLE reproposed_up_to (
    row_number INTEGER PRIMARY KEY CHECK (row_number = 1),
    booking_number INTEGER NOT NULL,
    facts_state TEXT NOT NULL
) STRICT;
