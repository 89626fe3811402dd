-- Candles: where each begins, and all nine of many indexes in one statement.

-- The same as indexes.rules.bucket_start. Intervals are 1min 5min 15min 30min 60min 4hour 1day 1week 1mon = 1 to 9;
-- Asia/Shanghai is 28800 s ahead, 1970-01-01 was a Thursday, three days after its week's Monday.
CREATE FUNCTION candle_start("interval" smallint, moment bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN "interval" = 9 THEN
            extract(epoch FROM date_trunc('month', timestamp '1970-01-01' + (moment + 28800) * interval '1 second'))
                ::bigint - 28800
        WHEN "interval" = 8 THEN moment - (moment + 28800 + 259200) % 604800
        ELSE moment - (moment + 28800) % (ARRAY[60, 300, 900, 1800, 3600, 14400, 86400])["interval"]
    END
$$;

-- Puts one price of each index at `at` into its nine candles, and returns them as they are then. Statements of a
-- function keep their plans, which psycopg2's do not.
CREATE FUNCTION record_candles(index_ids bigint[], prices numeric[], at bigint) RETURNS SETOF indexes_candle
LANGUAGE plpgsql AS $$
DECLARE
    codes CONSTANT smallint[] := '{1,2,3,4,5,6,7,8,9}';
    starts CONSTANT bigint[] := ARRAY(SELECT candle_start(code, at) FROM unnest(codes) AS code);
BEGIN
    RETURN QUERY
    INSERT INTO indexes_candle AS c (index_id, "interval", start, open, high, low, close)
    SELECT o.index_id, b.code, b.start, o.price, o.price, o.price, o.price
    FROM unnest(index_ids, prices) AS o (index_id, price) CROSS JOIN unnest(codes, starts) AS b (code, start)
    ON CONFLICT (index_id, "interval", start) DO UPDATE
    SET high = greatest(c.high, excluded.high), low = least(c.low, excluded.low), close = excluded.close
    RETURNING c.*;
END $$;

-- A row is written once a second while its interval runs: half of each page is left free, so that new versions stay
-- in the page and touch no index (HOT).
ALTER TABLE indexes_candle SET (fillfactor = 50);
ALTER TABLE indexes_indexstate SET (fillfactor = 50);
