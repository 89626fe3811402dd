-- Writes the second of many indexes: their states, and a tick of each without a reason to be stale. The inputs go to
-- the tick, or, where there is none, to the state. Returns the ticks' ids.
CREATE OR REPLACE FUNCTION record_second(
    led bigint, second bigint, ids bigint[], last_prices numeric[], last_ticks bigint[], fetches timestamptz[],
    reasons text[], made_up boolean[], jump_prices numeric[], jump_counts smallint[], evidence text[]
) RETURNS TABLE (ticked bigint, tick_id bigint)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE indexes_indexstate AS s
    SET last_price = n.price, ticked_at = n.ticked_at, fetched_since = n.since, seen_at = second,
        stale = n.reason <> '', stale_reason = n.reason, simulated = n.simulated,
        jump_price = n.jump_price, jump_confirmed = n.confirmed,
        inputs = CASE WHEN n.reason <> '' THEN nullif(n.inputs, '')::jsonb END
    FROM unnest(ids, last_prices, last_ticks, fetches, reasons, made_up, jump_prices, jump_counts, evidence)
        AS n (index_id, price, ticked_at, since, reason, simulated, jump_price, confirmed, inputs)
    WHERE s.index_id = n.index_id;
    RETURN QUERY
    INSERT INTO indexes_tick AS t (index_id, at, price, fetched_since, inputs, simulated, epoch)
    SELECT n.index_id, to_timestamp(second), n.price, n.since, n.inputs::jsonb, n.simulated, led
    FROM unnest(ids, last_prices, fetches, reasons, made_up, evidence)
        AS n (index_id, price, since, reason, simulated, inputs)
    WHERE n.reason = ''
    RETURNING t.index_id, t.id;
END $$;
