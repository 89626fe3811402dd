-- Leaving a losing period early must save nothing: a product's early redemption fee rate is at least what any of its
-- periods loses. Looked at when the transaction commits, since product and periods are saved one after the other.
CREATE FUNCTION funds_terms() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed bigint := coalesce((to_jsonb(NEW) ->> 'product_id')::bigint, NEW.id);
BEGIN
    -- Two at once, one of the product and one of a period, must see each other.
    PERFORM 1 FROM funds_product WHERE id = changed FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM funds_product AS p JOIN funds_period AS d ON d.product_id = p.id
        WHERE p.id = changed AND p.early_fee_rate < -d.profit
    ) THEN
        RAISE EXCEPTION 'funds: the early redemption fee of product % is below the loss of a period', changed
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER funds_product_terms AFTER INSERT OR UPDATE OF early_fee_rate ON funds_product
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION funds_terms();
CREATE CONSTRAINT TRIGGER funds_period_terms AFTER INSERT OR UPDATE ON funds_period
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION funds_terms();
