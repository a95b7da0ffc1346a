-- The exchange's clock when it was asked: what it says nothing about just after the end it may publish late.
-- NULL, as older code leaves it, counts as just after the end.
ALTER TABLE quiet_span ADD COLUMN IF NOT EXISTS asked_ms bigint;
