"""Rows for every table, with values that a careless copy would change."""

# Empty texts and none, quotes, commas, line ends, backslashes, letters of all sizes, and COPY's own marks.
_TEXT = r"""E'a "quoted", text;\r\nline\t\\N \\. Zażółć 北京 مرحبا \U0001F600'"""
_MOMENT = "'1969-12-31 23:59:59.999999+00'"
_HASH = "decode(repeat('00ff0a0d225c', 5) || '0001', 'hex')"

EVERYTHING = f"""
INSERT INTO series (series_id, market, exchange, symbol, timeframe, known, checked_ms, derived_from_id)
OVERRIDING SYSTEM VALUE VALUES
    -- One that refers to a later one.
    (1, 'crypto', 'ą', 'BTC/USD', '1d', '{{[0,86400000),[172800000,)}}', NULL, 7),
    (7, 'crypto', 'ą', 'BTC/USD', '1h', '{{}}', -1, NULL);
SELECT setval(pg_get_serial_sequence('series', 'series_id'), 40);
INSERT INTO quiet_span VALUES (7, -5, 5, {_MOMENT}), (7, 5, 10, {_MOMENT});
INSERT INTO bar VALUES
    (7, 3600, '2024-02-29 00:00+00', 0.1, 0.30000000000000004, 5e-324, 0.1, 0, 0, 'closed', 'exchange'),
    (7, 3600, '1900-01-01 00:00+00', 1e308, 1.7976931348623157e308, 1, 2, 0.1, 2147483647, 'corrected',
     'derived'),
    (1, 86400, '2024-02-29 00:00+00', 3, 4, 2, 3.3333333333333335, 9007199254740993, 1, 'forming', 'trades');
INSERT INTO app_user (username, password_hash, role, disabled_at, created_at)
    VALUES ('ada', 'v1$hash', 'admin', NULL, now()), ('bob', '', 'user', {_MOMENT}, now());
INSERT INTO session (session_id, user_id, created_at, last_used_at, expires_at, address, client)
    VALUES ('00000000-0000-4000-8000-000000000001', 2, now(), now(), 'infinity', '', {_TEXT});
INSERT INTO refresh_token VALUES ({_HASH}, '00000000-0000-4000-8000-000000000001', NULL, now(), NULL);
INSERT INTO socket_ticket VALUES ({_HASH}, '00000000-0000-4000-8000-000000000001', NULL, now());
INSERT INTO listening_preference VALUES (1, '{{"a": [1.10, null, "\\u00e9 \\" ,"], "": {{}}}}', now());
INSERT INTO price_alert
    (user_id, market, exchange, symbol, timeframe, kind, level, hysteresis_percent, repeats, state,
     created_at)
    VALUES (1, '', 'x', 'y', '1m', 'cross_above', 0.000000000000000000012345678901234567890, 0.10, TRUE,
     'new', now());
INSERT INTO alert_firing
    (alert_id, user_id, market, exchange, symbol, timeframe, kind, level, price, event_time, epoch, place_ms,
     place_number)
    VALUES (9, 1, 'm', 'e', 's', '1m', 'cross_above', 1.50, '-0', now(), 1, 2, 9223372036854775807);
INSERT INTO sign_in_throttle VALUES ({_HASH}, 1.5, now(), '-infinity');
INSERT INTO known_place VALUES (1, {_TEXT}, now());
INSERT INTO audit_event (occurred_at, action, detail, address, request_id)
    VALUES (now(), {_TEXT}, '', E'\\\\', 'NULL');
INSERT INTO idempotency_key VALUES
    ({_HASH}, {_HASH}, '00000000-0000-4000-8000-000000000002', now(), 201, NULL, ''),
    (sha256('b'), {_HASH}, '00000000-0000-4000-8000-000000000003', now(), NULL, NULL, NULL);
INSERT INTO collected_symbol (market, exchange, symbol, created_at, complaint)
    VALUES ('a', 'b', 'c', now(), '');
INSERT INTO collected_symbol_asker VALUES (1, 2, now());
INSERT INTO coin_sync (provider, coins, fetched_at, stored_at) VALUES ('p', 1, now(), now());
INSERT INTO coin (provider, provider_id, symbol, name, slug, folded_symbol, folded_name, folded_search, price,
    fetched_at, sync_id) VALUES ('p', 'i', '', {_TEXT}, '', '', '', '', 0.1, now(), 1);
INSERT INTO coin_before SELECT *, 2, now() FROM coin;
INSERT INTO coin_profile VALUES (1, NULL, '[]', now());
INSERT INTO coin_price VALUES (1, '2024-02-29', 0, NULL, 'NaN'), (1, {_MOMENT}, 1.1, 'infinity', NULL);
INSERT INTO coin_backfill VALUES (1, 0, now());
INSERT INTO coin_price_daily VALUES (1, now(), 1, 2, 3, 4, NULL, NULL, 1);
INSERT INTO job_run (job, started_at, state, queued_at, payload)
    VALUES ('tidy', now(), 'running', now(), '{{"b": 2, "a": 1}}');
INSERT INTO job_attempt VALUES (1, 1, 'w', now(), NULL, NULL, {_TEXT});
INSERT INTO job_queue.pgqueuer (priority, status, entrypoint, payload, headers, queue_manager_id)
    VALUES (1, 'picked', 'tidy', '\\x00', '{{}}', '00000000-0000-4000-8000-000000000004'),
        (1, 'queued', 'tidy', NULL, NULL, NULL);
INSERT INTO job_queue.pgqueuer_log (job_id, status, priority, entrypoint) VALUES (1, 'queued', 0, 'tidy');
INSERT INTO job_queue.pgqueuer_schedules (expression, entrypoint) VALUES ('* * * * *', 'tidy');
INSERT INTO job_queue.pgqueuer_statistics (count, priority, status, entrypoint)
    VALUES (1, 2, 'failed', 'tidy');
"""

# What is enough to be in the middle of.
MANY_BARS = """
INSERT INTO series (market, exchange, symbol, timeframe) VALUES ('crypto', 'bitstamp', 'ETH/USD', '1m');
INSERT INTO bar
SELECT (SELECT max(series_id) FROM series), 60, '2020-01-01'::timestamptz + number * INTERVAL '1 minute',
    100 + number % 7, 110.1, 90, 100 + number % 3, number / 7.0, 0, 'closed', 'exchange'
FROM generate_series(1, 150000) AS each (number);
"""
