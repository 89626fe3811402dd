-- A contract's size stays while anything is open or waits in it. Orders that are just being placed are waited for.
CREATE FUNCTION contracts_keep_size() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    LOCK TABLE contracts_order IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM contracts_position WHERE index_id = NEW.id AND closed_at IS NULL)
       OR EXISTS (SELECT FROM contracts_order WHERE index_id = NEW.id AND status = 'pending') THEN
        RAISE EXCEPTION 'index %: the contract size cannot change while anything is open', NEW.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER contracts_size_kept BEFORE UPDATE OF contract_size ON indexes_index
    FOR EACH ROW WHEN (OLD.contract_size IS DISTINCT FROM NEW.contract_size)
    EXECUTE FUNCTION contracts_keep_size();
