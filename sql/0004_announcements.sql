-- What listeners want to hear, their price alerts, and the record of alerts that fired.

-- One row a user: {"mode": "important", "verbosity": "normal", …}; what a row leaves out is as by default.
CREATE TABLE IF NOT EXISTS listening_preference (
    user_id bigint PRIMARY KEY REFERENCES app_user (user_id) ON DELETE CASCADE,
    preferences jsonb NOT NULL CHECK (jsonb_typeof(preferences) = 'object'),
    updated_at timestamptz NOT NULL
);

-- state: new until a price was seen, then armed; fired until the price has gone back far enough, done for ever.
-- The place (epoch, place_ms, place_number) is the entry of the topic's log up to which the state is true: it
-- only moves on, so that of several workers that read the same log each change is made by one.
CREATE TABLE IF NOT EXISTS price_alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES app_user (user_id) ON DELETE CASCADE,
    market text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    kind text NOT NULL
        CONSTRAINT price_alert_kind_known CHECK (kind IN ('cross_above', 'cross_below', 'percent_in_window')),
    level numeric NULL CHECK (level > 0),
    percent numeric NULL CHECK (percent > 0),
    window_ms bigint NULL CHECK (window_ms > 0),
    hysteresis_percent numeric NOT NULL CHECK (hysteresis_percent >= 0),
    repeats boolean NOT NULL,
    state text NOT NULL
        CONSTRAINT price_alert_state_known CHECK (state IN ('new', 'armed', 'fired', 'done')),
    epoch bigint NOT NULL DEFAULT 0,
    place_ms bigint NOT NULL DEFAULT 0,
    place_number bigint NOT NULL DEFAULT 0,
    fired_count integer NOT NULL DEFAULT 0,
    fired_at timestamptz NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT price_alert_says_when CHECK (
        CASE kind
            WHEN 'percent_in_window' THEN percent IS NOT NULL AND window_ms IS NOT NULL AND level IS NULL
            ELSE level IS NOT NULL AND percent IS NULL AND window_ms IS NULL
        END
    )
);

CREATE INDEX IF NOT EXISTS price_alert_user_id ON price_alert (user_id, alert_id);

CREATE INDEX IF NOT EXISTS price_alert_topic ON price_alert (market, exchange, symbol, timeframe)
    WHERE state <> 'done';

-- The record of alerts that fired. It outlives its alert. sequence grows in the order of being committed:
-- whoever writes here holds one advisory lock until then.
CREATE TABLE IF NOT EXISTS alert_firing (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL,
    user_id bigint NOT NULL REFERENCES app_user (user_id) ON DELETE CASCADE,
    market text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    kind text NOT NULL,
    level numeric NULL,
    percent numeric NULL,
    window_ms bigint NULL,
    price double precision NOT NULL,
    from_price double precision NULL,
    event_time timestamptz NOT NULL,
    epoch bigint NOT NULL,
    place_ms bigint NOT NULL,
    place_number bigint NOT NULL,
    -- Once for each entry of the log, whatever the program does.
    CONSTRAINT alert_firing_once UNIQUE (alert_id, epoch, place_ms, place_number)
);

CREATE INDEX IF NOT EXISTS alert_firing_user_id ON alert_firing (user_id, sequence);
