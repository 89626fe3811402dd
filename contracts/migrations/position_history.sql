-- Positions of before know their history from their fills.
UPDATE contracts_position AS p
SET opened_volume = f.opened_volume, opened_notional = f.opened_notional, closed_notional = f.closed_notional,
    profit = f.profit, fees = f.fees, reduced_at = f.reduced_at, close_kind = coalesce(f.close_kind, '')
FROM (
    SELECT position_id,
        coalesce(sum(volume) FILTER (WHERE kind = 'open'), 0) AS opened_volume,
        coalesce(sum(notional) FILTER (WHERE kind = 'open'), 0) AS opened_notional,
        coalesce(sum(notional) FILTER (WHERE kind <> 'open'), 0) AS closed_notional,
        sum(profit) AS profit, sum(fee + liquidation_fee) AS fees,
        max(created_at) FILTER (WHERE kind <> 'open') AS reduced_at,
        (array_agg(kind ORDER BY id DESC) FILTER (WHERE kind <> 'open'))[1] AS close_kind
    FROM contracts_fill GROUP BY position_id
) AS f
WHERE f.position_id = p.id;
