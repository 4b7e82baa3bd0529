-- What a team agrees on: when cases are due, what customers are written; and the audit by who and when.

-- A case whose payment comes to at least `amount_min` (major units of any currency) and was at least
-- `age_days_min` days old (from its value date) when it was raised is due `due_hours` later; of several
-- rules the shortest holds, without one two days.
CREATE TABLE due_rule (
    rule_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    amount_min BIGINT NOT NULL CHECK (amount_min >= 0),
    age_days_min BIGINT NOT NULL CHECK (age_days_min >= 0),
    due_hours BIGINT NOT NULL CHECK (due_hours > 0)
);

-- Texts of notes and letters, with words in braces to fill in.
CREATE TABLE note_template (
    template_name TEXT COLLATE "C" PRIMARY KEY CHECK (template_name <> ''),
    subject TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

-- Who and when of each leaf of the audit, to be found by; the leaf itself is what counts.
CREATE TABLE audit_entry (
    leaf_number BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    recorded_at_ms BIGINT NOT NULL
);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor, leaf_number);
CREATE INDEX audit_entry_by_time ON audit_entry (recorded_at_ms);
INSERT INTO audit_entry (leaf_number, kind, actor, recorded_at_ms)
SELECT leaf_number, kind, (body::json)->>'actor', CAST((body::json)->>'recorded_at_ms' AS BIGINT)
FROM audit_leaf;

-- Postings of a customer, and of a day.
CREATE INDEX posting_by_customer ON posting (company_id, customer_id, posting_number);
CREATE INDEX posting_by_time ON posting (decided_at_ms);
CREATE INDEX case_act_by_time ON case_act (performed_at_ms);
