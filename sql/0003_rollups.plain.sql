-- Rollups as plain views: hours, days, weeks (Mondays, UTC) and calendar months from every finer series.
-- bars counts what a bucket holds, final_bars those that can no longer move.

CREATE OR REPLACE VIEW bar_hourly AS
SELECT
    series_id,
    timeframe_s,
    date_bin('1 hour', open_time, '2000-01-01 00:00:00+00') AS open_time,
    (array_agg(open ORDER BY open_time))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY open_time DESC))[1] AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s < 3600
GROUP BY 1, 2, 3;

CREATE OR REPLACE VIEW bar_daily AS
SELECT
    series_id,
    timeframe_s,
    date_bin('1 day', open_time, '2000-01-01 00:00:00+00') AS open_time,
    (array_agg(open ORDER BY open_time))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY open_time DESC))[1] AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s < 86400
GROUP BY 1, 2, 3;

CREATE OR REPLACE VIEW bar_weekly AS
SELECT
    series_id,
    timeframe_s,
    date_bin('7 days', open_time, '2000-01-03 00:00:00+00') AS open_time,
    (array_agg(open ORDER BY open_time))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY open_time DESC))[1] AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s <= 86400
GROUP BY 1, 2, 3;

CREATE OR REPLACE VIEW bar_monthly AS
SELECT
    series_id,
    timeframe_s,
    date_trunc('month', open_time, 'UTC') AS open_time,
    (array_agg(open ORDER BY open_time))[1] AS open,
    max(high) AS high,
    min(low) AS low,
    (array_agg(close ORDER BY open_time DESC))[1] AS close,
    sum(volume) AS volume,
    max(revision) AS revision,
    count(*) AS bars,
    count(*) FILTER (WHERE state <> 'forming') AS final_bars
FROM bar
WHERE timeframe_s <= 86400
GROUP BY 1, 2, 3;
