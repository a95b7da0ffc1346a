-- Coins as providers list them, what they were before each sync, and their prices over time.

-- One row for each good answer of a provider, in the order in which it became visible: whoever writes one
-- holds the provider's advisory lock until then. What a cursor remembers is a sync.
CREATE TABLE IF NOT EXISTS coin_sync (
    sync_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text COLLATE "C" NOT NULL,
    coins integer NOT NULL CHECK (coins > 0),
    -- When the provider answered, by our clock, and when its answer was stored.
    fetched_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS coin_sync_provider ON coin_sync (provider, sync_id DESC);

-- A coin is what one provider calls one: symbols are shared, and two providers' ids have nothing to do with
-- each other. NULL is what the provider did not say. coin_key stands for the coin in the history.
CREATE TABLE IF NOT EXISTS coin (
    coin_key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    provider text COLLATE "C" NOT NULL,
    provider_id text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    slug text COLLATE "C" NOT NULL,
    -- Folded by the program, which folds every alphabet; servers differ in that.
    folded_symbol text COLLATE "C" NOT NULL,
    folded_name text COLLATE "C" NOT NULL,
    folded_search text COLLATE "C" NOT NULL,
    image_url text NULL,
    rank integer NULL CHECK (rank > 0),
    price double precision NULL,
    market_cap double precision NULL,
    fully_diluted_valuation double precision NULL,
    volume_24h double precision NULL,
    circulating_supply double precision NULL,
    total_supply double precision NULL,
    max_supply double precision NULL,
    all_time_high double precision NULL,
    all_time_high_at timestamptz NULL,
    all_time_low double precision NULL,
    all_time_low_at timestamptz NULL,
    change_1h_percent double precision NULL,
    change_24h_percent double precision NULL,
    change_7d_percent double precision NULL,
    change_30d_percent double precision NULL,
    -- When the figures are from, as the provider says, and when it said so, by our clock.
    updated_at timestamptz NULL,
    fetched_at timestamptz NOT NULL,
    -- The sync that wrote this.
    sync_id bigint NOT NULL,
    PRIMARY KEY (provider, provider_id)
);

-- The orders that lists are asked for most; others sort some thousands of rows.
CREATE INDEX IF NOT EXISTS coin_market_cap ON coin (provider, market_cap DESC NULLS LAST, provider_id);
CREATE INDEX IF NOT EXISTS coin_volume ON coin (provider, volume_24h DESC NULLS LAST, provider_id);
CREATE INDEX IF NOT EXISTS coin_rank ON coin (provider, rank NULLS LAST, provider_id);
CREATE INDEX IF NOT EXISTS coin_symbol ON coin (folded_symbol, provider);
CREATE INDEX IF NOT EXISTS coin_slug ON coin (slug, provider);

-- What coins were before a sync, for half an hour, so that whoever reads a list page by page reads one list.
CREATE TABLE IF NOT EXISTS coin_before (
    LIKE coin,
    until_sync_id bigint NOT NULL,
    replaced_at timestamptz NOT NULL,
    PRIMARY KEY (coin_key, sync_id)
);

CREATE INDEX IF NOT EXISTS coin_before_replaced_at ON coin_before (replaced_at);

-- What a coin is, in words and addresses: [{"kind": "homepage", "url": "https://bitcoin.org"}].
CREATE TABLE IF NOT EXISTS coin_profile (
    coin_key integer PRIMARY KEY,
    description text NULL,
    links jsonb NOT NULL CHECK (jsonb_typeof(links) = 'array'),
    fetched_at timestamptz NOT NULL
);

-- What a coin was worth, once for each instant. No foreign key, as for bars: it would be checked for each of
-- millions of rows, and only the store writes here.
CREATE TABLE IF NOT EXISTS coin_price (
    coin_key integer NOT NULL,
    price_time timestamptz NOT NULL,
    price double precision NOT NULL CHECK (price >= 0 AND price < 'infinity'),
    market_cap double precision NULL,
    volume_24h double precision NULL,
    PRIMARY KEY (coin_key, price_time)
);

-- When the past of a coin was asked for last; it may begin later than what was asked.
CREATE TABLE IF NOT EXISTS coin_backfill (
    coin_key integer PRIMARY KEY,
    points integer NOT NULL CHECK (points >= 0),
    fetched_at timestamptz NOT NULL
);

-- Days that are over (UTC), rolled up from the prices: first, highest, lowest and last of them.
CREATE TABLE IF NOT EXISTS coin_price_daily (
    coin_key integer NOT NULL,
    day timestamptz NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    market_cap double precision NULL,
    volume_24h double precision NULL,
    points integer NOT NULL CHECK (points > 0),
    PRIMARY KEY (coin_key, day)
);

CREATE INDEX IF NOT EXISTS coin_price_daily_day ON coin_price_daily (day);
