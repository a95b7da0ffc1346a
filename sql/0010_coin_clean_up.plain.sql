-- The number is that of TimescaleDB's part; plain tables have no chunks, and here nothing changes.
CREATE OR REPLACE FUNCTION drop_coin_price_chunks(before timestamptz) RETURNS integer
LANGUAGE sql AS $$ SELECT 0 WHERE before IS NOT NULL $$;
