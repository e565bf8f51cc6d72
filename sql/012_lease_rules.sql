-- Leases follow the rules of their key, and are sized by the data plane that holds them.
--
-- 1. Every change of a key's rules gives the key a new version, and every answer about the key carries the
--    version it was given under. A data plane ignores what is older than what it has heard, so it does not
--    matter in which order a look-up and a revocation arrive. Versions follow the clock where they can, so
--    that a database restored from a backup goes on above what it had told before.
-- 2. A data plane says what requests need that wait for an answer (need) and what it would like to hold
--    beside that (want). Neither: the lease is renewed and gets nothing.
-- 3. Nothing here waits for a lock: while another transaction holds the account the answer is 'busy', and
--    the control plane asks again. So a statement about one account never stands before one about another.

ALTER TABLE api_key ADD version bigint NOT NULL DEFAULT 1;

CREATE FUNCTION api_key_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version;
    IF (NEW.role, NEW.disabled, NEW.deleted_at, NEW.expires_at, NEW.limit_nusd, NEW.limit_reset,
        NEW.requests_per_minute, NEW.tokens_per_minute)
       IS DISTINCT FROM
       (OLD.role, OLD.disabled, OLD.deleted_at, OLD.expires_at, OLD.limit_nusd, OLD.limit_reset,
        OLD.requests_per_minute, OLD.tokens_per_minute) THEN
        NEW.version := greatest(OLD.version + 1,
                                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_version BEFORE UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_version();

-- Every statement that changes a key's rules tells every control plane.
-- Payload: digest in hex, the reason (key_refusal, or 'changed' when the key may still be used), version.
CREATE OR REPLACE FUNCTION api_key_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version <> OLD.version THEN
        PERFORM pg_notify('tr_key', encode(NEW.digest, 'hex') || ' '
                                    || coalesce(key_refusal(NEW), 'changed') || ' ' || NEW.version);
    END IF;
    RETURN NULL;
END $$;

-- What has changed of the keys that a data plane holds: those that may not be used, and those with another
-- version than the one it was told (parallel arrays). One statement for a portion of keys.
CREATE FUNCTION key_changes(p_digests bytea[], p_versions bigint[])
RETURNS TABLE (digest bytea, outcome text, version bigint) LANGUAGE sql STABLE AS $$
    SELECT q.digest, coalesce(key_refusal(k), 'changed'), coalesce(k.version, q.version)
    FROM unnest(p_digests, p_versions) AS q (digest, version)
    LEFT JOIN api_key k ON k.digest = q.digest
    WHERE k.version IS DISTINCT FROM q.version OR key_refusal(k) IS NOT NULL
$$;

-- Lock the account and the two balances that leases move; false when another transaction holds them.
CREATE FUNCTION account_take(p_account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT count(*) INTO n FROM (SELECT 1 FROM ledger_account
                                 WHERE owner = p_account AND kind IN ('available', 'leased')
                                 ORDER BY ledger_account_id FOR NO KEY UPDATE SKIP LOCKED) x;
    RETURN n = 2;
END $$;

CREATE INDEX lease_open_by_account ON lease (account_id) WHERE state = 'open';

-- What is there for a key. available: not lent. lent: in open leases of the account. key_left: the limit
-- less what the key spent in its window and holds in leases; below zero when the limit was lowered under
-- them; NULL without a limit. most: what the key could spend if everything lent came back unspent, and
-- limited says that its own limit is what bounds that.
DROP FUNCTION lease_room(uuid);
CREATE FUNCTION lease_room(p_key uuid, OUT available bigint, OUT lent bigint, OUT key_left bigint,
                           OUT most bigint, OUT limited boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k api_key;
    spent bigint;
BEGIN
    SELECT * INTO k FROM api_key WHERE key_id = p_key;
    SELECT sum(balance_nusd) FILTER (WHERE kind = 'available'),
           sum(balance_nusd) FILTER (WHERE kind = 'leased')
    INTO available, lent FROM ledger_account WHERE owner = k.account_id;
    most := available + lent;
    limited := false;
    IF k.limit_nusd IS NOT NULL THEN
        SELECT s.window_nusd INTO spent FROM key_spend s WHERE s.key_id = p_key;
        SELECT k.limit_nusd - spent - coalesce(sum(granted_nusd - spent_nusd - returned_nusd), 0)
        INTO key_left FROM lease WHERE key_id = p_key AND state = 'open';
        limited := k.limit_nusd - spent < most;
        most := greatest(0, least(most, k.limit_nusd - spent));
    END IF;
END $$;

-- How much to add. What waiting requests need they may have, as far as there is any; beyond that a lease
-- gets what it wants, but never more than its share: p_parts is in how many parts what is there and what
-- the lease already holds (p_held) is thought to be divided. So asking often does not add up to more. Near
-- zero a share is $0.001, because parts of little would only cost round trips.
DROP FUNCTION lease_amount(bigint, bigint, bigint, bigint);
CREATE FUNCTION lease_amount(p_available bigint, p_key_left bigint, p_need bigint, p_want bigint,
                             p_held bigint, p_parts bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(0, least(coalesce(p_key_left, p_available), p_available,
                 greatest(p_need, least(p_want, greatest((p_available + p_held) / p_parts, 1000000)
                                                - p_held))))
$$;

-- A request waits for money that is lent: ask the data planes with the largest leases to give some back. The
-- control planes hear it and pass it on ('recall', boot, key, lease, what is missing).
CREATE FUNCTION lease_recall(p_account uuid, p_key uuid, p_not_lease uuid, p_need bigint)
RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('tr_key', 'recall ' || replace(l.boot_id::text, '-', '') || ' '
                     || replace(l.key_id::text, '-', '') || ' ' || replace(l.lease_id::text, '-', '')
                     || ' ' || p_need)
    FROM (SELECT boot_id, key_id, lease_id FROM lease
          WHERE account_id = p_account AND state = 'open' AND lease_id IS DISTINCT FROM p_not_lease
            AND key_id = coalesce(p_key, key_id) AND expires_at > ledger_now()
            AND granted_nusd - spent_nusd - returned_nusd > 0
          ORDER BY granted_nusd - spent_nusd - returned_nusd DESC LIMIT 8) l
$$;

-- A data plane looks a key up. outcome: ok, unknown, disabled, expired, busy, and when nothing can be lent
-- credit or limit, with o_most.
DROP FUNCTION lease_open(bytea, uuid, uuid, bigint, bigint, bigint);
CREATE FUNCTION lease_open(
    p_digest bytea, p_boot uuid, p_new_lease uuid, p_need bigint, p_want bigint, p_lease_ms bigint,
    OUT outcome text, OUT o_key uuid, OUT o_account uuid, OUT o_lease uuid, OUT o_granted bigint,
    OUT o_requests bigint, OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint,
    OUT o_most bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    r record;
BEGIN
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    o_version := coalesce(k.version, 0);
    o_most := 0;
    outcome := key_refusal(k);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    IF NOT account_take(k.account_id) THEN
        outcome := 'busy';
        RETURN;
    END IF;
    -- What the key's rules are now, under the lock. They may change before we commit: the version says
    -- under which ones we answer.
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    o_version := k.version;
    outcome := key_refusal(k);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO r FROM lease_room(k.key_id);
    o_most := r.most;
    o_granted := lease_amount(r.available, r.key_left, p_need, p_want, 0, 4);
    IF o_granted < p_need AND r.lent > 0 THEN
        PERFORM lease_recall(k.account_id,
                             CASE WHEN r.key_left < r.available THEN k.key_id END, NULL,
                             p_need - o_granted);
    END IF;
    IF o_granted <= 0 THEN
        outcome := CASE WHEN r.limited OR r.key_left < r.available THEN 'limit'
                        ELSE 'credit' END;
        RETURN;
    END IF;
    INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)
    VALUES (p_new_lease, k.key_id, k.account_id, p_boot, o_granted, ledger_now(),
            ledger_now() + p_lease_ms * interval '1 millisecond');
    PERFORM ledger_move('lease', k.account_id, p_new_lease, 'available', 'leased', o_granted);
    outcome := 'ok';
    o_key := k.key_id;
    o_account := k.account_id;
    o_lease := p_new_lease;
    o_requests := k.requests_per_minute;
    o_tokens := k.tokens_per_minute;
    o_expires_ms := coalesce(extract(epoch FROM k.expires_at) * 1000, 0);
END $$;

-- The data plane has given back p_total of the lease in all: what of that is not booked yet, but at most
-- what is left. The caller holds the account.
CREATE FUNCTION lease_returned(l lease, p_total bigint) RETURNS lease LANGUAGE plpgsql AS $$
DECLARE
    amount bigint := least(l.granted_nusd - l.spent_nusd - l.returned_nusd, p_total - l.returned_nusd);
BEGIN
    IF amount > 0 THEN
        PERFORM ledger_move('return', l.account_id, l.lease_id, 'leased', 'available', amount);
        UPDATE lease x SET returned_nusd = x.returned_nusd + amount
        WHERE x.lease_id = l.lease_id RETURNING * INTO l;
    END IF;
    RETURN l;
END $$;

-- A data plane renews a lease, and may ask for more. outcome: ok; credit, limit (nothing could be added,
-- although a request needs it; o_most says what the key could spend at most); gone (closed, not this
-- boot's, or the key may no longer spend); busy. The lease is renewed (o_lease_ms) unless the key's leases
-- hold more than its limit leaves: such a lease is not renewed before its unreserved rest came back.
-- p_returned: what the data plane has ever given back of the lease; what was lost of that goes back first.
DROP FUNCTION lease_extend(uuid, uuid, uuid, bigint, bigint, bigint);
CREATE FUNCTION lease_extend(
    p_lease uuid, p_key uuid, p_boot uuid, p_need bigint, p_want bigint, p_lease_ms bigint,
    p_returned bigint, OUT outcome text, OUT o_granted bigint, OUT o_lease_ms bigint, OUT o_requests bigint,
    OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint, OUT o_most bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    l lease;
    r record;
    held bigint;
    amount bigint;
BEGIN
    o_granted := 0; o_lease_ms := 0; o_requests := 0; o_tokens := 0; o_expires_ms := 0;
    o_version := 0; o_most := 0;
    SELECT * INTO l FROM lease WHERE lease_id = p_lease;
    IF l.lease_id IS NOT NULL AND NOT account_take(l.account_id) THEN
        outcome := 'busy';
        RETURN;
    END IF;
    SELECT * INTO l FROM lease
    WHERE lease_id = p_lease AND key_id = p_key AND boot_id = p_boot AND state = 'open';
    SELECT * INTO k FROM api_key WHERE key_id = l.key_id;
    o_version := coalesce(k.version, 0);
    IF key_refusal(k) IS NOT NULL THEN
        outcome := 'gone';
        RETURN;
    END IF;
    o_requests := k.requests_per_minute;
    o_tokens := k.tokens_per_minute;
    o_expires_ms := coalesce(extract(epoch FROM k.expires_at) * 1000, 0);
    l := lease_returned(l, p_returned);
    SELECT * INTO r FROM lease_room(k.key_id);
    o_most := r.most;
    held := l.granted_nusd - l.spent_nusd - l.returned_nusd;
    amount := lease_amount(r.available, r.key_left, p_need, p_want, held, 2);
    IF amount < p_need AND r.lent > held THEN
        PERFORM lease_recall(l.account_id,
                             CASE WHEN r.key_left < r.available THEN l.key_id END, p_lease,
                             p_need - amount);
    END IF;
    IF amount > 0 THEN
        PERFORM ledger_move('lease', l.account_id, l.lease_id, 'available', 'leased', amount);
    END IF;
    IF coalesce(r.key_left, 0) >= 0 THEN
        o_lease_ms := p_lease_ms;
    END IF;
    UPDATE lease SET granted_nusd = granted_nusd + amount,
        expires_at = CASE WHEN o_lease_ms > 0
                          THEN ledger_now() + p_lease_ms * interval '1 millisecond' ELSE expires_at END
    WHERE lease_id = l.lease_id RETURNING granted_nusd INTO o_granted;
    outcome := CASE WHEN o_lease_ms = 0 THEN 'limit'
                    WHEN amount > 0 OR p_need <= 0 THEN 'ok'
                    WHEN r.limited OR r.key_left < r.available THEN 'limit'
                    ELSE 'credit' END;
END $$;

-- Give back part of a lease (p_total of it in all, at most what is left), or, when final, all that is left.
-- Returns what went back; 0 for a lease that is closed or not this boot's; NULL: busy.
DROP FUNCTION lease_return(uuid, uuid, bigint, boolean);
CREATE FUNCTION lease_return(p_lease uuid, p_boot uuid, p_total bigint, p_final boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    l lease;
    before bigint;
BEGIN
    SELECT * INTO l FROM lease WHERE lease_id = p_lease AND boot_id = p_boot AND state = 'open';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF NOT account_take(l.account_id) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO l FROM lease WHERE lease_id = p_lease AND boot_id = p_boot AND state = 'open';
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    before := l.returned_nusd;
    l := lease_returned(l, CASE WHEN p_final THEN l.granted_nusd ELSE p_total END);
    IF p_final THEN
        UPDATE lease SET state = 'returned', closed_at = ledger_now() WHERE lease_id = l.lease_id;
    END IF;
    RETURN l.returned_nusd - before;
END $$;
