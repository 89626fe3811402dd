-- What PostgreSQL itself keeps of the ledger, whoever writes and by whatever statement: transfers are only ever
-- added, a balance is the sum of its transfers, and none falls below its floor.
--
-- Account ids: client × 8 + kind (pledge is 4); 2^62 + n for the platform (custody 0, pool result 1).

-- Balances follow every statement that adds transfers. Accounts are written in the order of their ids, so that
-- statements which share accounts wait for each other instead of deadlocking: up to 64 transfers in a loop, beyond
-- that by locking in order first and writing in one statement. What moves in or out of pledges moves the floor of
-- the pool's result: it may fall to minus all pledges.
CREATE FUNCTION ledger_apply() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    platform CONSTANT bigint := 4611686018427387904;
    pool_result CONSTANT bigint := platform + 1;
    change record;
    expected bigint;
    touched bigint;
BEGIN
    -- Attached to a table of somebody's own it would move balances without a transfer.
    IF TG_RELID <> 'public.ledger_transfer'::regclass THEN
        RAISE EXCEPTION 'ledger: balances follow transfers alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (SELECT count(*) FROM added) <= 64 THEN
        FOR change IN
            SELECT account, sum(moved) AS moved, sum(pledged) AS pledged
            FROM (
                SELECT debit_id AS account, -amount AS moved, 0::numeric AS pledged FROM added
                UNION ALL SELECT credit_id, amount, 0 FROM added
                UNION ALL SELECT pool_result, 0, -amount FROM added WHERE debit_id < platform AND debit_id & 7 = 4
                UNION ALL SELECT pool_result, 0, amount FROM added WHERE credit_id < platform AND credit_id & 7 = 4
            ) AS moves
            GROUP BY account ORDER BY account
        LOOP
            UPDATE ledger_account SET balance = balance + change.moved, floor = floor - change.pledged
            WHERE id = change.account;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'ledger: account % does not exist', change.account
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
        END LOOP;
    ELSE
        PERFORM 1 FROM ledger_account
        WHERE id IN (
            SELECT debit_id FROM added UNION SELECT credit_id FROM added UNION SELECT pool_result FROM added
            WHERE debit_id & 7 = 4 OR credit_id & 7 = 4
        )
        ORDER BY id FOR NO KEY UPDATE;
        WITH moves AS (
            SELECT account, sum(moved) AS moved, sum(pledged) AS pledged
            FROM (
                SELECT debit_id AS account, -amount AS moved, 0::numeric AS pledged FROM added
                UNION ALL SELECT credit_id, amount, 0 FROM added
                UNION ALL SELECT pool_result, 0, -amount FROM added WHERE debit_id < platform AND debit_id & 7 = 4
                UNION ALL SELECT pool_result, 0, amount FROM added WHERE credit_id < platform AND credit_id & 7 = 4
            ) AS moves
            GROUP BY account
        ), written AS (
            UPDATE ledger_account AS a SET balance = a.balance + m.moved, floor = a.floor - m.pledged
            FROM moves AS m WHERE a.id = m.account
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM moves), (SELECT count(*) FROM written) INTO expected, touched;
        IF expected <> touched THEN
            RAISE EXCEPTION 'ledger: % accounts do not exist', expected - touched
                USING ERRCODE = 'foreign_key_violation';
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transfer_apply AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_apply();

CREATE FUNCTION ledger_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'ledger: % on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER ledger_transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('transfers are only added; correct one by a reversal');
CREATE TRIGGER ledger_account_kept BEFORE DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('accounts stay');

-- An account opens empty, and only ledger_apply (a trigger, hence depth 2 here) writes one.
CREATE FUNCTION ledger_guard_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance <> 0
           OR NEW.floor IS DISTINCT FROM (CASE WHEN NEW.id = 4611686018427387904 THEN NULL ELSE 0::numeric END) THEN
            RAISE EXCEPTION 'ledger: an account opens empty' USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'ledger: balances are written by transfers alone' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_guard_account();

-- Locks accounts in the order of their ids and reads them as they stand then. The application's role may not
-- update accounts, and so could not lock them by itself.
CREATE FUNCTION ledger_lock(accounts bigint[]) RETURNS TABLE (account bigint, amount numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id, balance FROM ledger_account WHERE id = ANY (accounts) ORDER BY id FOR NO KEY UPDATE
$$;

-- Nobody else may make triggers of these.
REVOKE EXECUTE ON FUNCTION ledger_apply(), ledger_refuse(), ledger_guard_account() FROM PUBLIC;
