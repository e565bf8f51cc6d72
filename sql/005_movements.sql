-- Every way money moves: one function each, called alone in its transaction.

-- Move amount from one ledger account to another under a new transfer.
CREATE FUNCTION ledger_move(p_kind text, p_account uuid, p_lease uuid, p_from text, p_to text,
                            p_amount bigint, p_idempotency text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    IF p_amount <= 0 THEN
        RAISE EXCEPTION 'a transfer moves a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO transfer (kind, account_id, lease_id, idempotency, at)
    VALUES (p_kind, p_account, p_lease, p_idempotency, ledger_now()) RETURNING transfer_id INTO id;
    INSERT INTO posting (transfer_id, ledger_account_id, amount_nusd)
    SELECT id, a.ledger_account_id, CASE WHEN a.kind = p_to THEN p_amount ELSE -p_amount END
    FROM (SELECT * FROM ledger_account WHERE owner = p_account
          UNION ALL
          SELECT * FROM ledger_account WHERE owner IS NULL) a
    WHERE a.kind IN (p_from, p_to);
    RETURN id;
END $$;

-- Credit an account. outcome: ok; repeated (same idempotency key and amount: nothing moved);
-- conflict (same key, another amount); unknown (no such account).
CREATE FUNCTION ledger_topup(p_account uuid, p_amount bigint, p_idempotency text,
                             OUT outcome text, OUT o_transfer bigint, OUT o_available bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    SELECT t.transfer_id, p.amount_nusd INTO o_transfer, before
    FROM transfer t JOIN posting p ON p.transfer_id = t.transfer_id AND p.amount_nusd > 0
    WHERE t.account_id = p_account AND t.kind = 'topup' AND t.idempotency = p_idempotency;
    IF FOUND THEN
        outcome := CASE WHEN before = p_amount THEN 'repeated' ELSE 'conflict' END;
    ELSE
        outcome := 'ok';
        o_transfer := ledger_move('topup', p_account, NULL, 'deposits', 'available', p_amount,
                                  p_idempotency);
    END IF;
    SELECT balance_nusd INTO o_available FROM ledger_account
    WHERE owner = p_account AND kind = 'available';
END $$;

-- What may be lent to a key now, at most: the account's available money and the key's limit less
-- what it spent in its window and holds in leases. The caller holds the account's row.
CREATE FUNCTION lease_room(p_key uuid, OUT available bigint, OUT key_left bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k api_key;
BEGIN
    SELECT * INTO k FROM api_key WHERE key_id = p_key;
    SELECT balance_nusd INTO available FROM ledger_account
    WHERE owner = k.account_id AND kind = 'available';
    IF k.limit_nusd IS NOT NULL THEN
        SELECT greatest(0, k.limit_nusd - s.window_nusd
                           - (SELECT coalesce(sum(granted_nusd - spent_nusd - returned_nusd), 0)
                              FROM lease WHERE key_id = p_key AND state = 'open'))
        INTO key_left FROM key_spend s WHERE s.key_id = p_key;
    END IF;
END $$;

-- How much to add. Without a larger wish a lease takes the usual amount, but at most a quarter of
-- what is there, so that other keys and data planes find some; near zero it takes $0.001, because
-- quarters of little would only cost round trips. Whoever needs more may have all there is.
CREATE FUNCTION lease_amount(p_available bigint, p_key_left bigint, p_want bigint, p_usual bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT least(coalesce(p_key_left, p_available), p_available,
                 greatest(p_want, least(p_usual, greatest(p_available / 4, 1000000))))
$$;

-- A data plane asks for a key it does not know. outcome: ok, unknown, disabled, expired, credit,
-- limit. An open lease of this key and boot is reused and extended.
CREATE FUNCTION lease_open(p_digest bytea, p_boot uuid, p_new_lease uuid, p_want bigint,
                           p_usual bigint, p_lease_ms bigint,
                           OUT outcome text, OUT o_key uuid, OUT o_account uuid, OUT o_lease uuid,
                           OUT o_granted bigint, OUT o_requests bigint, OUT o_tokens bigint,
                           OUT o_expires_ms bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    l lease;
    room record;
    amount bigint;
BEGIN
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    PERFORM 1 FROM account WHERE account_id = k.account_id FOR NO KEY UPDATE;
    -- Again under the lock: what was disabled while we waited stays disabled.
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    outcome := CASE
        WHEN k.key_id IS NULL OR k.deleted_at IS NOT NULL OR k.role <> 'inference' THEN 'unknown'
        WHEN k.disabled THEN 'disabled'
        WHEN k.expires_at <= ledger_now() THEN 'expired' END;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;

    SELECT * INTO l FROM lease WHERE key_id = k.key_id AND boot_id = p_boot AND state = 'open';
    SELECT * INTO room FROM lease_room(k.key_id);
    amount := lease_amount(room.available, room.key_left, p_want, p_usual);
    IF amount <= 0 AND coalesce(l.granted_nusd - l.spent_nusd - l.returned_nusd, 0) <= 0 THEN
        outcome := CASE WHEN room.available <= 0 THEN 'credit' ELSE 'limit' END;
        RETURN;
    END IF;

    IF l.lease_id IS NULL THEN
        INSERT INTO lease (lease_id, key_id, account_id, boot_id, opened_at, expires_at)
        VALUES (p_new_lease, k.key_id, k.account_id, p_boot, ledger_now(), ledger_now())
        RETURNING * INTO l;
    END IF;
    IF amount > 0 THEN
        PERFORM ledger_move('lease', k.account_id, l.lease_id, 'available', 'leased', amount);
    END IF;
    UPDATE lease SET granted_nusd = granted_nusd + amount,
        expires_at = ledger_now() + p_lease_ms * interval '1 millisecond'
    WHERE lease_id = l.lease_id RETURNING granted_nusd INTO o_granted;
    outcome := 'ok';
    o_key := k.key_id;
    o_account := k.account_id;
    o_lease := l.lease_id;
    o_requests := k.requests_per_minute;
    o_tokens := k.tokens_per_minute;
    o_expires_ms := coalesce(extract(epoch FROM k.expires_at) * 1000, 0);
END $$;

-- A data plane asks for more. outcome: ok, credit, limit (the lease goes on, its end is renewed),
-- gone (closed, not this boot's, or the key may no longer spend).
CREATE FUNCTION lease_extend(p_lease uuid, p_key uuid, p_boot uuid, p_want bigint, p_usual bigint,
                             p_lease_ms bigint, OUT outcome text, OUT o_granted bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    l lease;
    room record;
    amount bigint;
BEGIN
    PERFORM 1 FROM account a JOIN lease x USING (account_id)
    WHERE x.lease_id = p_lease FOR NO KEY UPDATE OF a;
    SELECT * INTO l FROM lease
    WHERE lease_id = p_lease AND key_id = p_key AND boot_id = p_boot AND state = 'open';
    SELECT * INTO k FROM api_key WHERE key_id = l.key_id;
    IF k.key_id IS NULL OR k.deleted_at IS NOT NULL OR k.disabled
       OR coalesce(k.expires_at <= ledger_now(), false) THEN
        outcome := 'gone';
        o_granted := 0;
        RETURN;
    END IF;
    SELECT * INTO room FROM lease_room(k.key_id);
    amount := lease_amount(room.available, room.key_left, p_want, p_usual);
    IF amount > 0 THEN
        PERFORM ledger_move('lease', l.account_id, l.lease_id, 'available', 'leased', amount);
    END IF;
    UPDATE lease SET granted_nusd = granted_nusd + amount,
        expires_at = ledger_now() + p_lease_ms * interval '1 millisecond'
    WHERE lease_id = l.lease_id RETURNING granted_nusd INTO o_granted;
    outcome := CASE WHEN amount > 0 THEN 'ok' WHEN room.available <= 0 THEN 'credit'
                    ELSE 'limit' END;
END $$;

-- Give back part of a lease (at most what is left of it), or, when final, all that is left.
-- Returns what went back; 0 for a lease that is closed or not this boot's.
CREATE FUNCTION lease_return(p_lease uuid, p_boot uuid, p_amount bigint, p_final boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    l lease;
    amount bigint;
BEGIN
    PERFORM 1 FROM account a JOIN lease x USING (account_id)
    WHERE x.lease_id = p_lease FOR NO KEY UPDATE OF a;
    SELECT * INTO l FROM lease WHERE lease_id = p_lease AND boot_id = p_boot AND state = 'open';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    amount := l.granted_nusd - l.spent_nusd - l.returned_nusd;
    IF NOT p_final THEN
        amount := least(amount, greatest(p_amount, 0));
    END IF;
    IF amount > 0 THEN
        PERFORM ledger_move('return', l.account_id, l.lease_id, 'leased', 'available', amount);
    END IF;
    UPDATE lease SET returned_nusd = returned_nusd + amount,
        state = CASE WHEN p_final THEN 'returned' ELSE 'open' END,
        closed_at = CASE WHEN p_final THEN ledger_now() END
    WHERE lease_id = l.lease_id;
    RETURN amount;
END $$;

-- Close leases that ended more than p_grace_ms ago and give what is left of them back. Accounts that
-- somebody else is working on are left for the next round, so instances never wait for each other.
CREATE FUNCTION lease_reclaim(p_grace_ms bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    l lease;
    n bigint := 0;
    amount bigint;
BEGIN
    FOR l IN
        SELECT x.* FROM lease x
        WHERE x.state = 'open'
          AND x.expires_at < ledger_now() - p_grace_ms * interval '1 millisecond'
        ORDER BY x.expires_at LIMIT p_max
    LOOP
        PERFORM 1 FROM account WHERE account_id = l.account_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        -- Under the lock: it may have been extended or closed since.
        SELECT * INTO l FROM lease WHERE lease_id = l.lease_id AND state = 'open'
            AND expires_at < ledger_now() - p_grace_ms * interval '1 millisecond';
        CONTINUE WHEN NOT FOUND;
        amount := l.granted_nusd - l.spent_nusd - l.returned_nusd;
        IF amount > 0 THEN
            PERFORM ledger_move('reclaim', l.account_id, l.lease_id, 'leased', 'available', amount);
        END IF;
        UPDATE lease SET returned_nusd = returned_nusd + amount, state = 'reclaimed',
            closed_at = ledger_now() WHERE lease_id = l.lease_id;
        n := n + 1;
    END LOOP;
    RETURN n;
END $$;
