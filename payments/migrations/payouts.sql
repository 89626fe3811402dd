-- What PostgreSQL itself keeps of withdrawals, whoever writes and by whatever statement: what was asked for is never
-- edited, the course goes one way, a nonce is given once, and a signed transaction stays what it is. That two different
-- operators approve a large one are check constraints of the table.

CREATE FUNCTION payments_guard_withdrawal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- A refund was approved by two before it becomes one.
        IF NEW.status <> 'review' AND NOT (NEW.status = 'approved' AND NEW.refund_of_id IS NOT NULL) THEN
            RAISE EXCEPTION 'payments: a withdrawal begins in review' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.no, NEW.client_id, NEW.refund_of_id, NEW.address, NEW.amount, NEW.fee, NEW.needs_two, NEW.created_at)
        IS DISTINCT FROM
        (OLD.id, OLD.no, OLD.client_id, OLD.refund_of_id, OLD.address, OLD.amount, OLD.fee, OLD.needs_two, OLD.created_at)
    THEN
        RAISE EXCEPTION 'payments: what a withdrawal asks for is never edited' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.status <> 'review' AND (NEW.automatic, NEW.approved_by_id, NEW.second_approved_by_id)
        IS DISTINCT FROM (OLD.automatic, OLD.approved_by_id, OLD.second_approved_by_id)
        OR OLD.nonce IS NOT NULL AND NEW.nonce IS DISTINCT FROM OLD.nonce
    THEN
        RAISE EXCEPTION 'payments: who approved a withdrawal, and its nonce, stay' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('review', 'approved'), ('review', 'rejected'), ('approved', 'rejected'), ('approved', 'sent'),
        ('sent', 'confirmed'), ('sent', 'failed')
    ) THEN
        RAISE EXCEPTION 'payments: a withdrawal cannot go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_withdrawal_guard BEFORE INSERT OR UPDATE ON payments_withdrawal
    FOR EACH ROW EXECUTE FUNCTION payments_guard_withdrawal();

CREATE FUNCTION payments_guard_payout() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.withdrawal_id, NEW.wallet_id, NEW.nonce, NEW.attempt, NEW.tx_hash, NEW.raw)
        IS DISTINCT FROM
        (OLD.id, OLD.withdrawal_id, OLD.wallet_id, OLD.nonce, OLD.attempt, OLD.tx_hash, OLD.raw)
    THEN
        RAISE EXCEPTION 'payments: a signed transaction is never edited' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER payments_payout_guard BEFORE UPDATE ON payments_payout
    FOR EACH ROW EXECUTE FUNCTION payments_guard_payout();

CREATE FUNCTION payments_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'payments: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER payments_withdrawal_kept BEFORE DELETE OR TRUNCATE ON payments_withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
CREATE TRIGGER payments_payout_kept BEFORE DELETE OR TRUNCATE ON payments_payout
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse();
