-- What a user takes back after somebody else had a session or the password of theirs: keys that were made meanwhile, codes that
-- programs have not used yet; and a first password for users who sign in otherwise.

-- The keys of the user's workspaces that work now and that the user made, rotated or enabled again in the last 30 days, or that a
-- key among them did. By the audit trail: a caller chooses creator_user_id, and not the actor of an entry. Only those that the
-- user may change now (controlplane/api/roles.c). what: made, rotated or enabled, by the newest entry; via: the key that did it.
CREATE FUNCTION recent_keys(p_user uuid)
RETURNS TABLE (account_id uuid, key_id uuid, what text, at timestamptz, via uuid) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE entry AS MATERIALIZED (
        SELECT e.account_id, (l.line #>> '{target,key_id}')::uuid AS key_id, e.at, m.role, l.line ->> 'actor' AS actor,
               CASE WHEN e.action = 'api_key.insert' THEN 'made' WHEN l.line -> 'after' ? 'digest' THEN 'rotated'
                    ELSE 'enabled' END AS what
        FROM membership m JOIN organisation o USING (organisation_id) JOIN account a USING (organisation_id)
        JOIN audit_entry e ON e.account_id = a.account_id AND e.scope = 'workspace' AND e.at > ledger_now() - interval '30 days'
        CROSS JOIN LATERAL (SELECT e.line::jsonb AS line) l
        WHERE m.user_id = p_user AND m.role IN ('owner', 'admin', 'developer') AND o.closed_at IS NULL
          AND (e.action = 'api_key.insert' OR (e.action = 'api_key.update' AND (l.line -> 'after' ? 'digest'
                                                   OR l.line #> '{after,disabled}' = 'false')))
    ), touched AS (
        SELECT entry.*, NULL::uuid AS via FROM entry WHERE actor = 'user:' || replace(p_user::text, '-', '')
        UNION
        SELECT entry.*, t.key_id FROM touched t JOIN entry ON entry.actor = 'key:' || replace(t.key_id::text, '-', '')
                                                              AND entry.at >= t.at
    )
    SELECT DISTINCT ON (t.account_id, t.key_id) t.account_id, t.key_id, t.what, t.at, t.via
    FROM touched t JOIN api_key k ON k.account_id = t.account_id AND k.key_id = t.key_id
    WHERE k.deleted_at IS NULL AND NOT k.disabled AND k.label <> '(replaced)' AND (k.expires_at IS NULL OR k.expires_at > ledger_now())
      AND CASE k.role WHEN 'inference' THEN true WHEN 'management' THEN t.role IN ('owner', 'admin') ELSE t.role = 'owner' END
    ORDER BY t.account_id, t.key_id, t.at DESC
$$;

CREATE FUNCTION recent_keys_list(p_user uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('hash', encode(k.digest, 'hex'), 'name', k.name, 'label', k.label, 'role', k.role,
        'workspace_id', r.account_id, 'workspace_name', a.name, 'what', r.what, 'at', utc_text(r.at),
        'via', (SELECT v.name FROM api_key v WHERE v.account_id = r.account_id AND v.key_id = r.via)) ORDER BY r.at DESC, r.key_id), '[]')
    FROM recent_keys(p_user) r JOIN api_key k ON k.account_id = r.account_id AND k.key_id = r.key_id
    JOIN account a ON a.account_id = r.account_id
$$;

-- p_digest NULL: all of them. The last management key of a workspace cannot be disabled (025): it gets a text that nobody
-- has, until somebody rotates it.
CREATE FUNCTION recent_keys_disable(p_user uuid, p_digest bytea, OUT o_disabled bigint, OUT o_replaced bigint)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
BEGIN
    o_disabled := 0;
    o_replaced := 0;
    -- The accounts' rows come before their keys', as in key_rotate().
    PERFORM 1 FROM account WHERE account_id IN (SELECT r.account_id FROM recent_keys(p_user) r) ORDER BY account_id
        FOR NO KEY UPDATE;
    FOR k IN SELECT x.* FROM recent_keys(p_user) r JOIN api_key x ON x.account_id = r.account_id AND x.key_id = r.key_id
             WHERE p_digest IS NULL OR x.digest = p_digest ORDER BY x.account_id, x.key_id LOOP
        BEGIN
            UPDATE api_key SET disabled = true, updated_at = ledger_now() WHERE account_id = k.account_id AND key_id = k.key_id;
            o_disabled := o_disabled + 1;
        EXCEPTION WHEN SQLSTATE 'TR001' THEN
            PERFORM key_rotate(k.account_id, k.digest, sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
                               '(replaced)', 0, ARRAY[k.role]);
            o_replaced := o_replaced + 1;
        END;
    END LOOP;
END $$;

-- What was begun with the former password or in another session ends. p_session: the one that stays.
CREATE FUNCTION user_secure(p_user uuid, p_session uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM recovery_token WHERE user_id = p_user;
    DELETE FROM sign_in_state WHERE user_id = p_user;
    DELETE FROM auth_code WHERE user_id = p_user;
    DELETE FROM session WHERE user_id = p_user AND session_id IS DISTINCT FROM p_session;
$$;

-- As in 049, with codes that programs have not used yet.
CREATE OR REPLACE FUNCTION password_change(p_user uuid, p_session uuid, p_old text, p_new text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    UPDATE user_identity SET secret = p_new, updated_at = ledger_now()
    WHERE user_id = p_user AND kind = 'password' AND secret = p_old;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM user_secure(p_user, p_session);
    RETURN true;
END $$;
CREATE OR REPLACE FUNCTION recovery_done(p_user uuid, p_secret text, p_session uuid, p_digest bytea, p_ttl_ms bigint,
                                         p_idle_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    INSERT INTO user_identity (user_id, kind, secret) VALUES (p_user, 'password', p_secret)
    ON CONFLICT (user_id, kind, subject) DO UPDATE SET secret = p_secret, updated_at = ledger_now();
    PERFORM user_secure(p_user, NULL);
    PERFORM session_open(p_session, p_digest, p_user, p_ttl_ms, p_idle_ms);
END $$;

-- A first password, for a user who has none. outcome: ok; changed (there is one meanwhile); stale; limit.
CREATE FUNCTION password_add(p_user uuid, p_session uuid, p_new text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT session_is_fresh(p_user, p_session) THEN
        RETURN 'stale';
    ELSIF EXISTS (SELECT 1 FROM user_identity WHERE user_id = p_user AND kind = 'password') THEN
        RETURN 'changed';
    ELSIF sign_in_ways(p_user) >= sign_in_ways_max() THEN
        RETURN 'limit';
    END IF;
    INSERT INTO user_identity (user_id, kind, secret) VALUES (p_user, 'password', p_new);
    PERFORM user_secure(p_user, p_session);
    RETURN 'ok';
END $$;

-- As identity_remove() and passkey_remove(), which control planes of the former release call, by a session that is fresh.
-- outcome: as theirs; stale.
CREATE FUNCTION identity_remove_fresh(p_user uuid, p_identity uuid, p_session uuid, p_kind text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT 1 FROM user_identity WHERE user_id = p_user AND identity_id = p_identity
                   AND kind = coalesce(p_kind, kind)) THEN
        RETURN 'unknown';
    ELSIF NOT session_is_fresh(p_user, p_session) THEN
        RETURN 'stale';
    END IF;
    RETURN identity_remove(p_user, p_identity);
END $$;
