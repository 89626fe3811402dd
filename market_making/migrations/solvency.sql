-- Every winner can be paid: at each commit the pool's equity covers what is reserved. Equity is the pool result's
-- balance minus its floor, which is minus all pledges (see the ledger's guard).
CREATE FUNCTION market_making_solvent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    equity numeric;
    needed numeric;
BEGIN
    SELECT balance - floor INTO equity FROM ledger_account WHERE id = 4611686018427387905;
    SELECT reserved INTO needed FROM market_making_pool WHERE id = 1;
    IF needed IS NULL OR equity < needed THEN
        RAISE EXCEPTION 'market pool: equity % below reserved %', equity, needed USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER market_making_pool_solvent AFTER UPDATE ON market_making_pool
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.reserved IS DISTINCT FROM NEW.reserved) EXECUTE FUNCTION market_making_solvent();
CREATE CONSTRAINT TRIGGER market_making_result_solvent AFTER UPDATE ON ledger_account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.id = 4611686018427387905) EXECUTE FUNCTION market_making_solvent();
CREATE TRIGGER market_making_pool_kept BEFORE DELETE OR TRUNCATE ON market_making_pool
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('the pool stays');
