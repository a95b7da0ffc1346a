-- Users, their sessions, and the chain of refresh tokens of each session. No user comes with it.

-- Names are ASCII, so that two of them never look alike; COLLATE "C" keeps lower() the same on every server.
CREATE TABLE IF NOT EXISTS app_user (
    user_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text COLLATE "C" NOT NULL
        CONSTRAINT app_user_username_shape CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}$'),
    password_hash text NOT NULL,
    role text NOT NULL CONSTRAINT app_user_role_known CHECK (role IN ('user', 'admin')),
    disabled_at timestamptz NULL,
    created_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS app_user_username_key ON app_user (lower(username));

-- One sign-in on one device. expires_at is absolute: refreshing never moves it.
CREATE TABLE IF NOT EXISTS session (
    session_id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES app_user (user_id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz NULL,
    revoked_reason text NULL,
    CONSTRAINT session_revoked_with_reason CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);

CREATE INDEX IF NOT EXISTS session_user_id_expires_at ON session (user_id, expires_at);

-- Only SHA-256 of a refresh token is kept. A spent row stays, so that a second use is noticed.
CREATE TABLE IF NOT EXISTS refresh_token (
    token_hash bytea PRIMARY KEY
        CONSTRAINT refresh_token_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES session (session_id) ON DELETE CASCADE,
    parent_hash bytea NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz NULL
);

-- A token has one child at most, whatever the program does.
CREATE UNIQUE INDEX IF NOT EXISTS refresh_token_parent_hash_key ON refresh_token (parent_hash);

CREATE INDEX IF NOT EXISTS refresh_token_session_id ON refresh_token (session_id);
