-- Prices of coins as a hypertable with compression, and forgetting whole chunks of them.
SELECT create_hypertable(
    'coin_price', by_range('price_time', INTERVAL '30 days'), if_not_exists => TRUE, migrate_data => TRUE
);

ALTER TABLE coin_price SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'coin_key',
    timescaledb.compress_orderby = 'price_time DESC'
);

-- Backfills reach back a year, but come once; syncs write only what is new.
SELECT add_compression_policy('coin_price', INTERVAL '60 days', if_not_exists => TRUE);

-- Drops the chunks that are older as a whole, and returns how many. When is a setting, so no policy does it.
CREATE OR REPLACE FUNCTION drop_coin_price_chunks(before timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*)::integer FROM drop_chunks('coin_price', older_than => before));
END
$$;
