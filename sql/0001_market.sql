-- Series and bars: which instruments and timeframes there are, what is known of each, and the bars.

DO $$
BEGIN
    CREATE TYPE bar_state AS ENUM ('forming', 'closed', 'corrected');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

DO $$
BEGIN
    CREATE TYPE bar_source AS ENUM ('exchange', 'trades', 'derived', 'simulated');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

-- One row per instrument and timeframe. known: the spans, in UTC milliseconds, in which every closed bar that
-- the exchange has is stored; a hole in the bars inside a known span had no trades.
CREATE TABLE IF NOT EXISTS series (
    series_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    market text NOT NULL,
    exchange text NOT NULL,
    symbol text NOT NULL,
    timeframe text NOT NULL,
    known int8multirange NOT NULL DEFAULT '{}',
    -- The exchange's clock when the newest bars were last read; NULL before that.
    checked_ms bigint,
    -- The open of the very first bar, once the exchange has shown that nothing lies before it.
    first_bar_ms bigint,
    -- The finer series this one is built from; NULL for bars as the exchange sends them.
    derived_from_id integer REFERENCES series,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (market, exchange, symbol, timeframe)
);

-- Finds what is built from a series when one of its bars changes.
CREATE INDEX IF NOT EXISTS series_derived_from_idx ON series (derived_from_id) WHERE derived_from_id IS NOT NULL;

-- Spans in which the exchange was asked and said nothing: no trades as far as it knew, to be asked again later.
CREATE TABLE IF NOT EXISTS quiet_span (
    series_id integer NOT NULL REFERENCES series,
    start_ms bigint NOT NULL,
    end_ms bigint NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    CHECK (start_ms < end_ms),
    PRIMARY KEY (series_id, start_ms, end_ms)
);

-- No foreign key to series: it would be checked for each of millions of rows, and only the store writes here.
-- timeframe_s is the bar's length in seconds (a month counts 31 days); the rollups choose by it.
CREATE TABLE IF NOT EXISTS bar (
    series_id integer NOT NULL,
    timeframe_s integer NOT NULL CHECK (timeframe_s > 0),
    open_time timestamptz NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision NOT NULL,
    revision integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    state bar_state NOT NULL,
    source bar_source NOT NULL,
    PRIMARY KEY (series_id, open_time),
    -- NaN counts as larger than infinity in PostgreSQL, so the last two lines refuse it too.
    CHECK (low <= least(open, close) AND high >= greatest(open, close)),
    CHECK (low > 0 AND high < 'infinity'),
    CHECK (volume >= 0 AND volume < 'infinity')
);
