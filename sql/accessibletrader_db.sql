-- The whole schema for psql users: psql -d NAME -v ON_ERROR_STOP=1 -f sql/accessibletrader_db.sql
-- The program itself migrates at every start and needs none of this.

SELECT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb')
    AND current_setting('timescaledb.disable_load', TRUE) IS NOT NULL AS has_timescale \gset
\if :has_timescale
    CREATE EXTENSION IF NOT EXISTS timescaledb;
    SELECT coalesce(current_setting('timescaledb.license', TRUE) = 'timescale', FALSE) AS has_timescale \gset
\endif

\ir 0001_market.sql
\ir 0002_accounts.sql
\if :has_timescale
    \ir 0003_rollups.timescale.sql
\else
    \ir 0003_rollups.plain.sql
\endif
\ir 0004_announcements.sql
\ir 0005_accounts.sql
\ir 0006_collected_symbols.sql
\ir 0007_cryptocurrencies.sql
\ir 0008_jobs.sql
\if :has_timescale
    \ir 0009_coin_prices.timescale.sql
\else
    \ir 0009_coin_prices.plain.sql
\endif
\if :has_timescale
    \ir 0010_coin_clean_up.timescale.sql
\else
    \ir 0010_coin_clean_up.plain.sql
\endif
\ir 0011_quiet_spans.sql
\ir 0012_known_place.sql
