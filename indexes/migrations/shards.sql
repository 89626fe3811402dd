-- Indexes split over several engines: how a second begins, and how an index moves from one engine to another.

-- The head of a second: the fence, the locks on the shard's states, and only then the time, so that a second that
-- had to wait is judged, and its prices' age counted, by when it could go on.
CREATE FUNCTION index_begin(wanted text, claimed bigint) RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM index_fence(wanted, claimed);
    PERFORM FROM indexes_indexstate AS s
    WHERE s.index_id IN (SELECT i.id FROM indexes_index AS i WHERE i.shard = wanted)
    ORDER BY s.index_id FOR NO KEY UPDATE;
    RETURN clock_timestamp();
END $$;

-- What a leader reports of its last second. Seconds between two reports were skipped, those without a leader too.
CREATE FUNCTION index_report(
    led text, claimed bigint, second bigint, phases double precision[], executed bigint, failed bigint
) RETURNS bigint
LANGUAGE sql AS $$
    UPDATE indexes_leadership
    SET heartbeat_at = clock_timestamp(), ticked_at = second,
        skipped = skipped + greatest(0, second - ticked_at - 1),
        read_seconds = phases[1], decide_seconds = phases[2], push_seconds = phases[3], execute_seconds = phases[4],
        executions = executions + executed, failures = failures + failed
    WHERE shard = led AND epoch = claimed
    RETURNING epoch
$$;

CREATE FUNCTION index_led(wanted text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM indexes_leadership WHERE shard = wanted AND heartbeat_at > clock_timestamp() - interval '3 seconds'
    )
$$;

-- An index moves between two transactions of both engines, at a moment when the new one is not ahead of what the
-- index has seen: its next second is then the index's next one too. Where the old engine does not live there is
-- nothing to wait for; where only the new one does not, the move is refused.
CREATE FUNCTION index_move() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    ahead bigint;
    seen bigint;
BEGIN
    IF index_led(OLD.shard) AND NOT index_led(NEW.shard) THEN
        RAISE EXCEPTION 'no engine leads %', NEW.shard USING ERRCODE = 'SK003';
    END IF;
    FOR attempt IN 1..100 LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(7502, key)
            FROM (SELECT DISTINCT hashtext(s) AS key FROM unnest(ARRAY[OLD.shard, NEW.shard]) AS s ORDER BY 1) AS keys;
            SELECT max(s.seen_at) INTO ahead
            FROM indexes_indexstate AS s JOIN indexes_index AS i ON i.id = s.index_id WHERE i.shard = NEW.shard;
            SELECT s.seen_at INTO seen FROM indexes_indexstate AS s WHERE s.index_id = NEW.id;
            IF ahead <= seen OR ahead IS NULL OR seen IS NULL OR NOT index_led(OLD.shard) THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'SK002';
        EXCEPTION WHEN SQLSTATE 'SK002' THEN
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    RAISE EXCEPTION 'engine % is ahead of %', NEW.shard, OLD.shard USING ERRCODE = 'SK003';
END $$;

CREATE TRIGGER indexes_index_move BEFORE UPDATE OF shard ON indexes_index
    FOR EACH ROW WHEN (OLD.shard IS DISTINCT FROM NEW.shard) EXECUTE FUNCTION index_move();
