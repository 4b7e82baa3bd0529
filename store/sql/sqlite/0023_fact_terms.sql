-- Until when a fact about a payer counts, where somebody said so; the last word about a fact holds.
-- `last_day` counts days since 1970.
CREATE TABLE fact_term (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    line_number INTEGER NOT NULL,
    last_day INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    set_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX fact_term_by_fact ON fact_term (case_id, line_number, row_number);

CREATE TRIGGER fact_term_no_update BEFORE UPDATE ON fact_term
BEGIN SELECT RAISE(ABORT, 'fact_term is append-only'); END;
CREATE TRIGGER fact_term_no_delete BEFORE DELETE ON fact_term
BEGIN SELECT RAISE(ABORT, 'fact_term is append-only'); END;
