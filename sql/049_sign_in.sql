-- Users who sign in at a provider of identities (OpenID Connect, GitHub), and who lost what they signed in with.
-- Tokens, states and codes are random and known by their SHA-256 only. sign_in_state, recovery_token and recovery_code are
-- directories of the whole service, as those of 026.

-- A row is one way to sign in. subject of kind oidc: the issuer's address, a space, and what the issuer calls the user.
ALTER TABLE user_identity DROP CONSTRAINT user_identity_kind_check;
ALTER TABLE user_identity
    ADD CONSTRAINT user_identity_kind_check CHECK (kind IN ('password', 'oidc', 'wallet', 'passkey')),
    ADD identity_id  uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD provider     text CHECK (length(provider) BETWEEN 1 AND 31), -- of kind oidc: its name in the configuration
    ADD email        text CHECK (length(email) BETWEEN 1 AND 254), -- as the provider last told it
    ADD last_used_at timestamptz;
CREATE UNIQUE INDEX user_identity_by_id ON user_identity (identity_id);
-- An account at a provider belongs to one user.
CREATE UNIQUE INDEX user_identity_owner ON user_identity (kind, subject) WHERE kind <> 'password';
SELECT audit_on('user_identity', '{subject}');

-- Between the moment when a browser is sent to a provider and when it comes back: known by the digest of the state, which
-- the provider sees, and of the browser's cookie, which it does not.
CREATE TABLE sign_in_state (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    provider   text NOT NULL CHECK (length(provider) BETWEEN 1 AND 31),
    return_to  text NOT NULL CHECK (length(return_to) BETWEEN 1 AND 512),
    user_id    uuid REFERENCES app_user, -- who adds an identity, in which session; NULL: somebody signs in
    session_id uuid,
    invitation bytea CHECK (octet_length(invitation) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_state_end ON sign_in_state (expires_at);

CREATE TABLE recovery_token (
    user_id    uuid PRIMARY KEY REFERENCES app_user, -- the newest one only
    digest     bytea NOT NULL CHECK (octet_length(digest) = 32),
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX recovery_token_digest ON recovery_token (digest);

-- The codes that are left of the user's ten.
CREATE TABLE recovery_code (
    user_id    uuid PRIMARY KEY REFERENCES app_user,
    digests    bytea[] NOT NULL CHECK (cardinality(digests) <= 10),
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT audit_on('recovery_code', '{digests}');

-- Who finds a page open must not make it theirs: another way to sign in is added soon after one has signed in.
CREATE FUNCTION session_is_fresh(p_user uuid, p_session uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM session s WHERE s.session_id = p_session AND s.user_id = p_user AND session_alive(s)
                   AND s.created_at > ledger_now() - interval '15 minutes')
$$;

-- --- a provider's users

-- Of a network address 30 at once and one in 2 s. A state lives for p_ttl_ms. outcome: ok; wait (o_retry_ms); stale (the
-- session is older than that).
CREATE FUNCTION oidc_begin(p_digest bytea, p_provider text, p_return_to text, p_user uuid, p_session uuid,
                           p_invitation bytea, p_address bytea, p_ttl_ms bigint,
                           OUT outcome text, OUT o_retry_ms bigint) LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := CASE WHEN p_address IS NULL THEN 0
                       ELSE login_take(sha256('oidc '::bytea || p_address), 30, interval '2 seconds') END;
    IF o_retry_ms <> 0 THEN
        outcome := 'wait';
        RETURN;
    END IF;
    IF p_user IS NOT NULL AND NOT session_is_fresh(p_user, p_session) THEN
        outcome := 'stale';
        RETURN;
    END IF;
    DELETE FROM sign_in_state WHERE digest IN (
        SELECT digest FROM sign_in_state WHERE expires_at <= ledger_now() ORDER BY expires_at LIMIT 8
        FOR UPDATE SKIP LOCKED);
    INSERT INTO sign_in_state (digest, provider, return_to, user_id, session_id, invitation, expires_at)
    VALUES (p_digest, p_provider, p_return_to, p_user, p_session, p_invitation,
            ledger_now() + p_ttl_ms * interval '1 millisecond');
    outcome := 'ok';
END $$;

-- Locks the organisation, then the invitation, as invitation_accept() does. NULL: it does not count, or not for this address.
CREATE FUNCTION invitation_for(p_digest bytea, p_email text) RETURNS invitation LANGUAGE plpgsql AS $$
DECLARE
    i invitation;
    at organisation;
BEGIN
    SELECT * INTO i FROM invitation x WHERE x.digest = p_digest;
    SELECT * INTO at FROM organisation WHERE organisation_id = i.organisation_id FOR NO KEY UPDATE;
    SELECT * INTO i FROM invitation x WHERE x.digest = p_digest FOR NO KEY UPDATE;
    IF i.invitation_id IS NULL OR NOT invitation_open(i) OR NOT invitation_backed(i) OR at.closed_at IS NOT NULL
       OR lower(i.email COLLATE "C") IS DISTINCT FROM lower(p_email COLLATE "C") THEN
        RETURN NULL;
    END IF;
    RETURN i;
END $$;
CREATE FUNCTION invitation_join(i invitation, p_user uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE invitation SET accepted_at = ledger_now()
    WHERE organisation_id = i.organisation_id AND invitation_id = i.invitation_id;
    INSERT INTO membership (organisation_id, user_id, role) VALUES (i.organisation_id, p_user, i.role)
    ON CONFLICT DO NOTHING;
$$;

-- The provider says who it is: p_email only when it vouches for the address. p_new, p_organisation, p_account: ids, should a
-- user be made. outcome: signed_in (o_user); linked; identity_taken (another user has it); session_ended (of who adds it);
-- too_many_sign_ins (sign_in_ways_max(), 050);
-- email_unverified; email_taken (a user has the address and not this identity: nobody is merged by an address);
-- invitation (it does not count for this address); sign_up_off.
CREATE FUNCTION oidc_finish(p_subject text, p_provider text, p_email text, p_name text, p_user uuid, p_link_session uuid,
                            p_invitation bytea, p_sign_up boolean, p_new uuid, p_organisation uuid, p_account uuid,
                            p_session uuid, p_digest bytea, p_ttl_ms bigint, p_idle_ms bigint,
                            OUT outcome text, OUT o_user uuid) LANGUAGE plpgsql AS $$
DECLARE
    i invitation;
    address text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_subject, 49)); -- two sign-ins of one person make one user
    SELECT d.user_id, u.email INTO o_user, address FROM user_identity d JOIN app_user u USING (user_id)
    WHERE d.kind = 'oidc' AND d.subject = p_subject;
    IF p_user IS NOT NULL THEN
        PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
        IF o_user IS NOT NULL THEN
            outcome := CASE WHEN o_user = p_user THEN 'linked' ELSE 'identity_taken' END;
        ELSIF NOT EXISTS (SELECT 1 FROM session s WHERE s.session_id = p_link_session AND s.user_id = p_user
                          AND session_alive(s)) THEN
            outcome := 'session_ended';
        ELSIF sign_in_ways(p_user) >= sign_in_ways_max() THEN
            outcome := 'too_many_sign_ins';
        ELSE
            INSERT INTO user_identity (user_id, kind, subject, provider, email)
            VALUES (p_user, 'oidc', p_subject, p_provider, p_email);
            o_user := p_user;
            outcome := 'linked';
        END IF;
        RETURN;
    END IF;
    IF o_user IS NULL AND p_email IS NULL THEN
        outcome := 'email_unverified';
        RETURN;
    END IF;
    IF p_invitation IS NOT NULL THEN
        i := invitation_for(p_invitation, coalesce(address, p_email));
        IF i.invitation_id IS NULL THEN
            outcome := 'invitation';
            RETURN;
        END IF;
    END IF;
    IF o_user IS NULL THEN
        IF EXISTS (SELECT 1 FROM app_user WHERE lower(email COLLATE "C") = lower(p_email COLLATE "C")) THEN
            outcome := 'email_taken';
            RETURN;
        ELSIF p_invitation IS NULL AND NOT p_sign_up THEN
            outcome := 'sign_up_off';
            RETURN;
        END IF;
        INSERT INTO app_user (user_id, email, name) VALUES (p_new, p_email, p_name) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            outcome := 'email_taken';
            RETURN;
        END IF;
        o_user := p_new;
        INSERT INTO user_identity (user_id, kind, subject, provider, email, last_used_at)
        VALUES (p_new, 'oidc', p_subject, p_provider, p_email, ledger_now());
        IF p_invitation IS NULL THEN
            INSERT INTO organisation (organisation_id, name) VALUES (p_organisation, 'Personal');
            INSERT INTO account (account_id, organisation_id, name, created_by)
            VALUES (p_account, p_organisation, 'Default', p_new);
            INSERT INTO membership (organisation_id, user_id, role) VALUES (p_organisation, p_new, 'owner');
        END IF;
    ELSE
        UPDATE user_identity SET last_used_at = ledger_now(), provider = p_provider, email = coalesce(p_email, email)
        WHERE kind = 'oidc' AND subject = p_subject;
    END IF;
    IF p_invitation IS NOT NULL THEN
        PERFORM invitation_join(i, o_user);
    END IF;
    PERFORM session_open(p_session, p_digest, o_user, p_ttl_ms, p_idle_ms);
    outcome := 'signed_in';
END $$;

-- --- a user's ways to sign in

CREATE FUNCTION identity_list(p_user uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('id', identity_id, 'kind', kind, 'provider', provider,
        'label', coalesce(email, CASE kind WHEN 'wallet' THEN subject END),
        'created_at', utc_text(created_at), 'last_used_at', utc_text(last_used_at)) ORDER BY created_at, identity_id), '[]')
    FROM user_identity WHERE user_id = p_user
$$;

-- In how many ways a user can sign in.
CREATE FUNCTION sign_in_ways(p_user uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM user_identity WHERE user_id = p_user
$$;

-- outcome: ok; unknown; last (nothing would be left to sign in with).
CREATE FUNCTION identity_remove(p_user uuid, p_identity uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT 1 FROM user_identity WHERE user_id = p_user AND identity_id = p_identity) THEN
        RETURN 'unknown';
    ELSIF sign_in_ways(p_user) <= 1 THEN
        RETURN 'last';
    END IF;
    DELETE FROM user_identity WHERE user_id = p_user AND identity_id = p_identity;
    RETURN 'ok';
END $$;

-- --- recovery

-- Who may ask for a message: of a network address ten at once and one in 30 s.
CREATE FUNCTION recovery_ask(p_address bytea) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN p_address IS NULL THEN 0
                ELSE login_take(sha256('recovery '::bytea || p_address), 10, interval '30 seconds') END
$$;

-- The address to write to, as the user has it. NULL: nobody has it, or three messages were sent to it lately: one is sent
-- every ten minutes.
CREATE FUNCTION recovery_token_make(p_email text, p_digest bytea, p_ttl_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    u app_user;
BEGIN
    IF login_take(sha256('recovery '::bytea || login_email(p_email)), 3, interval '10 minutes') <> 0 THEN
        RETURN NULL;
    END IF;
    SELECT * INTO u FROM app_user WHERE lower(email COLLATE "C") = lower(p_email COLLATE "C");
    IF u.user_id IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO recovery_token AS t (user_id, digest, expires_at)
    VALUES (u.user_id, p_digest, ledger_now() + p_ttl_ms * interval '1 millisecond')
    ON CONFLICT (user_id) DO UPDATE SET digest = excluded.digest, expires_at = excluded.expires_at;
    RETURN u.email;
END $$;

-- Whose token it is. o_email NULL: it is none, or it has ended.
CREATE FUNCTION recovery_token_look(p_digest bytea, p_address bytea, OUT o_retry_ms bigint, OUT o_email text)
LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take_address(p_address);
    IF o_retry_ms = 0 THEN
        SELECT u.email INTO o_email FROM recovery_token t JOIN app_user u USING (user_id)
        WHERE t.digest = p_digest AND t.expires_at > ledger_now();
    END IF;
END $$;

-- Another password without the old one: every session ends, and one begins.
CREATE FUNCTION recovery_done(p_user uuid, p_secret text, p_session uuid, p_digest bytea, p_ttl_ms bigint,
                              p_idle_ms bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    INSERT INTO user_identity (user_id, kind, secret) VALUES (p_user, 'password', p_secret)
    ON CONFLICT (user_id, kind, subject) DO UPDATE SET secret = p_secret, updated_at = ledger_now();
    DELETE FROM recovery_token WHERE user_id = p_user;
    DELETE FROM sign_in_state WHERE user_id = p_user;
    DELETE FROM session WHERE user_id = p_user;
    PERFORM session_open(p_session, p_digest, p_user, p_ttl_ms, p_idle_ms);
END $$;

-- The user; NULL: the token is none, or was used. Recovery codes end with the password: whoever had it may have made them.
CREATE FUNCTION recovery_token_use(p_token bytea, p_secret text, p_session uuid, p_digest bytea, p_ttl_ms bigint,
                                   p_idle_ms bigint) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    DELETE FROM recovery_token WHERE digest = p_token AND expires_at > ledger_now() RETURNING user_id INTO whose;
    IF whose IS NOT NULL THEN
        PERFORM recovery_done(whose, p_secret, p_session, p_digest, p_ttl_ms, p_idle_ms);
        DELETE FROM recovery_code WHERE user_id = whose;
    END IF;
    RETURN whose;
END $$;

-- Tries of codes are counted as those of passwords are.
CREATE FUNCTION recovery_code_begin(p_email text, p_address bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    retry_ms bigint := login_take_address(p_address);
BEGIN
    RETURN CASE WHEN retry_ms <> 0 THEN retry_ms ELSE login_take_email(p_email, p_address) END;
END $$;
CREATE FUNCTION recovery_code_use(p_email text, p_code bytea, p_secret text, p_session uuid, p_digest bytea,
                                  p_ttl_ms bigint, p_idle_ms bigint, p_address bytea) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    UPDATE recovery_code c SET digests = array_remove(c.digests, p_code) FROM app_user u
    WHERE lower(u.email COLLATE "C") = lower(p_email COLLATE "C") AND c.user_id = u.user_id AND p_code = ANY (c.digests)
    RETURNING c.user_id INTO whose;
    IF whose IS NOT NULL THEN
        DELETE FROM login_throttle WHERE subject = login_pair(p_email, p_address);
        PERFORM recovery_done(whose, p_secret, p_session, p_digest, p_ttl_ms, p_idle_ms);
    END IF;
    RETURN whose;
END $$;

-- Ten new ones instead of those that are left. p_secret: the password that was shown, NULL of a user without one.
-- outcome: ok; changed (the password is another one); stale (no password, and the session is not fresh).
CREATE FUNCTION recovery_codes_set(p_user uuid, p_session uuid, p_secret text, p_codes bytea[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    SELECT secret INTO kept FROM user_identity WHERE user_id = p_user AND kind = 'password';
    IF kept IS DISTINCT FROM p_secret THEN
        RETURN 'changed';
    ELSIF kept IS NULL AND NOT session_is_fresh(p_user, p_session) THEN
        RETURN 'stale';
    END IF;
    INSERT INTO recovery_code (user_id, digests, created_at) VALUES (p_user, p_codes, ledger_now())
    ON CONFLICT (user_id) DO UPDATE SET digests = p_codes, created_at = ledger_now();
    RETURN 'ok';
END $$;

-- As in 026; a message that was sent before no longer changes it, and whoever added an identity begins anew.
CREATE OR REPLACE FUNCTION password_change(p_user uuid, p_session uuid, p_old text, p_new text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    UPDATE user_identity SET secret = p_new, updated_at = ledger_now()
    WHERE user_id = p_user AND kind = 'password' AND secret = p_old;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM recovery_token WHERE user_id = p_user;
    DELETE FROM sign_in_state WHERE user_id = p_user;
    DELETE FROM session WHERE user_id = p_user AND session_id <> p_session;
    RETURN true;
END $$;
