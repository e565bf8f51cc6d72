-- A lease is granted once. lease_open() of 005 found an open lease of the same key and boot and told its
-- total again, which is right only for a data plane that remembers what it spent of it: one that had
-- forgotten the key (a full keyring, an answer that came too late) took the total for new credit. Now
-- every look-up opens a lease of its own, and the earlier one stays for the records and returns that
-- still belong to it, until the data plane gives it back or it is reclaimed.

DROP INDEX lease_one_open;
CREATE INDEX lease_open_by_key ON lease (key_id) WHERE state = 'open';

-- Why a key may not infer: unknown, disabled, expired; NULL when it may. An absent key is unknown.
CREATE FUNCTION key_refusal(k api_key) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN k.key_id IS NULL OR k.deleted_at IS NOT NULL OR k.role <> 'inference' THEN 'unknown'
        WHEN k.disabled THEN 'disabled'
        WHEN k.expires_at <= ledger_now() THEN 'expired' END
$$;

-- A data plane looks a key up. outcome: ok, unknown, disabled, expired, credit, limit.
CREATE OR REPLACE FUNCTION lease_open(
    p_digest bytea, p_boot uuid, p_new_lease uuid, p_want bigint, p_usual bigint, p_lease_ms bigint,
    OUT outcome text, OUT o_key uuid, OUT o_account uuid, OUT o_lease uuid, OUT o_granted bigint,
    OUT o_requests bigint, OUT o_tokens bigint, OUT o_expires_ms bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    room record;
BEGIN
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    PERFORM 1 FROM account WHERE account_id = k.account_id FOR NO KEY UPDATE;
    -- Again under the lock: what was disabled while we waited stays disabled.
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    outcome := key_refusal(k);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO room FROM lease_room(k.key_id);
    o_granted := lease_amount(room.available, room.key_left, p_want, p_usual);
    IF o_granted <= 0 THEN
        outcome := CASE WHEN room.available <= 0 THEN 'credit' ELSE 'limit' END;
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
