-- Only the owner of a table may drop its chunks, and the service need not be the owner. So the function runs as its
-- owner, for those who may delete the rows one by one; whom that is granted to may change at any time.
CREATE OR REPLACE FUNCTION drop_coin_price_chunks(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT has_table_privilege(session_user, 'coin_price', 'DELETE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied for table coin_price';
    END IF;
    RETURN (SELECT count(*)::integer FROM drop_chunks('coin_price', older_than => before));
END
$$;
