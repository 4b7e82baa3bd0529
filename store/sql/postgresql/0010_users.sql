-- People who sign in with a name and a password, their sessions, and failed attempts. Times are
-- milliseconds since 1970 UTC, 0: never. Users keep their rows: decisions name them.

-- `roles` are names with blanks between them; `companies` and `amount_limits` are JSON, empty where
-- there is no bound. `password_hash` is Argon2id in PHC form; the password is nowhere.
CREATE TABLE local_user (
    user_name TEXT COLLATE "C" PRIMARY KEY CHECK (user_name <> ''),
    display_name TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    roles TEXT COLLATE "C" NOT NULL CHECK (roles <> ''),
    companies TEXT COLLATE "C" NOT NULL,
    amount_limits TEXT COLLATE "C" NOT NULL,
    is_disabled BOOLEAN NOT NULL,
    must_change_password BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    signed_in_at_ms BIGINT NOT NULL DEFAULT 0
);

-- The token is kept as SHA-256 only: it has 256 random bits. Rows go away after their retention period.
CREATE TABLE user_session (
    session_id TEXT COLLATE "C" PRIMARY KEY,
    token_sha256 TEXT COLLATE "C" NOT NULL UNIQUE,
    user_name TEXT COLLATE "C" NOT NULL,
    begun_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT NOT NULL,
    ends_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL DEFAULT 0,
    source TEXT COLLATE "C" NOT NULL,
    user_agent TEXT COLLATE "C" NOT NULL
);
CREATE INDEX user_session_by_user ON user_session (user_name, begun_at_ms);
CREATE INDEX user_session_by_time ON user_session (ends_at_ms);

-- How often sign-in failed, by a hash of who or where from. Forgotten after a day without a failure.
CREATE TABLE sign_in_failure (
    subject TEXT COLLATE "C" PRIMARY KEY,
    failure_count BIGINT NOT NULL,
    failed_at_ms BIGINT NOT NULL
);
CREATE INDEX sign_in_failure_by_time ON sign_in_failure (failed_at_ms);

CREATE TRIGGER local_user_no_delete BEFORE DELETE ON local_user
FOR EACH ROW EXECUTE FUNCTION refuse_delete();
