-- People: users, what proves who they are, which organisations they belong to, and their sessions. Sessions and
-- invitations are known by the SHA-256 of 256 random bits, passwords by libsodium's argon2id string.
-- app_user, user_identity, session and login_throttle are directories of the whole service (docs/operations.md);
-- membership and invitation lead with the organisation.

CREATE TABLE app_user (
    user_id    uuid PRIMARY KEY,
    email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name       text CHECK (length(name) BETWEEN 1 AND 128),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz
);
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email COLLATE "C"));

-- Each way in which a user signs in is a row. Today there is one kind, with an empty subject. Other kinds name
-- the account at a provider of identities, a wallet or a passkey in subject.
CREATE TABLE user_identity (
    user_id    uuid NOT NULL REFERENCES app_user,
    kind       text NOT NULL CHECK (kind IN ('password')),
    subject    text NOT NULL DEFAULT '',
    secret     text CHECK (length(secret) BETWEEN 1 AND 512),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    PRIMARY KEY (user_id, kind, subject)
);

CREATE TABLE membership (
    organisation_id uuid NOT NULL REFERENCES organisation,
    user_id    uuid NOT NULL REFERENCES app_user,
    role       text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    PRIMARY KEY (organisation_id, user_id)
);
CREATE INDEX membership_by_user ON membership (user_id);

CREATE TABLE invitation (
    organisation_id uuid NOT NULL REFERENCES organisation,
    invitation_id uuid NOT NULL,
    email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    role        text NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'billing', 'viewer')),
    digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
    invited_by  uuid REFERENCES app_user, -- NULL: an operator's key
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz,
    PRIMARY KEY (organisation_id, invitation_id)
);
CREATE INDEX invitation_by_digest ON invitation (digest);

-- A session ends at expires_at, or when it was not used for idle_ms, or when it is revoked: then its row is gone.
CREATE TABLE session (
    session_id   uuid PRIMARY KEY,
    digest       bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    user_id      uuid NOT NULL REFERENCES app_user,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    idle_ms      bigint NOT NULL CHECK (idle_ms > 0)
);
CREATE INDEX session_by_user ON session (user_id, created_at);
CREATE INDEX session_by_end ON session (expires_at);

CREATE FUNCTION session_alive(s session) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT s.expires_at > ledger_now()
           AND s.last_seen_at + s.idle_ms * interval '1 millisecond' > ledger_now()
$$;

-- --- how often somebody may try

-- One row for each e-mail address, network address, pair of the two, and user that tried lately, by digest. Each try takes one
-- place of p_burst; every p_every a place is free again. full_at: when all are, and the row may go.
CREATE TABLE login_throttle (
    subject bytea PRIMARY KEY CHECK (octet_length(subject) = 32),
    full_at timestamptz NOT NULL
);
CREATE INDEX login_throttle_full ON login_throttle (full_at);

