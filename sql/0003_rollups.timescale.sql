-- no-transaction
-- Bars as a hypertable with compression, and the rollups as real-time continuous aggregates of the plain views'
-- names.
-- The policies have no start: history is filled in as somebody asks for it, however old, and what a policy does
-- not reach vanishes from its aggregate. Only what changed is ever computed again.
SELECT create_hypertable('bar', by_range('open_time', INTERVAL '30 days'), if_not_exists => TRUE, migrate_data => TRUE);
--;;
ALTER TABLE bar SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'series_id',
    timescaledb.compress_orderby = 'open_time DESC'
);
--;;
-- Corrections reach back some days; older chunks are compressed once and rarely touched again.
SELECT add_compression_policy('bar', INTERVAL '90 days', if_not_exists => TRUE);
--;;
CREATE MATERIALIZED VIEW IF NOT EXISTS bar_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    series_id,
    timeframe_s,
    time_bucket('1 hour', open_time) AS open_time,
    first(open, open_time) AS open,
    max(high) AS high,
    min(low) AS low,
    last(close, open_time) AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s < 3600
GROUP BY 1, 2, 3
WITH NO DATA;
--;;
SELECT add_continuous_aggregate_policy(
    'bar_hourly',
    start_offset => NULL,
    end_offset => INTERVAL '1 hour',
    schedule_interval => INTERVAL '30 minutes',
    if_not_exists => TRUE
);
--;;
CREATE MATERIALIZED VIEW IF NOT EXISTS bar_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    series_id,
    timeframe_s,
    time_bucket('1 day', open_time) AS open_time,
    first(open, open_time) AS open,
    max(high) AS high,
    min(low) AS low,
    last(close, open_time) AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s < 86400
GROUP BY 1, 2, 3
WITH NO DATA;
--;;
SELECT add_continuous_aggregate_policy(
    'bar_daily',
    start_offset => NULL,
    end_offset => INTERVAL '1 day',
    schedule_interval => INTERVAL '1 hour',
    if_not_exists => TRUE
);
--;;
CREATE MATERIALIZED VIEW IF NOT EXISTS bar_weekly
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    series_id,
    timeframe_s,
    time_bucket('1 week', open_time) AS open_time,
    first(open, open_time) AS open,
    max(high) AS high,
    min(low) AS low,
    last(close, open_time) AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s <= 86400
GROUP BY 1, 2, 3
WITH NO DATA;
--;;
SELECT add_continuous_aggregate_policy(
    'bar_weekly',
    start_offset => NULL,
    end_offset => INTERVAL '7 days',
    schedule_interval => INTERVAL '6 hours',
    if_not_exists => TRUE
);
--;;
CREATE MATERIALIZED VIEW IF NOT EXISTS bar_monthly
WITH (timescaledb.continuous, timescaledb.materialized_only = FALSE) AS
SELECT
    series_id,
    timeframe_s,
    time_bucket('1 month', open_time) AS open_time,
    first(open, open_time) AS open,
    max(high) AS high,
    min(low) AS low,
    last(close, open_time) AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s <= 86400
GROUP BY 1, 2, 3
WITH NO DATA;
--;;
SELECT add_continuous_aggregate_policy(
    'bar_monthly',
    start_offset => NULL,
    end_offset => INTERVAL '31 days',
    schedule_interval => INTERVAL '12 hours',
    if_not_exists => TRUE
);
