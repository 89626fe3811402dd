-- Who leads a shard, and how the database refuses those who no longer do.
--
-- Two advisory locks a shard, (key, hashtext(shard)): 7501 is held by the leader's own connection as long as it
-- leads, 7502 is shared by every transaction that writes in its name and taken alone by the next leader.

-- Raises SK001 unless `epoch` is the shard's. Until the transaction ends no other leader can begin. (A row lock
-- would do the same, but the heartbeat, which writes the row, would wait for every long transaction.)
CREATE FUNCTION index_fence(wanted text, claimed bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7502, hashtext(wanted));
    SELECT l.epoch INTO found FROM indexes_leadership AS l WHERE l.shard = wanted;
    IF found IS DISTINCT FROM claimed THEN
        RAISE EXCEPTION 'engine %: epoch % does not lead, % does', wanted, claimed, found USING ERRCODE = 'SK001';
    END IF;
END $$;

CREATE FUNCTION index_fence_ticks() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM index_fence(led.shard, led.epoch)
    FROM (SELECT DISTINCT i.shard, a.epoch FROM added AS a JOIN indexes_index AS i ON i.id = a.index_id) AS led;
    RETURN NULL;
END $$;

CREATE TRIGGER indexes_tick_fence AFTER INSERT ON indexes_tick
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION index_fence_ticks();

-- Takes the lead of a shard for this connection: the new epoch, or null while another leads. One whose heartbeat is
-- older than `patience` though it holds the lock is stopped or cut off: its connections are ended, those of its
-- unfinished transactions too. All in one call, so that whoever has the lock also has the heartbeat.
CREATE FUNCTION index_lead(wanted text, who text, patience interval) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT oid := (SELECT oid FROM pg_database WHERE datname = current_database());
    key CONSTANT bigint := hashtext(wanted)::bigint & 4294967295;
    taken bigint;
BEGIN
    INSERT INTO indexes_leadership (shard) VALUES (wanted) ON CONFLICT DO NOTHING;
    IF NOT pg_try_advisory_lock(7501, hashtext(wanted)) THEN
        PERFORM pg_terminate_backend(h.pid, 1000)
        FROM pg_locks AS h JOIN indexes_leadership AS l ON l.backend = h.pid
        WHERE h.locktype = 'advisory' AND h.database = here AND h.classid = 7501 AND h.objid = key
          AND h.granted AND l.shard = wanted AND l.heartbeat_at < clock_timestamp() - patience;
        IF NOT pg_try_advisory_lock(7501, hashtext(wanted)) THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM pg_terminate_backend(h.pid, 1000)
    FROM pg_locks AS h
    WHERE h.locktype = 'advisory' AND h.database = here AND h.classid = 7502 AND h.objid = key
      AND h.granted AND h.pid <> pg_backend_pid();
    PERFORM pg_advisory_xact_lock(7502, hashtext(wanted));
    UPDATE indexes_leadership
    SET epoch = epoch + 1, holder = who, backend = pg_backend_pid(), heartbeat_at = clock_timestamp()
    WHERE shard = wanted RETURNING epoch INTO taken;
    RETURN taken;
END $$;

-- Every index has a state to lock, from the start.
CREATE FUNCTION index_open_state() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO indexes_indexstate (index_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER indexes_index_state AFTER INSERT ON indexes_index
    FOR EACH ROW EXECUTE FUNCTION index_open_state();
