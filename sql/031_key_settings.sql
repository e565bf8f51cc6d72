-- Keys as the API makes, changes and rotates them, each in one statement; what counts against a key's limit; when a key
-- was used last.

-- --- what a key has spent

-- Of one key over the window of its limit: what requests on its account's own provider keys would have cost, where the
-- key counts that.
CREATE FUNCTION key_own_counted(k api_key) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN NOT k.include_byok THEN 0
                ELSE (SELECT CASE k.limit_reset WHEN 'daily' THEN o.daily_nusd WHEN 'weekly' THEN o.weekly_nusd
                                  WHEN 'monthly' THEN o.monthly_nusd ELSE o.total_nusd END
                      FROM key_own(k.key_id) o) END
$$;

-- As in 003, and what is counted of own keys beside it. Weeks begin on Monday, all in UTC.
CREATE OR REPLACE VIEW key_spend AS
SELECT k.key_id, coalesce(t.cost_nusd, 0) AS total_nusd,
       d.daily_nusd, d.weekly_nusd, d.monthly_nusd,
       CASE k.limit_reset WHEN 'daily' THEN d.daily_nusd WHEN 'weekly' THEN d.weekly_nusd
            WHEN 'monthly' THEN d.monthly_nusd ELSE coalesce(t.cost_nusd, 0) END
       + key_own_counted(k) AS window_nusd
FROM api_key k
CROSS JOIN LATERAL (SELECT (ledger_now() AT TIME ZONE 'UTC') AS utc) n
LEFT JOIN key_total t ON t.key_id = k.key_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(u.cost_nusd) FILTER (WHERE u.day = n.utc::date), 0)::bigint AS daily_nusd,
           coalesce(sum(u.cost_nusd) FILTER (WHERE u.day >= date_trunc('week', n.utc)::date), 0)::bigint
               AS weekly_nusd,
           coalesce(sum(u.cost_nusd) FILTER (WHERE u.day >= date_trunc('month', n.utc)::date), 0)::bigint
               AS monthly_nusd
    FROM usage_day u
    WHERE u.key_id = k.key_id
      AND u.day >= least(date_trunc('week', n.utc), date_trunc('month', n.utc))::date) d;

-- Requests on own keys need no money, so a data plane notices a limit that they have used up only when it asks about the
-- lease. It is told to, once the limit is reached.
CREATE FUNCTION key_own_booked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
BEGIN
    SELECT * INTO k FROM api_key WHERE key_id = NEW.key_id;
    IF k.include_byok AND k.limit_nusd <= (SELECT s.window_nusd FROM key_spend s WHERE s.key_id = k.key_id) THEN
        PERFORM pg_notify('tr_key', encode(k.digest, 'hex') || ' changed ' || k.version);
        PERFORM pg_notify('tr_key', encode(k.old_digest, 'hex') || ' changed ' || k.version)
        WHERE k.old_digest IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER key_own_booked AFTER UPDATE OF own_nusd ON usage_day
    FOR EACH ROW WHEN (NEW.own_nusd > OLD.own_nusd) EXECUTE FUNCTION key_own_booked();
CREATE TRIGGER key_own_booked_first AFTER INSERT ON usage_day
    FOR EACH ROW WHEN (NEW.own_nusd > 0) EXECUTE FUNCTION key_own_booked();

-- --- when it was used

-- The database's time of booking, of the batch that booked a request of the key last: kept where a batch writes anyhow.
ALTER TABLE key_total ADD last_used_at timestamptz;
UPDATE key_total t SET last_used_at = d.last
FROM (SELECT key_id, max(day)::timestamp AT TIME ZONE 'UTC' AS last FROM usage_day GROUP BY key_id) d
WHERE d.key_id = t.key_id;

CREATE FUNCTION key_total_used() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_used_at := ledger_now();
    RETURN NEW;
END $$;
CREATE TRIGGER key_total_used BEFORE INSERT OR UPDATE ON key_total
    FOR EACH ROW EXECUTE FUNCTION key_total_used();

-- --- as it is shown

