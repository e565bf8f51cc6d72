-- Users who sign in with a wallet or a passkey, and keys that a user lets another program have (PKCE). Nonces, challenges and
-- codes are random, known by their SHA-256 only, and used once. sign_in_challenge and user_passkey are directories of the
-- whole service, as those of 026; auth_code leads with the account.

-- A wallet is a row of user_identity (049) whose subject is its address. A passkey is such a row whose subject is its id in
-- base64url, and this one: what its signatures are verified with.
CREATE TABLE user_passkey (
    identity_id uuid PRIMARY KEY REFERENCES user_identity (identity_id) ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    algorithm   integer NOT NULL CHECK (algorithm IN (-7, -8, -257)), -- COSE's number
    public_key  bytea NOT NULL CHECK (octet_length(public_key) BETWEEN 32 AND 260),
    sign_count  bigint NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    synced      boolean NOT NULL, -- as of the last use
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz
);
SELECT audit_on('user_passkey', '{public_key}', '{sign_count,synced}');

-- What a wallet or a passkey is asked to sign.
CREATE TABLE sign_in_challenge (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    kind       text NOT NULL CHECK (kind IN ('wallet', 'passkey', 'passkey_add')),
    user_id    uuid REFERENCES app_user, -- who adds a passkey, in which session
    session_id uuid,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_challenge_end ON sign_in_challenge (expires_at);

-- Of a network address 30 at once and one in 2 s. 0: it is made; otherwise in how many milliseconds it may be.
CREATE FUNCTION challenge_make(p_digest bytea, p_kind text, p_user uuid, p_session uuid, p_address bytea, p_ttl_ms bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    retry_ms bigint := CASE WHEN p_address IS NULL THEN 0
                            ELSE login_take(sha256('challenge '::bytea || p_address), 30, interval '2 seconds') END;
BEGIN
    IF retry_ms = 0 THEN
        DELETE FROM sign_in_challenge WHERE digest IN (
            SELECT digest FROM sign_in_challenge WHERE expires_at <= ledger_now() ORDER BY expires_at LIMIT 8
            FOR UPDATE SKIP LOCKED);
        INSERT INTO sign_in_challenge (digest, kind, user_id, session_id, expires_at)
        VALUES (p_digest, p_kind, p_user, p_session, ledger_now() + p_ttl_ms * interval '1 millisecond');
    END IF;
    RETURN retry_ms;
END $$;

-- false: nobody asked for this, it was used, or it is too old.
CREATE FUNCTION challenge_take(p_digest bytea, p_kind text, p_user uuid, p_session uuid) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sign_in_challenge WHERE digest = p_digest AND kind = p_kind AND user_id IS NOT DISTINCT FROM p_user
        AND session_id IS NOT DISTINCT FROM p_session AND expires_at > ledger_now();
    RETURN FOUND;
END $$;

-- --- wallets

-- The wallet has signed a message with this nonce. p_email: of a user to be made, when nobody has the wallet. outcome: ok
-- (o_user); wait (o_retry_ms); nonce; unknown (nobody has the wallet, and there is no address); sign_up_off; email_taken.
CREATE FUNCTION wallet_sign_in(p_nonce bytea, p_wallet text, p_address bytea, p_email text, p_name text, p_sign_up boolean,
                               p_new uuid, p_organisation uuid, p_account uuid, p_session uuid, p_digest bytea,
                               p_ttl_ms bigint, p_idle_ms bigint, OUT outcome text, OUT o_retry_ms bigint, OUT o_user uuid)
LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take_address(p_address);
    IF o_retry_ms <> 0 THEN
        outcome := 'wait';
        RETURN;
    ELSIF NOT challenge_take(p_nonce, 'wallet', NULL, NULL) THEN
        outcome := 'nonce';
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(p_wallet, 50)); -- two sign-ins of one wallet make one user
    UPDATE user_identity SET last_used_at = ledger_now() WHERE kind = 'wallet' AND subject = p_wallet
    RETURNING user_id INTO o_user;
    IF o_user IS NULL THEN
        outcome := CASE WHEN p_email IS NULL THEN 'unknown' WHEN NOT p_sign_up THEN 'sign_up_off' END;
        IF outcome IS NOT NULL THEN
            RETURN;
        END IF;
        INSERT INTO app_user (user_id, email, name) VALUES (p_new, p_email, p_name) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            outcome := 'email_taken';
            RETURN;
        END IF;
        INSERT INTO user_identity (user_id, kind, subject, last_used_at) VALUES (p_new, 'wallet', p_wallet, ledger_now());
        INSERT INTO organisation (organisation_id, name) VALUES (p_organisation, 'Personal');
        INSERT INTO account (account_id, organisation_id, name, created_by)
        VALUES (p_account, p_organisation, 'Default', p_new);
        INSERT INTO membership (organisation_id, user_id, role) VALUES (p_organisation, p_new, 'owner');
        o_user := p_new;
    END IF;
    PERFORM session_open(p_session, p_digest, o_user, p_ttl_ms, p_idle_ms);
    outcome := 'ok';
END $$;

-- How many wallets and passkeys a user may have.
CREATE FUNCTION sign_in_ways_max() RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 32::bigint';

-- outcome: ok (also when the user has it already); nonce; stale (session_is_fresh(), 049); taken; limit.
CREATE FUNCTION wallet_add(p_nonce bytea, p_wallet text, p_user uuid, p_session uuid, OUT outcome text, OUT o_identity uuid)
LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    outcome := CASE WHEN NOT challenge_take(p_nonce, 'wallet', NULL, NULL) THEN 'nonce'
                    WHEN NOT session_is_fresh(p_user, p_session) THEN 'stale'
                    WHEN sign_in_ways(p_user) >= sign_in_ways_max() THEN 'limit' END;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO user_identity (user_id, kind, subject) VALUES (p_user, 'wallet', p_wallet) ON CONFLICT DO NOTHING;
    SELECT user_id, identity_id INTO whose, o_identity FROM user_identity WHERE kind = 'wallet' AND subject = p_wallet;
    outcome := CASE WHEN whose = p_user THEN 'ok' ELSE 'taken' END;
END $$;

-- --- passkeys

CREATE FUNCTION passkey_object(d user_identity, k user_passkey) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', d.identity_id, 'name', k.name, 'synced', k.synced,
                             'algorithm', CASE k.algorithm WHEN -7 THEN 'ES256' WHEN -8 THEN 'EdDSA' ELSE 'RS256' END,
                             'created_at', utc_text(k.created_at), 'last_used_at', utc_text(d.last_used_at))
