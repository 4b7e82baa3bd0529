-- What one person has to read, and how they like the workbench.

-- Somebody was named in a note; `read_at_ms` 0: they have not said that they read it. The note itself is
-- the act of the case.
CREATE TABLE mention (
    row_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id TEXT COLLATE "C" NOT NULL,
    act_number BIGINT NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    mentioned_at_ms BIGINT NOT NULL,
    read_at_ms BIGINT NOT NULL DEFAULT 0,
    UNIQUE (case_id, act_number, person)
);
CREATE INDEX mention_unread ON mention (person, row_number) WHERE read_at_ms = 0;
CREATE INDEX mention_by_person ON mention (person, row_number);

-- JSON of the contract's message.
CREATE TABLE person_preference (
    person TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    content TEXT COLLATE "C" NOT NULL
);