-- 0: go on; otherwise in how many milliseconds there is a place.
CREATE FUNCTION login_take(p_subject bytea, p_burst integer, p_every interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    left_over timestamptz;
BEGIN
    DELETE FROM login_throttle WHERE subject IN (
        SELECT subject FROM login_throttle WHERE full_at < ledger_now() AND subject <> p_subject
        ORDER BY full_at LIMIT 4 FOR UPDATE SKIP LOCKED);
    INSERT INTO login_throttle AS t (subject, full_at) VALUES (p_subject, ledger_now() + p_every)
    ON CONFLICT (subject) DO UPDATE SET full_at = greatest(t.full_at, ledger_now()) + p_every
        WHERE greatest(t.full_at, ledger_now()) + p_every <= ledger_now() + p_burst * p_every;
    IF FOUND THEN
        RETURN 0;
    END IF;
    SELECT full_at + p_every - p_burst * p_every INTO left_over FROM login_throttle WHERE subject = p_subject;
    RETURN greatest(1, (extract(epoch FROM left_over - ledger_now()) * 1000)::bigint);
END $$;

CREATE FUNCTION login_email(p_email text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to('email ' || lower(p_email COLLATE "C"), 'UTF8'))
$$;
-- An e-mail address as it is tried from one network address.
CREATE FUNCTION login_pair(p_email text, p_address bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256('pair '::bytea || login_email(p_email) || coalesce(p_address, ''))
$$;

-- Of a network address (NULL: not counted) 30 at once and one in 5 s.
CREATE FUNCTION login_take_address(p_address bytea) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN p_address IS NULL THEN 0
                ELSE login_take(sha256('address '::bytea || p_address), 30, interval '5 seconds') END
$$;
-- Of an e-mail address from one network ten at once and one in 30 s: somebody else's tries from elsewhere do not keep its
-- user out. From everywhere together 1000 at once and one in 2 s: so many guesses are the most that a botnet has.
CREATE FUNCTION login_take_email(p_email text, p_address bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    retry_ms bigint := login_take(login_pair(p_email, p_address), 10, interval '30 seconds');
BEGIN
    IF retry_ms = 0 THEN
        retry_ms := login_take(login_email(p_email), 1000, interval '2 seconds');
    END IF;
    RETURN retry_ms;
END $$;

-- o_retry_ms as above; o_user and o_secret are NULL when nobody has this e-mail address or password.
CREATE FUNCTION login_begin(p_email text, p_address bytea, OUT o_retry_ms bigint, OUT o_user uuid,
                            OUT o_secret text) LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take_address(p_address);
    IF o_retry_ms = 0 THEN
        o_retry_ms := login_take_email(p_email, p_address);
    END IF;
    IF o_retry_ms = 0 THEN
        SELECT u.user_id, i.secret INTO o_user, o_secret FROM app_user u
        JOIN user_identity i ON i.user_id = u.user_id AND i.kind = 'password'
        WHERE lower(u.email COLLATE "C") = lower(p_email COLLATE "C");
    END IF;
END $$;

-- A user who has signed in changes the password: ten at once and one in 30 s, of the user. Nobody else takes these.
CREATE FUNCTION password_begin(p_user uuid, OUT o_retry_ms bigint, OUT o_secret text, OUT o_email text)
LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take(sha256(convert_to('user ' || p_user, 'UTF8')), 10, interval '30 seconds');
    IF o_retry_ms = 0 THEN
        SELECT i.secret, u.email INTO o_secret, o_email FROM app_user u
        LEFT JOIN user_identity i ON i.user_id = u.user_id AND i.kind = 'password' WHERE u.user_id = p_user;
    END IF;
END $$;

-- --- sessions

-- A user has 32 at most: the oldest give way. Sessions that have ended go a few at a time, whoever's they are.
CREATE FUNCTION session_open(p_session uuid, p_digest bytea, p_user uuid, p_ttl_ms bigint, p_idle_ms bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM session WHERE session_id IN (
        SELECT session_id FROM session WHERE expires_at <= ledger_now()
        ORDER BY expires_at LIMIT 8 FOR UPDATE SKIP LOCKED);
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    -- What another one's clean-up holds is as good as gone: nobody waits here for anybody.
    DELETE FROM session WHERE session_id IN (
        SELECT session_id FROM session s WHERE user_id = p_user AND NOT session_alive(s)
        FOR UPDATE SKIP LOCKED);
    DELETE FROM session WHERE session_id IN (
        SELECT session_id FROM session WHERE user_id = p_user ORDER BY created_at DESC, session_id OFFSET 31
        FOR UPDATE SKIP LOCKED);
    INSERT INTO session (session_id, digest, user_id, created_at, last_seen_at, expires_at, idle_ms)
    VALUES (p_session, p_digest, p_user, ledger_now(), ledger_now(),
            ledger_now() + p_ttl_ms * interval '1 millisecond', p_idle_ms);
END $$;

-- The password was right: p_secret is what it was compared with, p_address where it came from, whose count begins anew.
-- false: it is another one meanwhile.
CREATE FUNCTION login_done(p_session uuid, p_digest bytea, p_user uuid, p_secret text, p_ttl_ms bigint,
                           p_idle_ms bigint, p_address bytea) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    address text;
BEGIN
    SELECT email INTO address FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT 1 FROM user_identity WHERE user_id = p_user AND kind = 'password'
                   AND secret = p_secret) THEN
        RETURN false;
    END IF;
    DELETE FROM login_throttle WHERE subject = login_pair(address, p_address);
    PERFORM session_open(p_session, p_digest, p_user, p_ttl_ms, p_idle_ms);
    RETURN true;
END $$;

-- Another password; every other session ends. false: p_old is no longer the one that is kept.
CREATE FUNCTION password_change(p_user uuid, p_session uuid, p_old text, p_new text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM app_user WHERE user_id = p_user FOR NO KEY UPDATE;
    UPDATE user_identity SET secret = p_new, updated_at = ledger_now()
    WHERE user_id = p_user AND kind = 'password' AND secret = p_old;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM session WHERE user_id = p_user AND session_id <> p_session;
    RETURN true;
END $$;

-- --- who calls

-- A key's call. o_account is the account acted on: the key's own, or, for an operator's key, the one picked;
-- NULL when there is none. o_state is the key's ('ok', 'disabled', 'expired'), o_account_state its own account's.
-- o_operators: the organisation of the account acted on is the operator's.
CREATE FUNCTION caller_key(p_digest bytea, p_account uuid, OUT o_key uuid, OUT o_role text, OUT o_state text,
                           OUT o_account_state text, OUT o_account uuid, OUT o_organisation uuid,
                           OUT o_operators boolean)
RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT k.key_id, k.role, CASE WHEN k.disabled THEN 'disabled'
                                  WHEN k.expires_at <= ledger_now() THEN 'expired' ELSE 'ok' END,
           own.state, a.account_id, a.organisation_id, coalesce(o.operator, false)
    FROM api_key k JOIN account own ON own.account_id = k.account_id
    LEFT JOIN account a ON a.account_id = CASE WHEN k.role = 'operator' THEN coalesce(p_account, k.account_id)
                                               ELSE k.account_id END
    LEFT JOIN organisation o ON o.organisation_id = a.organisation_id
    WHERE k.digest = p_digest AND k.deleted_at IS NULL
$$;

-- A session's call. p_workspace is what the user picks of the workspaces of their organisations, p_account what an
-- operator picks of all; neither: the oldest active workspace, of the operator's organisation if they belong to
-- it. No row: there is no such session. o_role: in the organisation of that workspace, or (o_operator) in the
-- operator's; NULL: they belong nowhere. o_account NULL: there is no such workspace for them. o_account_state is
-- 'active' for operators. A use is noted once a minute.
CREATE FUNCTION caller_session(p_digest bytea, p_account uuid, p_workspace uuid, OUT o_session uuid,
                               OUT o_user uuid, OUT o_role text, OUT o_operator boolean,
                               OUT o_account_state text, OUT o_account uuid, OUT o_organisation uuid,
                               OUT o_operators boolean)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    SELECT s.session_id, s.user_id INTO o_session, o_user FROM session s
    WHERE s.digest = p_digest AND session_alive(s);
    IF o_session IS NULL THEN
        RETURN;
    END IF;
    UPDATE session SET last_seen_at = ledger_now()
    WHERE session_id = o_session AND last_seen_at < ledger_now() - interval '1 minute';
    IF p_account IS NULL THEN
        SELECT m.role, o.operator, CASE WHEN o.operator THEN 'active' ELSE a.state END, a.account_id,
               o.organisation_id, o.operator
        INTO o_role, o_operator, o_account_state, o_account, o_organisation, o_operators
        FROM membership m JOIN organisation o USING (organisation_id) JOIN account a USING (organisation_id)
        WHERE m.user_id = o_user AND o.closed_at IS NULL
          AND (p_workspace IS NULL OR a.account_id = p_workspace)
        ORDER BY o.operator DESC, a.state = 'active' DESC, a.created_at, a.account_id LIMIT 1;
    ELSE
        SELECT m.role, true, 'active', a.account_id, a.organisation_id, a.organisation_id = o.organisation_id
        INTO o_role, o_operator, o_account_state, o_account, o_organisation, o_operators
        FROM membership m JOIN organisation o USING (organisation_id)
        JOIN account a ON a.account_id = p_account
        WHERE m.user_id = o_user AND o.operator;
    END IF;
    IF o_account IS NULL THEN
        SELECT m.role, o.operator INTO o_role, o_operator
        FROM membership m JOIN organisation o USING (organisation_id)
        WHERE m.user_id = o_user AND o.closed_at IS NULL ORDER BY o.operator DESC LIMIT 1;
        o_operators := false;
    END IF;
    RETURN NEXT;
END $$;

-- --- sign-up, members, invitations

-- outcome: ok; taken (somebody has this e-mail address).
CREATE FUNCTION user_sign_up(p_user uuid, p_email text, p_name text, p_secret text, p_organisation uuid,
                             p_organisation_name text, p_account uuid, p_session uuid, p_digest bytea,
                             p_ttl_ms bigint, p_idle_ms bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO app_user (user_id, email, name) VALUES (p_user, p_email, p_name) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'taken';
    END IF;
    INSERT INTO user_identity (user_id, kind, secret) VALUES (p_user, 'password', p_secret);
    INSERT INTO organisation (organisation_id, name) VALUES (p_organisation, p_organisation_name);
    INSERT INTO account (account_id, organisation_id, name, created_by)
    VALUES (p_account, p_organisation, 'Default', p_user);
    INSERT INTO membership (organisation_id, user_id, role) VALUES (p_organisation, p_user, 'owner');
    PERFORM session_open(p_session, p_digest, p_user, p_ttl_ms, p_idle_ms);
    RETURN 'ok';
END $$;

-- p_roles: what the caller may give and take. outcome: ok; unknown; above (the member has, or would get, a role
-- that is not among them); last_owner.
CREATE FUNCTION member_change(p_organisation uuid, p_user uuid, p_role text, p_roles text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    was text;
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    SELECT role INTO was FROM membership WHERE organisation_id = p_organisation AND user_id = p_user;
    IF was IS NULL THEN
        RETURN 'unknown';
    ELSIF NOT (was = ANY (p_roles) AND p_role = ANY (p_roles)) THEN
        RETURN 'above';
    ELSIF was = 'owner' AND p_role <> 'owner'
          AND (SELECT count(*) FROM membership WHERE organisation_id = p_organisation AND role = 'owner') = 1 THEN
        RETURN 'last_owner';
    END IF;
    UPDATE membership SET role = p_role, updated_at = ledger_now()
    WHERE organisation_id = p_organisation AND user_id = p_user AND role <> p_role;
    RETURN 'ok';
END $$;

-- The member's open invitations end, too. p_roles and outcome as above; NULL: members leave by themselves.
CREATE FUNCTION member_remove(p_organisation uuid, p_user uuid, p_roles text[])
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    was text;
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    SELECT role INTO was FROM membership WHERE organisation_id = p_organisation AND user_id = p_user;
    IF was IS NULL THEN
        RETURN 'unknown';
    ELSIF p_roles IS NOT NULL AND NOT was = ANY (p_roles) THEN
        RETURN 'above';
    ELSIF was = 'owner'
          AND (SELECT count(*) FROM membership WHERE organisation_id = p_organisation AND role = 'owner') = 1 THEN
        RETURN 'last_owner';
    END IF;
    DELETE FROM membership WHERE organisation_id = p_organisation AND user_id = p_user;
    UPDATE invitation SET revoked_at = ledger_now()
    WHERE organisation_id = p_organisation AND invited_by = p_user
      AND accepted_at IS NULL AND revoked_at IS NULL;
    RETURN 'ok';
END $$;

CREATE FUNCTION member_object(m membership) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', u.user_id, 'email', u.email, 'name', u.name, 'role', m.role,
                             'created_at', utc_text(m.created_at), 'updated_at', utc_text(m.updated_at))
    FROM app_user u WHERE u.user_id = m.user_id
$$;

-- In the order in which they came. p_at, p_id: as account_page() (025).
CREATE FUNCTION member_page(p_organisation uuid, p_at bigint, p_id uuid, p_limit bigint, OUT o_rows json,
                            OUT o_more boolean, OUT o_at bigint, OUT o_id uuid)
LANGUAGE sql STABLE AS $$
    WITH found AS (
        SELECT m, m.user_id, m.created_at, row_number() OVER (ORDER BY m.created_at, m.user_id) AS n
        FROM membership m
        WHERE m.organisation_id = p_organisation
          AND (p_at IS NULL OR (m.created_at, m.user_id) >
               ('epoch'::timestamptz + p_at * interval '1 microsecond', p_id))
        ORDER BY m.created_at, m.user_id LIMIT p_limit + 1)
    SELECT coalesce(json_agg(member_object(m) ORDER BY n) FILTER (WHERE n <= p_limit), '[]'),
           count(*) > p_limit,
           (extract(epoch FROM (array_agg(created_at ORDER BY n))[least(p_limit, count(*))]) * 1000000)::bigint,
           (array_agg(user_id ORDER BY n))[least(p_limit, count(*))]
    FROM found
$$;

CREATE FUNCTION invitation_open(i invitation) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > ledger_now()
$$;
-- Who invited may still give this role, in this organisation or as an operator: an owner every role, an admin every one
-- but the owner's (controlplane/api/roles.c). Operators' keys (NULL) may.
CREATE FUNCTION invitation_backed(i invitation) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT i.invited_by IS NULL OR EXISTS (
        SELECT 1 FROM membership m JOIN organisation o USING (organisation_id)
        WHERE m.user_id = i.invited_by AND (m.organisation_id = i.organisation_id OR o.operator)
          AND (m.role = 'owner' OR (m.role = 'admin' AND i.role <> 'owner')))
$$;
CREATE FUNCTION invitation_object(i invitation) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', i.invitation_id, 'email', i.email, 'role', i.role,
                             'invited_by', i.invited_by, 'created_at', utc_text(i.created_at),
                             'expires_at', utc_text(i.expires_at))
$$;

-- An earlier open one for the same address ends; those that ended 90 days ago go. outcome: ok; member (they are
-- one already); limit (100 are open).
CREATE FUNCTION invitation_create(p_organisation uuid, p_invitation uuid, p_email text, p_role text,
                                  p_digest bytea, p_user uuid, p_ttl_ms bigint, OUT outcome text,
                                  OUT o_shown json) LANGUAGE plpgsql AS $$
DECLARE
    made invitation;
BEGIN
    PERFORM 1 FROM organisation WHERE organisation_id = p_organisation FOR NO KEY UPDATE;
    DELETE FROM invitation WHERE organisation_id = p_organisation
        AND expires_at < ledger_now() - interval '90 days';
    IF EXISTS (SELECT 1 FROM membership JOIN app_user u USING (user_id)
               WHERE organisation_id = p_organisation
                 AND lower(u.email COLLATE "C") = lower(p_email COLLATE "C")) THEN
        outcome := 'member';
        RETURN;
    END IF;
    UPDATE invitation i SET revoked_at = ledger_now()
    WHERE i.organisation_id = p_organisation AND invitation_open(i)
      AND lower(i.email COLLATE "C") = lower(p_email COLLATE "C");
    IF (SELECT count(*) FROM invitation i
        WHERE i.organisation_id = p_organisation AND invitation_open(i)) >= 100 THEN
        outcome := 'limit';
        RETURN;
    END IF;
    INSERT INTO invitation (organisation_id, invitation_id, email, role, digest, invited_by, created_at,
                            expires_at)
    VALUES (p_organisation, p_invitation, p_email, p_role, p_digest, p_user, ledger_now(),
            ledger_now() + p_ttl_ms * interval '1 millisecond') RETURNING * INTO made;
    outcome := 'ok';
    o_shown := invitation_object(made);
END $$;

-- Whose invitation it is, as login_begin. o_email NULL: there is no such open invitation, or who invited
-- may no longer give this role.
CREATE FUNCTION invitation_begin(p_digest bytea, p_address bytea, OUT o_retry_ms bigint, OUT o_email text,
                                 OUT o_user uuid, OUT o_secret text) LANGUAGE plpgsql AS $$
BEGIN
    o_retry_ms := login_take_address(p_address);
    IF o_retry_ms <> 0 THEN
        RETURN;
    END IF;
    SELECT i.email INTO o_email FROM invitation i JOIN organisation o USING (organisation_id)
    WHERE i.digest = p_digest AND invitation_open(i) AND invitation_backed(i) AND o.closed_at IS NULL;
    IF o_email IS NULL THEN
        RETURN;
    END IF;
    o_retry_ms := login_take_email(o_email, p_address);
    IF o_retry_ms = 0 THEN
        SELECT u.user_id, d.secret INTO o_user, o_secret FROM app_user u
        JOIN user_identity d ON d.user_id = u.user_id AND d.kind = 'password'
        WHERE lower(u.email COLLATE "C") = lower(o_email COLLATE "C");
    END IF;
END $$;

-- p_user: who has the invitation's address, and p_secret what the password was compared with; or, when nobody
-- had it (p_new), the id and the password of the user to make. outcome: ok; unknown (as invitation_begin());
-- changed (the user was made, or has another password, meanwhile). p_address: as login_done().
CREATE FUNCTION invitation_accept(p_digest bytea, p_new boolean, p_user uuid, p_name text, p_secret text,
                                  p_session uuid, p_session_digest bytea, p_ttl_ms bigint, p_idle_ms bigint,
                                  p_address bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    i invitation;
    at organisation;
BEGIN
    SELECT * INTO i FROM invitation x WHERE x.digest = p_digest;
    SELECT * INTO at FROM organisation WHERE organisation_id = i.organisation_id FOR NO KEY UPDATE;
    SELECT * INTO i FROM invitation x WHERE x.digest = p_digest FOR NO KEY UPDATE;
    -- member_change() and member_remove() wait for the organisation's row, too.
    IF i.invitation_id IS NULL OR NOT invitation_open(i) OR NOT invitation_backed(i) OR at.closed_at IS NOT NULL THEN
        RETURN 'unknown';
    END IF;
    IF p_new THEN
        INSERT INTO app_user (user_id, email, name) VALUES (p_user, i.email, p_name) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN 'changed';
        END IF;
        INSERT INTO user_identity (user_id, kind, secret) VALUES (p_user, 'password', p_secret);
    ELSIF NOT EXISTS (SELECT 1 FROM user_identity JOIN app_user u USING (user_id)
                      WHERE user_id = p_user AND kind = 'password' AND secret = p_secret
                        AND lower(u.email COLLATE "C") = lower(i.email COLLATE "C")) THEN
        RETURN 'changed';
    END IF;
    UPDATE invitation SET accepted_at = ledger_now()
    WHERE organisation_id = i.organisation_id AND invitation_id = i.invitation_id;
    INSERT INTO membership (organisation_id, user_id, role) VALUES (i.organisation_id, p_user, i.role)
    ON CONFLICT DO NOTHING;
    DELETE FROM login_throttle WHERE subject = login_pair(i.email, p_address);
    PERFORM session_open(p_session, p_session_digest, p_user, p_ttl_ms, p_idle_ms);
    RETURN 'ok';
END $$;

-- What GET /auth/session shows of a user beside the caller's own role.
CREATE FUNCTION user_workspaces(p_user uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object(
        'id', a.account_id, 'name', a.name, 'slug', a.slug, 'state', a.state,
        'organization_id', o.organisation_id, 'organization_name', o.name, 'role', m.role)
        ORDER BY o.operator DESC, a.created_at, a.account_id), '[]')
    FROM membership m JOIN organisation o USING (organisation_id)
    JOIN account a ON a.organisation_id = o.organisation_id
    WHERE m.user_id = p_user AND o.closed_at IS NULL AND a.state <> 'closed'
$$;
