-- Idempotency keys of the REST API: a POST with a key is carried out once, and whoever repeats it reads the first
-- answer. A row is written before the request is carried out. The transaction in which the request writes says
-- so in the same row (rest_ran), so after any crash the row tells whether it was carried out.
--
-- Of the key only its SHA-256 is here, of the request a MAC, and of the answer only what is sealed: MAC and seal are made
-- with the key and the caller's credential, neither of which the database has (controlplane/api/idempotent.h).

CREATE TABLE rest_idempotency (
    account_id uuid NOT NULL, -- the workspace that the call acted on
    caller     uuid NOT NULL, -- the API key or the user
    digest     bytea NOT NULL CHECK (octet_length(digest) = 32),  -- of the key
    request    bytea NOT NULL CHECK (octet_length(request) = 32), -- MAC of method, path, query and body
    claim      uuid NOT NULL, -- the call that may carry it out
    -- claimed: it may be under way, and has written nothing; ran: it has written; answered: and this was the answer.
    state      text NOT NULL CHECK (state IN ('claimed', 'ran', 'answered')),
    claimed_at timestamptz NOT NULL,
    status     integer CHECK (status BETWEEN 200 AND 499),
    answer     bytea CHECK (octet_length(answer) <= 1 << 20),
    PRIMARY KEY (account_id, caller, digest),
    CHECK ((state = 'answered') = (status IS NOT NULL AND answer IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX rest_idempotency_by_claim ON rest_idempotency (account_id, claim);
CREATE INDEX rest_idempotency_by_age ON rest_idempotency (claimed_at);

-- outcome: granted: this call carries it out. replay: o_status and o_answer are the first answer. reused: the key
-- came with another request. in_progress: the first is under way. lost: the first was carried out, and the
-- control plane ended before its answer was kept. A claim older than p_claim_ms that has written nothing is given
-- to the next call; its former holder can write no more. A row older than p_window_ms holds nothing.
CREATE FUNCTION rest_claim(p_account uuid, p_caller uuid, p_digest bytea, p_request bytea, p_claim uuid,
                           p_claim_ms bigint, p_window_ms bigint,
                           OUT outcome text, OUT o_status integer, OUT o_answer bytea) LANGUAGE plpgsql AS $$
DECLARE
    i rest_idempotency;
    stale boolean;
BEGIN
    outcome := 'granted';
    LOOP
        INSERT INTO rest_idempotency (account_id, caller, digest, request, claim, state, claimed_at)
        VALUES (p_account, p_caller, p_digest, p_request, p_claim, 'claimed', ledger_now())
        ON CONFLICT (account_id, caller, digest) DO NOTHING;
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT * INTO i FROM rest_idempotency
        WHERE account_id = p_account AND caller = p_caller AND digest = p_digest FOR UPDATE;
        EXIT WHEN FOUND; -- else it was released meanwhile
    END LOOP;
    stale := i.claimed_at < ledger_now() - p_claim_ms * interval '1 millisecond';
    IF i.claimed_at >= ledger_now() - p_window_ms * interval '1 millisecond' THEN
        IF i.request <> p_request THEN
            outcome := 'reused';
            RETURN;
        ELSIF i.state = 'answered' THEN
            outcome := 'replay';
            o_status := i.status;
            o_answer := i.answer;
            RETURN;
        ELSIF i.state = 'ran' OR NOT stale THEN
            outcome := CASE WHEN stale THEN 'lost' ELSE 'in_progress' END;
            RETURN;
        END IF;
    END IF;
    UPDATE rest_idempotency SET request = p_request, claim = p_claim, state = 'claimed',
        claimed_at = ledger_now(), status = NULL, answer = NULL
    WHERE account_id = p_account AND caller = p_caller AND digest = p_digest;
END $$;

-- The last statement of a transaction in which a call with a claim did something. When it wrote, the row says so
-- from the same commit on; when the claim is another call's by now, nothing of the transaction is committed.
CREATE FUNCTION rest_ran(p_account uuid, p_claim uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF pg_current_xact_id_if_assigned() IS NULL THEN
        RETURN false; -- it only read
    END IF;
    UPDATE rest_idempotency SET state = 'ran'
    WHERE account_id = p_account AND claim = p_claim AND state <> 'answered';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this call no longer holds its idempotency key' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
END $$;

-- What was answered, for whoever asks again. A refusal that wrote nothing is not kept: what asks again is judged again.
CREATE FUNCTION rest_answer(p_account uuid, p_claim uuid, p_status bigint, p_answer bytea) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM rest_idempotency
    WHERE account_id = p_account AND claim = p_claim AND state = 'claimed' AND p_status >= 400;
    UPDATE rest_idempotency SET state = 'answered', status = p_status::integer, answer = p_answer
    WHERE account_id = p_account AND claim = p_claim
$$;

-- The call ended without an answer worth keeping. What has written keeps its row: it must not be carried out again.
CREATE FUNCTION rest_release(p_account uuid, p_claim uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM rest_idempotency WHERE account_id = p_account AND claim = p_claim AND state = 'claimed'
$$;

-- Rows that hold nothing any more, at most p_max. Says how many.
CREATE FUNCTION rest_idempotency_clean(p_window_ms bigint, p_max bigint) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT account_id, caller, digest FROM rest_idempotency
        WHERE claimed_at < ledger_now() - p_window_ms * interval '1 millisecond'
        ORDER BY claimed_at LIMIT p_max FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM rest_idempotency i USING old
        WHERE i.account_id = old.account_id AND i.caller = old.caller AND i.digest = old.digest RETURNING 1
    )
    SELECT count(*) FROM gone
$$;
