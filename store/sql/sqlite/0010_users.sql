-- People who sign in with a name and a password, their sessions, and failed attempts. Times are
-- milliseconds since 1970 UTC, 0: never. Users keep their rows: decisions name them.

-- `roles` are names with blanks between them; `companies` and `amount_limits` are JSON, empty where
-- there is no bound. `password_hash` is Argon2id in PHC form; the password is nowhere.
CREATE TABLE local_user (
    user_name TEXT PRIMARY KEY CHECK (user_name <> ''),
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL CHECK (roles <> ''),
    companies TEXT NOT NULL,
    amount_limits TEXT NOT NULL,
    is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
    must_change_password INTEGER NOT NULL CHECK (must_change_password IN (0, 1)),
    version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    signed_in_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- The token is kept as SHA-256 only: it has 256 random bits. Rows go away after their retention period.
CREATE TABLE user_session (
    session_id TEXT PRIMARY KEY,
    token_sha256 TEXT NOT NULL UNIQUE,
    user_name TEXT NOT NULL REFERENCES local_user (user_name),
    begun_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER NOT NULL DEFAULT 0,
    source TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX user_session_by_user ON user_session (user_name, begun_at_ms);
CREATE INDEX user_session_by_time ON user_session (ends_at_ms);

-- How often sign-in failed, by a hash of who or where from. Forgotten after a day without a failure.
CREATE TABLE sign_in_failure (
    subject TEXT PRIMARY KEY,
    failure_count INTEGER NOT NULL,
    failed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_failure_by_time ON sign_in_failure (failed_at_ms);

CREATE TRIGGER local_user_no_delete BEFORE DELETE ON local_user
BEGIN SELECT RAISE(ABORT, 'local_user keeps its rows'); END;
