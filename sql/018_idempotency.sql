-- Idempotency keys of requests: which request of an account came first under a key. Of the key only its SHA-256 is
-- here, and nothing of the request but its id. A row is written before the request runs, so of any number of
-- requests with one key, at any data planes, one runs.

CREATE TABLE idempotency (
    account_id uuid NOT NULL REFERENCES account,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    request_id uuid NOT NULL UNIQUE,
    boot_id    uuid NOT NULL,
    lease_id   uuid NOT NULL, -- which pays for the request
    claimed_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, digest)
) WITH (fillfactor = 80);
CREATE INDEX idempotency_by_age ON idempotency (claimed_at);

-- What became of the request that holds the key: used (answered, or billed at least in part), running (it may
-- be), over (it cost nothing and was not answered, or it ended with its data plane and no record of it came).
-- A lease is closed after the records of all requests that it pays for, or when its data plane is taken
-- for dead (lease_due), so an open lease without a record means that the request may be running.
CREATE FUNCTION idempotency_state(i idempotency) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN u.request_id IS NOT NULL THEN
            CASE WHEN u.cost_nusd > 0 OR u.error_class = 0 THEN 'used' ELSE 'over' END
        WHEN EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = i.lease_id AND l.state = 'open')
            THEN 'running'
        WHEN EXISTS (SELECT 1 FROM usage_aside a WHERE a.boot_id = i.boot_id
                     AND a.record ->> 'request_id' = i.request_id::text)
          OR EXISTS (SELECT 1 FROM usage_rejected r WHERE r.boot_id = i.boot_id
                     AND r.record ->> 'request_id' = i.request_id::text)
            THEN 'used'
        ELSE 'over' END
    FROM (SELECT 1) one LEFT JOIN usage u ON u.request_id = i.request_id
$$;

-- A data plane asks whether this request may run under this key. outcome: granted; in_flight, used: o_first holds
-- the key; none: its lease is not open, so the request may not run. Asked again for one request, the
-- answer is the same. A row older than p_window_ms holds nothing.
CREATE FUNCTION idempotency_claim(p_request uuid, p_boot uuid, p_account uuid, p_lease uuid,
                                  p_digest bytea, p_window_ms bigint,
                                  OUT outcome text, OUT o_first uuid) LANGUAGE plpgsql AS $$
DECLARE
    i idempotency;
    state text;
BEGIN
    PERFORM 1 FROM lease l WHERE l.lease_id = p_lease AND l.account_id = p_account
        AND l.boot_id = p_boot AND l.state = 'open';
    IF NOT FOUND THEN
        outcome := 'none';
        RETURN;
    END IF;
    o_first := p_request;
    outcome := 'granted';
    LOOP
        INSERT INTO idempotency VALUES (p_account, p_digest, p_request, p_boot, p_lease, ledger_now())
        ON CONFLICT (account_id, digest) DO NOTHING;
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT * INTO i FROM idempotency WHERE account_id = p_account AND digest = p_digest FOR UPDATE;
        EXIT WHEN FOUND; -- else it was released meanwhile
    END LOOP;
    IF i.request_id = p_request THEN
        RETURN;
    END IF;
    state := idempotency_state(i); -- as of now, behind the lock
    IF state = 'over' OR i.claimed_at < ledger_now() - p_window_ms * interval '1 millisecond' THEN
        UPDATE idempotency SET request_id = p_request, boot_id = p_boot, lease_id = p_lease,
            claimed_at = ledger_now()
        WHERE account_id = p_account AND digest = p_digest;
        RETURN;
    END IF;
    o_first := i.request_id;
    outcome := CASE state WHEN 'used' THEN 'used' ELSE 'in_flight' END;
END $$;

-- The request will not run.
CREATE FUNCTION idempotency_release(p_request uuid, p_boot uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM idempotency WHERE request_id = p_request AND boot_id = p_boot
$$;

-- Rows that hold nothing any more, at most p_max.
CREATE FUNCTION idempotency_clean(p_window_ms bigint, p_max bigint) RETURNS bigint
LANGUAGE sql AS $$
    WITH old AS (
        SELECT request_id FROM idempotency
        WHERE claimed_at < ledger_now() - p_window_ms * interval '1 millisecond'
        ORDER BY claimed_at LIMIT p_max FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM idempotency i USING old WHERE i.request_id = old.request_id RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
