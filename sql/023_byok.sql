-- Provider keys of customers' own. What is stored is sealed to a key of the attested data planes
-- (docs/byok.md): this database cannot tell what is inside, and a data plane checks that it is this account's
-- and for this provider.

CREATE TABLE byok_key (
    byok_id     uuid PRIMARY KEY,
    account_id  uuid NOT NULL REFERENCES account,
    provider    text NOT NULL CHECK (length(provider) BETWEEN 1 AND 31),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    sealed      bytea NOT NULL CHECK (octet_length(sealed) BETWEEN 49 AND 1024),
    seal_id     bytea NOT NULL CHECK (octet_length(seal_id) = 8),
    disabled    boolean NOT NULL DEFAULT false,
    is_fallback boolean NOT NULL DEFAULT false, -- tried after the operator's keys
    always_use  boolean NOT NULL DEFAULT false, -- the operator's keys are not used at this provider
    sort_order  integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz,
    CHECK (NOT (is_fallback AND always_use))
);
CREATE INDEX byok_key_by_account ON byok_key (account_id, sort_order, created_at);

-- The version of the account's own keys, at each of its API keys; 0: it has none that is enabled. It is part
-- of the key's rules, so a change reaches every data plane as any change of a key does (012).
ALTER TABLE api_key ADD byok_version bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION api_key_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version;
    IF (NEW.role, NEW.disabled, NEW.deleted_at, NEW.expires_at, NEW.limit_nusd, NEW.limit_reset,
        NEW.requests_per_minute, NEW.tokens_per_minute, NEW.byok_version)
       IS DISTINCT FROM
       (OLD.role, OLD.disabled, OLD.deleted_at, OLD.expires_at, OLD.limit_nusd, OLD.limit_reset,
        OLD.requests_per_minute, OLD.tokens_per_minute, OLD.byok_version) THEN
        NEW.version := greatest(OLD.version + 1,
                                (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION byok_version(p_account uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(byok_version), 0) FROM api_key
    WHERE account_id = p_account AND deleted_at IS NULL
$$;

CREATE FUNCTION api_key_byok() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One of the two waits for the other, so that a key made beside a change of own keys does not miss it.
    PERFORM 1 FROM account WHERE account_id = NEW.account_id FOR NO KEY UPDATE;
    NEW.byok_version := byok_version(NEW.account_id);
    IF NEW.byok_version = 0 AND EXISTS (SELECT 1 FROM byok_key WHERE account_id = NEW.account_id AND NOT disabled) THEN
        NEW.byok_version := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_byok BEFORE INSERT ON api_key FOR EACH ROW EXECUTE FUNCTION api_key_byok();

CREATE FUNCTION byok_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := coalesce(NEW.account_id, OLD.account_id);
    v bigint := 0;
BEGIN
    PERFORM 1 FROM account WHERE account_id = who FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM byok_key WHERE account_id = who AND NOT disabled) THEN
        v := greatest(byok_version(who) + 1,
                      (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    UPDATE api_key SET byok_version = v WHERE account_id = who AND deleted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER byok_changed AFTER INSERT OR UPDATE OR DELETE ON byok_key
    FOR EACH ROW EXECUTE FUNCTION byok_changed();

-- outcome: ok; provider (no endpoint of the catalog is there); limit.
CREATE FUNCTION byok_create(p_id uuid, p_account uuid, p_provider text, p_name text, p_sealed bytea,
                            p_seal_id bytea, p_disabled boolean, p_fallback boolean, p_always boolean,
                            p_order bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM endpoint WHERE provider = p_provider) THEN
        RETURN 'provider';
    END IF;
    -- One at a time, so that two at once do not both find room for the last.
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF (SELECT count(*) FROM byok_key WHERE account_id = p_account) >= 32 THEN
        RETURN 'limit';
    END IF;
    INSERT INTO byok_key (byok_id, account_id, provider, name, sealed, seal_id, disabled, is_fallback,
                          always_use, sort_order)
    VALUES (p_id, p_account, p_provider, p_name, p_sealed, p_seal_id, p_disabled, p_fallback, p_always,
            p_order);
    RETURN 'ok';
END $$;

-- As the API shows it, in OpenRouter's members and ours. There is nothing of the key to show.
CREATE FUNCTION byok_object(b byok_key) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'id', b.byok_id, 'provider', b.provider, 'name', b.name, 'label', 'sealed',
        'disabled', b.disabled, 'is_fallback', b.is_fallback, 'always_use', b.always_use,
        'sort_order', b.sort_order, 'sealing_key_id', encode(b.seal_id, 'hex'),
        'allowed_models', NULL, 'allowed_api_key_hashes', NULL, 'allowed_user_ids', NULL,
        'workspace_id', b.account_id, 'created_at', utc_text(b.created_at),
        'updated_at', utc_text(b.updated_at))
$$;

-- lease_open and lease_extend of 012, which now tell the version of the account's own keys (o_own). An account
-- that has some may need no credit: its key is granted a lease that may hold nothing.
DROP FUNCTION lease_open(bytea, uuid, uuid, bigint, bigint, bigint);
CREATE FUNCTION lease_open(
    p_digest bytea, p_boot uuid, p_new_lease uuid, p_need bigint, p_want bigint, p_lease_ms bigint,
    OUT outcome text, OUT o_key uuid, OUT o_account uuid, OUT o_lease uuid, OUT o_granted bigint,
    OUT o_requests bigint, OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint,
    OUT o_most bigint, OUT o_own bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    r record;
BEGIN
    SELECT * INTO k FROM api_key WHERE digest = p_digest;
    o_version := coalesce(k.version, 0);
    o_most := 0;
    o_own := 0;
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
    IF o_granted <= 0 AND k.byok_version = 0 THEN
        outcome := CASE WHEN r.limited OR r.key_left < r.available THEN 'limit'
                        ELSE 'credit' END;
        RETURN;
    END IF;
    INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)
    VALUES (p_new_lease, k.key_id, k.account_id, p_boot, o_granted, ledger_now(),
            ledger_now() + p_lease_ms * interval '1 millisecond');
    IF o_granted > 0 THEN
        PERFORM ledger_move('lease', k.account_id, p_new_lease, 'available', 'leased', o_granted);
    END IF;
    outcome := 'ok';
    o_key := k.key_id;
    o_account := k.account_id;
    o_lease := p_new_lease;
    o_requests := k.requests_per_minute;
    o_tokens := k.tokens_per_minute;
    o_expires_ms := coalesce(extract(epoch FROM k.expires_at) * 1000, 0);
    o_own := k.byok_version;
END $$;

DROP FUNCTION lease_extend(uuid, uuid, uuid, bigint, bigint, bigint, bigint);
CREATE FUNCTION lease_extend(
    p_lease uuid, p_key uuid, p_boot uuid, p_need bigint, p_want bigint, p_lease_ms bigint,
    p_returned bigint, OUT outcome text, OUT o_granted bigint, OUT o_lease_ms bigint, OUT o_requests bigint,
    OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint, OUT o_most bigint,
    OUT o_own bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    l lease;
    r record;
    held bigint;
    amount bigint;
BEGIN
    o_granted := 0; o_lease_ms := 0; o_requests := 0; o_tokens := 0; o_expires_ms := 0;
    o_version := 0; o_most := 0; o_own := 0;
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
    o_own := k.byok_version;
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

-- What requests on own keys would have cost, in 100 nano-USD: shown, never charged.
ALTER TABLE usage ADD COLUMN own_cost bigint NOT NULL DEFAULT 0;
ALTER TYPE usage_record ADD ATTRIBUTE own_cost bigint;

-- A booked record as a row of usage: its columns in their order. Inlined where it is used.
CREATE OR REPLACE FUNCTION usage_row(r usage_record, p_boot uuid, p_now timestamptz, p_lease bigint,
                          p_available bigint)
RETURNS SETOF usage LANGUAGE sql STABLE AS $$
    SELECT p_boot, r.seq, r.request_id, r.account_id, r.key_id, r.lease_id, r.received_ms, p_now,
           r.user_hash, r.cost_nusd, p_lease, p_available, r.cost_nusd - p_lease - p_available,
           r.model_no, r.endpoint_no, r.first_model_no, r.price_version, r.catalog_version,
           r.route_us, r.first_byte_us, r.total_ms, r.tokens_prompt, r.tokens_completion,
           r.tokens_cached_read, r.tokens_cache_write, r.tokens_reasoning, r.http_status::integer,
           r.flags::integer, r.region_no::integer, r.error_class::smallint, r.finish::smallint,
           r.route_reason::smallint, r.attempt::smallint, r.attempts::smallint,
           coalesce(r.tokens_cache_write_long, 0), coalesce(r.tokens_audio_input, 0),
           coalesce(r.tokens_audio_output, 0), coalesce(r.tokens_image_input, 0),
           coalesce(r.tokens_image_output, 0), coalesce(r.units, 0), coalesce(r.unit_kind, 0)::smallint,
           coalesce(r.own_cost, 0)
$$;

-- By day and key, for byok_usage: kept by a trigger, as tokens read from a cache are (020).
ALTER TABLE usage_day ADD COLUMN own_nusd bigint NOT NULL DEFAULT 0 CHECK (own_nusd >= 0);
CREATE INDEX usage_day_own ON usage_day (key_id, day) WHERE own_nusd > 0;

CREATE FUNCTION usage_day_own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE usage_day d SET own_nusd = d.own_nusd + s.own * 100
    FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
                 sum(own_cost)::bigint AS own
          FROM fresh WHERE own_cost > 0 GROUP BY 1, 2, 3, 4) s
    WHERE d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
      AND d.endpoint_no = s.endpoint_no;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_day_own AFTER INSERT ON usage REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION usage_day_own();

-- Of one key, in all and over the windows of key_spend.
CREATE FUNCTION key_own(p_key uuid, OUT total_nusd bigint, OUT daily_nusd bigint, OUT weekly_nusd bigint,
                        OUT monthly_nusd bigint) LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(u.own_nusd), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day = n.utc::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('week', n.utc)::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('month', n.utc)::date), 0)::bigint
    FROM (SELECT ledger_now() AT TIME ZONE 'UTC' AS utc) n
    LEFT JOIN usage_day u ON u.key_id = p_key AND u.own_nusd > 0
$$;
