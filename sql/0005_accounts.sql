-- Accounts that hold: where sessions come from, who did what, how often somebody tried, what was asked twice.

-- What a person recognises a session by: the address it began at, and what the client calls itself.
ALTER TABLE session ADD COLUMN IF NOT EXISTS address text NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN IF NOT EXISTS client text NOT NULL DEFAULT '';

CREATE INDEX IF NOT EXISTS session_created_at ON session (created_at, session_id);

-- Attempts to sign in, for an account, an address, or both together; the key is a hash of which. What was
-- counted wears off with time. An attempt is refused until next_at.
CREATE TABLE IF NOT EXISTS sign_in_throttle (
    throttle_key bytea PRIMARY KEY
        CONSTRAINT sign_in_throttle_key_is_sha256 CHECK (octet_length(throttle_key) = 32),
    attempts double precision NOT NULL CONSTRAINT sign_in_throttle_attempts_positive CHECK (attempts >= 0),
    counted_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS sign_in_throttle_counted_at ON sign_in_throttle (counted_at);

-- Addresses that users have signed in from: whoever tries from elsewhere does not lock them out there.
CREATE TABLE IF NOT EXISTS known_place (
    user_id bigint NOT NULL REFERENCES app_user (user_id) ON DELETE CASCADE,
    place text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, place)
);

-- One-time tickets that open a WebSocket from a browser; only their SHA-256 is kept.
CREATE TABLE IF NOT EXISTS socket_ticket (
    ticket_hash bytea PRIMARY KEY
        CONSTRAINT socket_ticket_hash_is_sha256 CHECK (octet_length(ticket_hash) = 32),
    session_id uuid NOT NULL REFERENCES session (session_id) ON DELETE CASCADE,
    origin text NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS socket_ticket_session_id ON socket_ticket (session_id);
CREATE INDEX IF NOT EXISTS socket_ticket_expires_at ON socket_ticket (expires_at);

-- Who did what, to whom, when, from where. Without foreign keys: it outlives those it tells of.
CREATE TABLE IF NOT EXISTS audit_event (
    audit_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    action text NOT NULL,
    actor_user_id bigint NULL,
    subject_user_id bigint NULL,
    detail text NOT NULL,
    address text NOT NULL,
    request_id text NOT NULL
);

CREATE INDEX IF NOT EXISTS audit_event_occurred_at ON audit_event (occurred_at);

-- The answers to requests that carried an Idempotency-Key, so that asking again does nothing again. Without a
-- status the request is still being answered.
CREATE TABLE IF NOT EXISTS idempotency_key (
    key_hash bytea PRIMARY KEY
        CONSTRAINT idempotency_key_hash_is_sha256 CHECK (octet_length(key_hash) = 32),
    request_hash bytea NOT NULL
        CONSTRAINT idempotency_request_hash_is_sha256 CHECK (octet_length(request_hash) = 32),
    claim uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    status integer NULL,
    content_type text NULL,
    body bytea NULL,
    CONSTRAINT idempotency_key_answered_whole CHECK ((status IS NULL) = (body IS NULL))
);

CREATE INDEX IF NOT EXISTS idempotency_key_claimed_at ON idempotency_key (claimed_at);

-- What the service did by itself, and how it ended.
CREATE TABLE IF NOT EXISTS job_run (
    job_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NULL,
    outcome text NULL CONSTRAINT job_run_outcome_known CHECK (outcome IN ('done', 'failed', 'stopped')),
    CONSTRAINT job_run_ended_with_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX IF NOT EXISTS job_run_started_at ON job_run (started_at);
