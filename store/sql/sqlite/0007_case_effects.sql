-- What an act wrote is one effect: its act and its lines share the value of `effect`.
ALTER TABLE case_act ADD COLUMN effect TEXT NOT NULL DEFAULT '';
ALTER TABLE case_line ADD COLUMN effect TEXT NOT NULL DEFAULT '';
CREATE INDEX case_act_by_effect ON case_act (effect);
CREATE INDEX case_line_by_effect ON case_line (effect);
CREATE INDEX case_act_by_batch ON case_act (batch_id);

-- What people taught about payers: a line of kind `fact`. It holds until another line takes that
-- line back. `learned_day` (days since 1970) is the day of the payment it was learned from.
CREATE TABLE learned_fact (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    line_number INTEGER NOT NULL,
    effect TEXT NOT NULL,
    kind TEXT NOT NULL,
    company_id TEXT NOT NULL,
    value TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    learned_by TEXT NOT NULL,
    learned_day INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    UNIQUE (case_id, line_number)
) STRICT;
CREATE INDEX learned_fact_by_effect ON learned_fact (effect);

CREATE TRIGGER learned_fact_no_update BEFORE UPDATE ON learned_fact
BEGIN SELECT RAISE(ABORT, 'learned_fact is append-only'); END;
CREATE TRIGGER learned_fact_no_delete BEFORE DELETE ON learned_fact
BEGIN SELECT RAISE(ABORT, 'learned_fact is append-only'); END;