$$;
CREATE FUNCTION passkey_list(p_user uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(passkey_object(d, k) ORDER BY k.created_at, d.identity_id), '[]')
    FROM user_identity d JOIN user_passkey k USING (identity_id) WHERE d.user_id = p_user
$$;

-- A challenge for a new one. outcome: ok; wait (o_retry_ms); stale; limit. o_user: what the authenticator shows and keeps;
-- o_known: the passkeys that the user has, which are not made twice in one authenticator.
CREATE FUNCTION passkey_add_begin(p_digest bytea, p_user uuid, p_session uuid, p_address bytea, p_ttl_ms bigint,
                                  OUT outcome text, OUT o_retry_ms bigint, OUT o_user json, OUT o_known json)
LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := 0;
    outcome := CASE WHEN NOT session_is_fresh(p_user, p_session) THEN 'stale'
                    WHEN sign_in_ways(p_user) >= sign_in_ways_max() THEN 'limit' ELSE 'ok' END;
    IF outcome <> 'ok' THEN
        RETURN;
    END IF;
    o_retry_ms := challenge_make(p_digest, 'passkey_add', p_user, p_session, p_address, p_ttl_ms);
    IF o_retry_ms <> 0 THEN
        outcome := 'wait';
        RETURN;
    END IF;
    SELECT json_build_object('id', rtrim(translate(encode(uuid_send(user_id), 'base64'), '+/', '-_'), '='), 'name', email,
                             'displayName', coalesce(name, email)) INTO o_user FROM app_user WHERE user_id = p_user;
    SELECT coalesce(json_agg(json_build_object('type', 'public-key', 'id', subject)), '[]') INTO o_known
    FROM user_identity WHERE user_id = p_user AND kind = 'passkey';
END $$;

-- As in 049, with the names of passkeys.
CREATE OR REPLACE FUNCTION identity_list(p_user uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('id', identity_id, 'kind', kind, 'provider', provider,
        'label', coalesce(d.email, k.name, CASE kind WHEN 'wallet' THEN subject END),
        'created_at', utc_text(d.created_at), 'last_used_at', utc_text(d.last_used_at)) ORDER BY d.created_at, identity_id), '[]')
    FROM user_identity d LEFT JOIN user_passkey k USING (identity_id) WHERE d.user_id = p_user
$$;