-- OpenRouter's members and ours.
CREATE FUNCTION key_object(k api_key) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'hash', encode(k.digest, 'hex'), 'name', k.name, 'label', k.label, 'role', k.role, 'disabled', k.disabled,
        'limit', usd(k.limit_nusd),
        'limit_remaining', usd(CASE WHEN k.limit_nusd IS NOT NULL
                                    THEN greatest(0, k.limit_nusd - s.window_nusd) END),
        'limit_reset', nullif(k.limit_reset, 'none'), 'include_byok_in_limit', k.include_byok,
        'usage', usd(s.total_nusd), 'usage_daily', usd(s.daily_nusd), 'usage_weekly', usd(s.weekly_nusd),
        'usage_monthly', usd(s.monthly_nusd),
        'byok_usage', usd(o.total_nusd), 'byok_usage_daily', usd(o.daily_nusd),
        'byok_usage_weekly', usd(o.weekly_nusd), 'byok_usage_monthly', usd(o.monthly_nusd),
        'requests_per_minute', k.requests_per_minute, 'tokens_per_minute', k.tokens_per_minute)
    || jsonb_build_object(
        'allowed_models', to_jsonb(k.allowed_models), 'allowed_providers', to_jsonb(k.allowed_providers),
        'allowed_ips', to_jsonb(k.allowed_ips), 'min_privacy', k.min_privacy, 'region', k.region,
        'previous_key_expires_at', utc_text(CASE WHEN k.old_until > ledger_now() THEN k.old_until END),
        'rotated_at', utc_text(k.rotated_at),
        'created_at', utc_text(k.created_at), 'updated_at', utc_text(k.updated_at),
        'expires_at', utc_text(k.expires_at), 'creator_user_id', k.creator_user_id, 'external_user', NULL,
        'last_used_at', utc_text(t.last_used_at), 'workspace_id', k.account_id)
    FROM key_spend s CROSS JOIN LATERAL key_own(k.key_id) o
    LEFT JOIN key_total t ON t.key_id = k.key_id
    WHERE s.key_id = k.key_id
$$;

-- --- as it is made and changed

-- A list of text out of JSON; NULL for null.
CREATE FUNCTION json_texts(j jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(j) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(j)) END
$$;

