-- What the engine reads and writes every second, as functions: their statements keep their plans.

-- The shard's baskets from the one in effect at `moment` on, oldest first; parts is a JSON array of
-- [symbol, weight, venues, one venue is enough].
CREATE FUNCTION index_baskets(wanted text, moment timestamptz)
RETURNS TABLE (index_id bigint, basket_id bigint, version integer, divisor numeric, due boolean, parts text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        b.index_id, b.id, b.version, b.divisor, b.effective_at <= moment,
        json_agg(json_build_array(c.symbol, c.weight::text, c.venues, c.allow_single_venue))::text
    FROM (
        SELECT a.*, max(a.version) FILTER (WHERE a.divisor IS NOT NULL AND a.effective_at <= moment)
            OVER (PARTITION BY a.index_id) AS in_effect
        FROM indexes_basket AS a JOIN indexes_index AS i ON i.id = a.index_id
        WHERE i.shard = wanted
    ) AS b
    JOIN indexes_constituent AS c ON c.basket_id = b.id
    WHERE b.version >= coalesce(b.in_effect, 0)
    GROUP BY b.index_id, b.id, b.version, b.divisor, b.effective_at
    ORDER BY b.index_id, b.version;
END $$;

-- Writes the second `at` of many indexes: their states, and a tick of each without a reason to be stale. Returns the
-- ticks' ids.
CREATE FUNCTION record_second(
    led bigint, second bigint, ids bigint[], last_prices numeric[], last_ticks bigint[], fetches timestamptz[],
    reasons text[], made_up boolean[], jump_prices numeric[], jump_counts smallint[], evidence text[]
) RETURNS TABLE (ticked bigint, tick_id bigint)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE indexes_indexstate AS s
    SET last_price = n.price, ticked_at = n.ticked_at, fetched_since = n.since, seen_at = second,
        stale = n.reason <> '', stale_reason = n.reason, simulated = n.simulated,
        jump_price = n.jump_price, jump_confirmed = n.confirmed
    FROM unnest(ids, last_prices, last_ticks, fetches, reasons, made_up, jump_prices, jump_counts)
        AS n (index_id, price, ticked_at, since, reason, simulated, jump_price, confirmed)
    WHERE s.index_id = n.index_id;
    RETURN QUERY
    INSERT INTO indexes_tick AS t (index_id, at, price, fetched_since, inputs, simulated, epoch)
    SELECT n.index_id, to_timestamp(second), n.price, n.since, n.inputs::jsonb, n.simulated, led
    FROM unnest(ids, last_prices, fetches, reasons, made_up, evidence)
        AS n (index_id, price, since, reason, simulated, inputs)
    WHERE n.reason = ''
    RETURNING t.index_id, t.id;
END $$;
