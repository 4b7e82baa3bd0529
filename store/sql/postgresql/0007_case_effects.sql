-- What an act wrote is one effect: its act and its lines share the value of `effect`.
ALTER TABLE case_act ADD COLUMN effect TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE case_line ADD COLUMN effect TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX case_act_by_effect ON case_act (effect);
CREATE INDEX case_line_by_effect ON case_line (effect);
CREATE INDEX case_act_by_batch ON case_act (batch_id);

-- What people taught about payers: a line of kind `fact`. It holds until another line takes that
-- line back. `learned_day` (days since 1970) is the day of the payment it was learned from.
CREATE TABLE learned_fact (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL,
    line_number BIGINT NOT NULL,
    effect TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    company_id TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    customer_id TEXT COLLATE "C" NOT NULL,
    learned_by TEXT COLLATE "C" NOT NULL,
    learned_day BIGINT NOT NULL,
    payment_id TEXT COLLATE "C" NOT NULL,
    UNIQUE (case_id, line_number)
);
CREATE INDEX learned_fact_by_effect ON learned_fact (effect);

CALL make_append_only('learned_fact');
