-- Webhooks: events sent to addresses of the tenant's own. See docs/webhooks.md.

-- A subscription. `kinds` are separated by `;`, empty for all; the cursor is the last event that was
-- put into the line of deliveries. `proven_at_ms` is when a receiver last took a message.
CREATE TABLE webhook (
    webhook_id TEXT COLLATE "C" PRIMARY KEY,
    url TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    kinds TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled')),
    disabled_because TEXT COLLATE "C" NOT NULL CHECK (disabled_because IN ('', 'by_hand', 'gone', 'exhausted')),
    created_by TEXT COLLATE "C" NOT NULL,
    created_at_ms BIGINT NOT NULL,
    proven_at_ms BIGINT,
    cursor_transaction BIGINT NOT NULL,
    cursor_number BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);

-- Secrets, wrapped by a master key of the key file. `valid_until_ms` is NULL for the one in force.
CREATE TABLE webhook_secret (
    webhook_id TEXT COLLATE "C" NOT NULL REFERENCES webhook,
    secret_number BIGINT NOT NULL,
    master_key TEXT COLLATE "C" NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    valid_until_ms BIGINT,
    PRIMARY KEY (webhook_id, secret_number)
);

-- One message per webhook and event: there is no second line for the same two.
CREATE TABLE webhook_delivery (
    delivery_number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id TEXT COLLATE "C" NOT NULL REFERENCES webhook,
    event_number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    failed_count BIGINT NOT NULL DEFAULT 0,
    next_attempt_at_ms BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT,
    UNIQUE (webhook_id, event_number)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, next_attempt_at_ms)
WHERE state = 'waiting';
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at_ms);

-- What came of each attempt. `status` is the HTTP status, NULL where no answer came.
CREATE TABLE webhook_attempt (
    delivery_number BIGINT NOT NULL,
    attempt_number BIGINT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    detail TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (delivery_number, attempt_number)
);