-- A provider that no endpoint of the catalog has would leave a key that serves nothing. The first such; NULL: none.
CREATE FUNCTION key_provider_unknown(p_rules jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT p FROM unnest(json_texts(p_rules -> 'allowed_providers')) p
    WHERE NOT EXISTS (SELECT 1 FROM endpoint e WHERE e.provider = p) LIMIT 1
$$;

-- Keys of one account that are not deleted.
CREATE FUNCTION keys_max() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1000::bigint';

-- p_rules: an object of those members of a key's rules that were given (the API has checked them): allowed_models,
-- allowed_providers, allowed_ips, min_privacy, region, include_byok_in_limit, creator_user_id. outcome: ok; provider;
-- too_many.
CREATE FUNCTION key_create(
    p_key uuid, p_account uuid, p_digest bytea, p_name text, p_label text, p_role text, p_limit bigint, p_reset text,
    p_expires_ms bigint, p_requests bigint, p_tokens bigint, p_rules jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF key_provider_unknown(p_rules) IS NOT NULL THEN
        RETURN 'provider';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('keys:' || p_account, 0)); -- so that two calls count one another's
    IF (SELECT count(*) FROM api_key WHERE account_id = p_account AND deleted_at IS NULL) >= keys_max() THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO api_key (key_id, account_id, digest, name, label, role, limit_nusd, limit_reset, expires_at,
                         requests_per_minute, tokens_per_minute, allowed_models, allowed_providers, allowed_ips,
                         min_privacy, region, include_byok, creator_user_id)
    VALUES (p_key, p_account, p_digest, p_name, p_label, p_role, p_limit, p_reset,
            to_timestamp(p_expires_ms / 1000.0), p_requests, p_tokens, json_texts(p_rules -> 'allowed_models'),
            json_texts(p_rules -> 'allowed_providers'), json_texts(p_rules -> 'allowed_ips'),
            p_rules ->> 'min_privacy', p_rules ->> 'region',
            coalesce((p_rules ->> 'include_byok_in_limit')::boolean, false), p_rules ->> 'creator_user_id');
    RETURN 'ok';
END $$;

-- Whether a key may be changed: ok; own (it is the key that asks, by whichever of its texts; p_caller NULL: no key asks, or
-- it may change itself); above (its role is not among p_roles, which are those that the caller may give); NULL: there is
-- no such key. A key's role never changes.
CREATE FUNCTION key_stops(p_account uuid, p_digest bytea, p_roles text[], p_caller uuid) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN k.key_id = p_caller THEN 'own' WHEN k.role <> ALL (p_roles) THEN 'above' ELSE 'ok' END
    FROM api_key k WHERE k.account_id = p_account AND k.digest = p_digest AND k.deleted_at IS NULL
$$;

-- NULL leaves a column as it is; what may become NULL has a flag, or is a member of p_rules. outcome: as key_stops();
-- provider.
CREATE FUNCTION key_patch(
    p_account uuid, p_digest bytea, p_name text, p_disabled boolean, p_limit_given boolean, p_limit bigint,
    p_reset text, p_expires_given boolean, p_expires_ms bigint, p_requests bigint, p_tokens bigint,
    p_roles text[], p_caller uuid, p_rules jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    outcome text := key_stops(p_account, p_digest, p_roles, p_caller);
BEGIN
    IF outcome IS DISTINCT FROM 'ok' THEN
        RETURN outcome;
    END IF;
    IF key_provider_unknown(p_rules) IS NOT NULL THEN
        RETURN 'provider';
    END IF;
    UPDATE api_key SET name = coalesce(p_name, name), disabled = coalesce(p_disabled, disabled),
        limit_nusd = CASE WHEN p_limit_given THEN p_limit ELSE limit_nusd END,
        limit_reset = coalesce(p_reset, limit_reset),
        expires_at = CASE WHEN p_expires_given THEN to_timestamp(p_expires_ms / 1000.0) ELSE expires_at END,
        requests_per_minute = coalesce(p_requests, requests_per_minute),
        tokens_per_minute = coalesce(p_tokens, tokens_per_minute),
        allowed_models = CASE WHEN p_rules ? 'allowed_models' THEN json_texts(p_rules -> 'allowed_models')
                              ELSE allowed_models END,
        allowed_providers = CASE WHEN p_rules ? 'allowed_providers' THEN json_texts(p_rules -> 'allowed_providers')
                                 ELSE allowed_providers END,
        allowed_ips = CASE WHEN p_rules ? 'allowed_ips' THEN json_texts(p_rules -> 'allowed_ips')
                           ELSE allowed_ips END,
        min_privacy = CASE WHEN p_rules ? 'min_privacy' THEN p_rules ->> 'min_privacy' ELSE min_privacy END,
        region = CASE WHEN p_rules ? 'region' THEN p_rules ->> 'region' ELSE region END,
        include_byok = coalesce((p_rules ->> 'include_byok_in_limit')::boolean, include_byok),
        updated_at = now()
    WHERE account_id = p_account AND digest = p_digest AND deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN 'ok' END;
END $$;

CREATE FUNCTION key_delete(p_account uuid, p_digest bytea, p_roles text[], p_caller uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    outcome text := key_stops(p_account, p_digest, p_roles, p_caller);
BEGIN
    IF outcome IS DISTINCT FROM 'ok' THEN
        RETURN outcome;
    END IF;
    UPDATE api_key SET deleted_at = now(), disabled = true, updated_at = now()
    WHERE account_id = p_account AND digest = p_digest AND deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN 'ok' END;
END $$;

-- Another text for the key. The old one is good for p_overlap_s more seconds, at most until the key's own end; leases
-- that were opened by it end then, too, and those of the text before it at once. outcome: as key_stops(), but never own.
CREATE FUNCTION key_rotate(p_account uuid, p_digest bytea, p_new_digest bytea, p_label text, p_overlap_s bigint,
                           p_roles text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    outcome text := key_stops(p_account, p_digest, p_roles, NULL);
    until timestamptz := ledger_now() + p_overlap_s * interval '1 second';
BEGIN
    IF outcome IS DISTINCT FROM 'ok' THEN
        RETURN outcome;
    END IF;
    -- No lease is opened or renewed meanwhile: each belongs to one of the two texts.
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    UPDATE api_key SET digest = p_new_digest, label = p_label, old_digest = CASE WHEN p_overlap_s > 0 THEN digest END,
        old_until = CASE WHEN p_overlap_s > 0 THEN until END, rotated_at = ledger_now(), updated_at = now()
    WHERE account_id = p_account AND digest = p_digest AND deleted_at IS NULL
    RETURNING * INTO k;
    IF k.key_id IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE lease SET old_until = CASE WHEN old_until IS NULL THEN until ELSE ledger_now() END
    WHERE key_id = k.key_id AND state = 'open';
    RETURN 'ok';
END $$;

-- 017's budget, with what is counted of own keys.
CREATE OR REPLACE FUNCTION key_budget(k api_key, p_window_nusd bigint) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'budget_id', NULL, 'guardrail_id', NULL, 'include_byok', k.include_byok, 'scope', 'key_limit',
        'limit_usd', usd(k.limit_nusd), 'spend_usd', usd(p_window_nusd),
        'remaining_usd', usd(k.limit_nusd - p_window_nusd),
        'reset_interval', nullif(k.limit_reset, 'none'),
        'resets_at', utc_text(CASE k.limit_reset
            WHEN 'daily' THEN date_trunc('day', n.utc) + interval '1 day'
            WHEN 'weekly' THEN date_trunc('week', n.utc) + interval '1 week'
            WHEN 'monthly' THEN date_trunc('month', n.utc) + interval '1 month' END AT TIME ZONE 'UTC'))
    FROM (SELECT ledger_now() AT TIME ZONE 'UTC' AS utc) n WHERE k.limit_nusd IS NOT NULL
$$;
