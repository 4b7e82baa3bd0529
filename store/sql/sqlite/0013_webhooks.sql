-- Webhooks: events sent to addresses of the tenant's own. See docs/webhooks.md.

-- A subscription. `kinds` are separated by `;`, empty for all; the cursor is the last event that was
-- put into the line of deliveries. `proven_at_ms` is when a receiver last took a message.
CREATE TABLE webhook (
    webhook_id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    kinds TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    disabled_because TEXT NOT NULL CHECK (disabled_because IN ('', 'by_hand', 'gone', 'exhausted')),
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    proven_at_ms INTEGER,
    cursor_transaction INTEGER NOT NULL,
    cursor_number INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

-- Secrets, wrapped by a master key of the key file. `valid_until_ms` is NULL for the one in force.
CREATE TABLE webhook_secret (
    webhook_id TEXT NOT NULL REFERENCES webhook,
    secret_number INTEGER NOT NULL,
    master_key TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    valid_until_ms INTEGER,
    PRIMARY KEY (webhook_id, secret_number)
) STRICT, WITHOUT ROWID;

-- One message per webhook and event: there is no second line for the same two.
CREATE TABLE webhook_delivery (
    delivery_number INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id TEXT NOT NULL REFERENCES webhook,
    event_number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    failed_count INTEGER NOT NULL DEFAULT 0,
    next_attempt_at_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    UNIQUE (webhook_id, event_number)
) STRICT;
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_attempt_at_ms)
WHERE state = 'waiting';
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at_ms);

-- What came of each attempt. `status` is the HTTP status, NULL where no answer came.
CREATE TABLE webhook_attempt (
    delivery_number INTEGER NOT NULL,
    attempt_number INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    detail TEXT NOT NULL,
    PRIMARY KEY (delivery_number, attempt_number)
) STRICT, WITHOUT ROWID;
