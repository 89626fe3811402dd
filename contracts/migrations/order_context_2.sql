-- Everything that accepting or quoting an order needs, in one round trip. Accepting locks the client's available
-- account first, then reads with a snapshot taken after the lock (each statement of a volatile function has its own).
DROP FUNCTION contracts_order_context(bigint, bigint, smallint);

CREATE FUNCTION contracts_order_context(of_client bigint, of_index bigint, to_direction smallint, locking boolean)
RETURNS TABLE (
    available numeric, enabled boolean, decimals smallint, lever smallint, fee_rate numeric, mmr numeric,
    liquidation_fee_rate numeric, max_profit_rate numeric, contract_size numeric, spread numeric,
    max_order_volume bigint, max_position_volume bigint, max_open_interest numeric, last_price numeric, stale boolean,
    halted varchar, position_volume bigint, position_notional numeric, position_margin numeric,
    position_mark varchar, same_terms boolean, limit_orders bigint
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held numeric;
BEGIN
    IF locking THEN
        SELECT l.amount INTO held FROM ledger_lock(ARRAY[of_client * 8]) AS l;
    ELSE
        SELECT a.balance INTO held FROM ledger_account AS a WHERE a.id = of_client * 8;
    END IF;
    RETURN QUERY
    SELECT held, i.enabled, i.decimals, i.lever, i.fee_rate, i.mmr, i.liquidation_fee_rate, i.max_profit_rate,
        i.contract_size, i.spread, i.max_order_volume, i.max_position_volume, i.max_open_interest, s.last_price,
        coalesce(s.stale OR s.ticked_at < extract(epoch FROM clock_timestamp()) - 10, true),
        (SELECT min(h.kind) FROM operations_halt AS h
         WHERE h.lifted_at IS NULL AND h.kind IN ('open', 'all') AND (h.index_id IS NULL OR h.index_id = i.id)
        )::varchar,
        p.volume, p.notional, p.margin, p.mark,
        (p.lever, p.fee_rate, p.mmr, p.liquidation_fee_rate, p.max_profit_rate, p.contract_size, p.spread)
            IS NOT DISTINCT FROM
        (i.lever, i.fee_rate, i.mmr, i.liquidation_fee_rate, i.max_profit_rate, i.contract_size, i.spread),
        (SELECT count(*) FROM contracts_order AS o
         WHERE o.client_id = of_client AND o.status = 'pending' AND o.price_type = 'limit')
    FROM indexes_index AS i
    LEFT JOIN indexes_indexstate AS s ON s.index_id = i.id
    LEFT JOIN contracts_position AS p
        ON p.client_id = of_client AND p.index_id = i.id AND p.direction = to_direction AND p.closed_at IS NULL
    WHERE i.id = of_index;
END $$;
