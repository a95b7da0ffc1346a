-- Forgetting old prices of coins, on plain tables: row by row, which is the store's.

CREATE INDEX IF NOT EXISTS coin_price_time ON coin_price (price_time);

-- TimescaleDB drops whole chunks here; a plain table has none.
CREATE OR REPLACE FUNCTION drop_coin_price_chunks(before timestamptz) RETURNS integer
LANGUAGE sql AS $$ SELECT 0 WHERE before IS NOT NULL $$;
