-- Until when a fact about a payer counts, where somebody said so; the last word about a fact holds.
-- `last_day` counts days since 1970.
CREATE TABLE fact_term (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL,
    line_number BIGINT NOT NULL,
    last_day BIGINT NOT NULL,
    set_by TEXT COLLATE "C" NOT NULL,
    set_at_ms BIGINT NOT NULL
);
CREATE INDEX fact_term_by_fact ON fact_term (case_id, line_number, row_number);

CALL make_append_only('fact_term');
