-- What queues are looked at by. `change_number` is the booking that changed a case last, so that
-- whoever knows the queue up to one booking asks for what came after it.
ALTER TABLE exception_case ADD COLUMN change_number INTEGER NOT NULL DEFAULT 0;
CREATE INDEX exception_case_by_change ON exception_case (change_number);

-- Words that a case is found by, folded; `row_number` is the case's.
CREATE TABLE case_word (
    word TEXT NOT NULL,
    row_number INTEGER NOT NULL,
    PRIMARY KEY (word, row_number)
) STRICT, WITHOUT ROWID;

-- Views of the queue that people keep: what the address of the queue says. `owner` is who made it;
-- a view of the team is shown to everybody.
CREATE TABLE saved_view (
    view_id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    is_team INTEGER NOT NULL CHECK (is_team IN (0, 1)),
    name TEXT NOT NULL,
    query TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_view_by_owner ON saved_view (owner);
