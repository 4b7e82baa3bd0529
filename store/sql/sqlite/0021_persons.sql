-- What one person has to read, and how they like the workbench.

-- Somebody was named in a note; `read_at_ms` 0: they have not said that they read it. The note itself is
-- the act of the case.
CREATE TABLE mention (
    row_number INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL,
    act_number INTEGER NOT NULL,
    person TEXT NOT NULL,
    mentioned_at_ms INTEGER NOT NULL,
    read_at_ms INTEGER NOT NULL DEFAULT 0,
    UNIQUE (case_id, act_number, person)
) STRICT;
CREATE INDEX mention_unread ON mention (person, row_number) WHERE read_at_ms = 0;
CREATE INDEX mention_by_person ON mention (person, row_number);

-- JSON of the contract's message.
CREATE TABLE person_preference (
    person TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
) STRICT, WITHOUT ROWID;