-- outcome: ok (o_shown); challenge; limit; taken (this id is somebody's).
CREATE FUNCTION passkey_add(p_challenge bytea, p_user uuid, p_session uuid, p_subject text, p_name text, p_algorithm bigint,
                            p_key bytea, p_count bigint, p_synced boolean, OUT outcome text, OUT o_shown json)
LANGUAGE plpgsql AS $$
DECLARE
    d user_identity;
    k user_passkey;
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    -- The session may have ended since it was looked up.
    outcome := CASE WHEN NOT challenge_take(p_challenge, 'passkey_add', p_user, p_session)
                      OR NOT EXISTS (SELECT 1 FROM session s WHERE s.session_id = p_session AND s.user_id = p_user
                                     AND session_alive(s)) THEN 'challenge'
                    WHEN sign_in_ways(p_user) >= sign_in_ways_max() THEN 'limit' END;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO user_identity (user_id, kind, subject) VALUES (p_user, 'passkey', p_subject) ON CONFLICT DO NOTHING
    RETURNING * INTO d;
    IF d.identity_id IS NULL THEN
        outcome := 'taken';
        RETURN;
    END IF;
    INSERT INTO user_passkey (identity_id, name, algorithm, public_key, sign_count, synced)
    VALUES (d.identity_id, p_name, p_algorithm, p_key, p_count, p_synced) RETURNING * INTO k;
    outcome := 'ok';
    o_shown := passkey_object(d, k);
END $$;

CREATE FUNCTION passkey_rename(p_user uuid, p_identity uuid, p_name text) RETURNS json LANGUAGE sql AS $$
    UPDATE user_passkey k SET name = p_name, updated_at = ledger_now() FROM user_identity d
    WHERE d.identity_id = k.identity_id AND d.identity_id = p_identity AND d.user_id = p_user
    RETURNING passkey_object(d, k)
$$;
-- As identity_remove() (049), of passkeys only.
CREATE FUNCTION passkey_remove(p_user uuid, p_identity uuid) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN EXISTS (SELECT 1 FROM user_identity WHERE identity_id = p_identity AND kind = 'passkey')
                THEN identity_remove(p_user, p_identity) ELSE 'unknown' END
$$;

-- Whose passkey has signed this challenge, and what to verify it with. outcome: ok; wait (o_retry_ms); challenge; unknown.
-- The challenge is used up, whatever comes of it.
CREATE FUNCTION passkey_begin(p_challenge bytea, p_subject text, p_address bytea, OUT outcome text, OUT o_retry_ms bigint,
                              OUT o_user uuid, OUT o_identity uuid, OUT o_algorithm bigint, OUT o_key bytea)
LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take_address(p_address);
    IF o_retry_ms <> 0 THEN
        outcome := 'wait';
        RETURN;
    ELSIF NOT challenge_take(p_challenge, 'passkey', NULL, NULL) THEN
        outcome := 'challenge';
        RETURN;
    END IF;
    SELECT d.user_id, d.identity_id, k.algorithm, k.public_key INTO o_user, o_identity, o_algorithm, o_key
    FROM user_identity d JOIN user_passkey k USING (identity_id) WHERE d.kind = 'passkey' AND d.subject = p_subject;
    outcome := CASE WHEN o_user IS NULL THEN 'unknown' ELSE 'ok' END;
END $$;

-- The signature is right. An authenticator that counts says more each time: one that does not is a copy, or was copied.
-- outcome: ok; counter; unknown (it was removed meanwhile).
CREATE FUNCTION passkey_sign_in(p_identity uuid, p_user uuid, p_count bigint, p_synced boolean, p_session uuid,
                                p_digest bytea, p_ttl_ms bigint, p_idle_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    was bigint;
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    SELECT k.sign_count INTO was FROM user_passkey k JOIN user_identity d USING (identity_id)
    WHERE identity_id = p_identity AND d.user_id = p_user;
    IF was IS NULL THEN
        RETURN 'unknown';
    ELSIF p_count <= was AND NOT (p_count = 0 AND was = 0) THEN
        RETURN 'counter';
    END IF;
    UPDATE user_passkey SET sign_count = p_count, synced = p_synced WHERE identity_id = p_identity;
    UPDATE user_identity SET last_used_at = ledger_now() WHERE identity_id = p_identity;
    PERFORM session_open(p_session, p_digest, p_user, p_ttl_ms, p_idle_ms);
    RETURN 'ok';
END $$;

-- --- keys for other programs

-- What a user has agreed to, until the program fetches its key. challenge NULL: the program gave none.
CREATE TABLE auth_code (
    account_id    uuid NOT NULL REFERENCES account,
    code_id       uuid NOT NULL,
    digest        bytea NOT NULL CHECK (octet_length(digest) = 32),
    user_id       uuid REFERENCES app_user, -- who agreed, or
    key_id        uuid,                     -- the management key that did
    callback_url  text NOT NULL CHECK (length(callback_url) BETWEEN 1 AND 2048),
    challenge     text CHECK (length(challenge) BETWEEN 43 AND 128),
    method        text CHECK (method IN ('S256', 'plain')),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    limit_nusd    bigint,
    limit_reset   text NOT NULL,
    key_expires_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    CHECK ((challenge IS NULL) = (method IS NULL)),
    CHECK ((user_id IS NULL) <> (key_id IS NULL)),
    PRIMARY KEY (account_id, code_id)
);
CREATE INDEX auth_code_by_digest ON auth_code (digest);
CREATE INDEX auth_code_end ON auth_code (expires_at);
SELECT audit_on('auth_code', '{digest,challenge}');

-- NULL: a hundred are open in this account.
CREATE FUNCTION auth_code_make(p_account uuid, p_code uuid, p_digest bytea, p_user uuid, p_key uuid, p_callback text,
                               p_challenge text, p_method text, p_name text, p_limit bigint, p_reset text,
                               p_key_expires_ms bigint, p_ttl_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('codes:' || p_account, 50));
    DELETE FROM auth_code WHERE account_id = p_account AND expires_at <= ledger_now();
    IF (SELECT count(*) FROM auth_code WHERE account_id = p_account) >= 100 THEN
        RETURN NULL;
    END IF;
    INSERT INTO auth_code (account_id, code_id, digest, user_id, key_id, callback_url, challenge, method, name, limit_nusd,
                           limit_reset, key_expires_at, created_at, expires_at)
    VALUES (p_account, p_code, p_digest, p_user, p_key, p_callback, p_challenge, p_method, p_name, p_limit, p_reset,
            to_timestamp(p_key_expires_ms / 1000.0), ledger_now(), ledger_now() + p_ttl_ms * interval '1 millisecond');
    RETURN utc_text(ledger_now());
END $$;

-- Whoever agreed may still make keys in that account.
CREATE FUNCTION auth_code_backed(c auth_code) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT a.state = 'active' AND CASE WHEN c.user_id IS NULL
        THEN EXISTS (SELECT 1 FROM api_key k WHERE k.key_id = c.key_id AND k.deleted_at IS NULL AND NOT k.disabled
                     AND (k.expires_at IS NULL OR k.expires_at > ledger_now()))
        ELSE EXISTS (SELECT 1 FROM membership m JOIN organisation o USING (organisation_id)
                     WHERE m.user_id = c.user_id AND (o.organisation_id = a.organisation_id OR o.operator)
                       AND m.role IN ('owner', 'admin', 'developer')) END
    FROM account a WHERE a.account_id = c.account_id
$$;

-- The program's key. The code is used up, whatever comes of it. p_method NULL: the program does not say. p_verifier and
-- p_hashed, its digest as S256 writes it, NULL: it sends none. outcome: ok; unknown; method (another one than the
-- challenge's); verifier; as key_create().
CREATE FUNCTION auth_code_use(p_digest bytea, p_method text, p_verifier text, p_hashed text, p_key uuid, p_key_digest bytea,
                              p_label text, OUT outcome text, OUT o_user text) LANGUAGE plpgsql AS $$
DECLARE
    c auth_code;
BEGIN
    DELETE FROM auth_code WHERE digest = p_digest RETURNING * INTO c;
    IF c.code_id IS NULL OR c.expires_at <= ledger_now() OR NOT auth_code_backed(c) THEN
        outcome := 'unknown';
        RETURN;
    END IF;
    o_user := c.user_id::text;
    outcome := CASE
        WHEN c.challenge IS NULL THEN CASE WHEN p_verifier IS NULL AND p_method IS NULL THEN 'ok' ELSE 'verifier' END
        WHEN p_method <> c.method THEN 'method'
        WHEN c.challenge IS DISTINCT FROM CASE c.method WHEN 'S256' THEN p_hashed ELSE p_verifier END THEN 'verifier'
        ELSE 'ok' END;
    IF outcome = 'ok' THEN
        -- The audit trail names who agreed, not the program, which nobody knows.
        PERFORM set_config('tr.actor', CASE WHEN c.user_id IS NULL THEN 'key:' || replace(c.key_id::text, '-', '')
                                            ELSE 'user:' || replace(c.user_id::text, '-', '') END, true);
        outcome := key_create(p_key, c.account_id, p_key_digest, c.name, p_label, 'inference', c.limit_nusd, c.limit_reset,
            (extract(epoch FROM c.key_expires_at) * 1000)::bigint, 0, 0,
            CASE WHEN c.user_id IS NULL THEN '{}' ELSE jsonb_build_object('creator_user_id', o_user) END);
    END IF;
END $$;
