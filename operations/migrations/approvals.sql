-- What PostgreSQL itself keeps of operators' actions, whoever writes and by whatever statement: audit entries are only
-- ever added; a proposal begins undecided, is never edited, and is decided once. That nobody approves what it proposed
-- is a check constraint of the table.

CREATE FUNCTION operations_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'operations: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER operations_auditentry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operations_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION operations_refuse();
CREATE TRIGGER operations_approval_kept BEFORE DELETE OR TRUNCATE ON operations_approval
    FOR EACH STATEMENT EXECUTE FUNCTION operations_refuse();

CREATE FUNCTION operations_guard_approval() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' THEN
            RAISE EXCEPTION 'operations: a proposal begins undecided' USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF OLD.status <> 'pending' THEN
        RAISE EXCEPTION 'operations: a proposal is decided once' USING ERRCODE = 'insufficient_privilege';
    ELSIF (NEW.id, NEW.kind, NEW.object_type, NEW.object_id, NEW.proposal, NEW.reason, NEW.proposed_by_id, NEW.proposed_at)
        IS DISTINCT FROM
        (OLD.id, OLD.kind, OLD.object_type, OLD.object_id, OLD.proposal, OLD.reason, OLD.proposed_by_id, OLD.proposed_at)
    THEN
        RAISE EXCEPTION 'operations: a proposal is never edited' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER operations_approval_guard BEFORE INSERT OR UPDATE ON operations_approval
    FOR EACH ROW EXECUTE FUNCTION operations_guard_approval();
