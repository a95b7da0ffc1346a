-- Symbols whose history is kept without anybody looking at it, because users asked for that.

-- A symbol is collected as long as somebody asks for it. filled_at: when all that was missing was last fetched;
-- tried_at: when that was last tried; complaint: why it failed, if it did.
CREATE TABLE IF NOT EXISTS collected_symbol (
    collected_symbol_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    created_at timestamptz NOT NULL,
    tried_at timestamptz NULL,
    filled_at timestamptz NULL,
    complaint text NULL,
    UNIQUE (market, exchange, symbol)
);

-- Who asks for it.
CREATE TABLE IF NOT EXISTS collected_symbol_asker (
    collected_symbol_id bigint NOT NULL REFERENCES collected_symbol ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES app_user (user_id) ON DELETE CASCADE,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (collected_symbol_id, user_id)
);

CREATE INDEX IF NOT EXISTS collected_symbol_asker_user_id ON collected_symbol_asker (user_id);
