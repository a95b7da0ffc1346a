-- no-transaction
-- Whether anybody has signed in from an address: where somebody has, a wrong password is compared even when
-- there were too many, so that the time tells nothing.
DROP INDEX CONCURRENTLY IF EXISTS known_place_by_place;
--;;
CREATE INDEX CONCURRENTLY known_place_by_place ON known_place (place, seen_at);
