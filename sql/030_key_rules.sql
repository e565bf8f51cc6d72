-- What a key may be used for, in how many parts its limits per minute are shared, and a second text for a while.
--
-- 1. Rules (models, providers, addresses, privacy, region) are columns of the key and part of its version (012), so that
--    a change reaches every data plane as any change of a key does. They are told with the lease: lease_grant() and
--    lease_renew() stand around lease_open() and lease_extend(). A control plane of the former release, which calls
--    those, gets no lease for a key with rules, because it could not hand the rules on.
-- 2. Limits per minute are divided among the data planes that hold an open lease of the key. The count is kept in
--    key_share, under the account's lock as leases are, and told to every control plane when it changes.
-- 3. Rotation gives a key another text. The old one is good for a while, for the same key: the same limit, usage, rules.
-- 4. When a key counts requests on provider keys of its account's own, what they would have cost is part of what the
--    key has spent.

ALTER TABLE api_key
    ADD allowed_models    text[] CHECK (cardinality(allowed_models) <= 64),
    ADD allowed_providers text[] CHECK (cardinality(allowed_providers) <= 256),
    ADD allowed_ips       text[] CHECK (cardinality(allowed_ips) <= 32),
    ADD min_privacy       text CHECK (min_privacy IN ('any', 'allow', 'no_store', 'zdr', 'deny', 'confidential', 'e2e',
                                                      'e2ee', 'max')),
    ADD region            text CHECK (region IN ('eu', 'us')),
    ADD include_byok      boolean NOT NULL DEFAULT false,
    ADD creator_user_id   text CHECK (length(creator_user_id) BETWEEN 1 AND 128),
    ADD old_digest        bytea CHECK (octet_length(old_digest) = 32 AND old_digest <> digest),
    ADD old_until         timestamptz,
    ADD rotated_at        timestamptz,
    ADD CONSTRAINT api_key_old_ends CHECK ((old_digest IS NULL) = (old_until IS NULL));

CREATE INDEX api_key_by_old_digest ON api_key (old_digest) WHERE old_digest IS NOT NULL;

-- Does the key have rules that a data plane must know?
CREATE FUNCTION key_ruled(k api_key) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT k.allowed_models IS NOT NULL OR k.allowed_providers IS NOT NULL OR k.allowed_ips IS NOT NULL
           OR coalesce(k.min_privacy, 'any') NOT IN ('any', 'allow') OR k.region IS NOT NULL
$$;

-- The key that this text belongs to; no row: none. An old text is its key's until its time is over.
CREATE FUNCTION key_of(p_digest bytea) RETURNS SETOF api_key LANGUAGE sql STABLE AS $$
    SELECT * FROM api_key WHERE digest = p_digest
    UNION ALL
    SELECT * FROM api_key WHERE old_digest = p_digest AND old_until > ledger_now()
$$;

-- A second trigger beside that of 012 and 023, which runs before it (by name) and so finds a new version made there.
CREATE FUNCTION api_key_version_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version = OLD.version
       AND (NEW.allowed_models, NEW.allowed_providers, NEW.allowed_ips, NEW.min_privacy, NEW.region,
            NEW.include_byok, NEW.digest, NEW.old_digest, NEW.old_until)
           IS DISTINCT FROM
           (OLD.allowed_models, OLD.allowed_providers, OLD.allowed_ips, OLD.min_privacy, OLD.region,
            OLD.include_byok, OLD.digest, OLD.old_digest, OLD.old_until) THEN
        NEW.version := greatest(OLD.version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER api_key_version_rules BEFORE UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_version_rules();

-- The old text hears of each change, too; one that is no longer the key's is not known any more.
CREATE FUNCTION api_key_notify_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.version = OLD.version THEN
        RETURN NULL;
    END IF;
    IF NEW.old_digest IS NOT NULL THEN
        PERFORM pg_notify('tr_key', encode(NEW.old_digest, 'hex') || ' '
                                    || coalesce(key_refusal(NEW), 'changed') || ' ' || NEW.version);
    END IF;
    IF OLD.old_digest IS DISTINCT FROM NEW.old_digest AND OLD.old_digest IS NOT NULL THEN
        PERFORM pg_notify('tr_key', encode(OLD.old_digest, 'hex') || ' unknown ' || NEW.version);
    END IF;
    IF NEW.digest <> OLD.digest AND NEW.old_digest IS DISTINCT FROM OLD.digest THEN
        PERFORM pg_notify('tr_key', encode(OLD.digest, 'hex') || ' unknown ' || NEW.version);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER api_key_notify_old AFTER UPDATE ON api_key
    FOR EACH ROW EXECUTE FUNCTION api_key_notify_old();

-- As key_changes() of 012, by either text.
CREATE FUNCTION key_changes_of(p_digests bytea[], p_versions bigint[])
RETURNS TABLE (digest bytea, outcome text, version bigint) LANGUAGE sql STABLE AS $$
    SELECT q.digest, coalesce(key_refusal(k), 'changed'), coalesce(k.version, q.version)
    FROM unnest(p_digests, p_versions) AS q (digest, version)
    LEFT JOIN LATERAL (SELECT (x.k).* FROM (SELECT f AS k FROM key_of(q.digest) f LIMIT 1) x) k ON true
    WHERE k.version IS DISTINCT FROM q.version OR key_refusal(k) IS NOT NULL
$$;

-- --- leases

-- Which text of the key the data plane holds the lease for: NULL, the one in force; else the old one, until then.
ALTER TABLE lease ADD old_until timestamptz;

-- A statement that cannot hand rules on lends nothing to a key that has some. lease_grant() and lease_renew() say
-- that they can, for their transaction, and for which text.
CREATE FUNCTION lease_ruled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('tr.rules', true), '') <> 'told'
       AND (SELECT key_ruled(k) FROM api_key k WHERE k.key_id = NEW.key_id) THEN
        RAISE EXCEPTION 'key % has rules that this control plane cannot hand on', NEW.key_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF TG_OP = 'INSERT' AND coalesce(current_setting('tr.old_until', true), '') <> '' THEN
        NEW.old_until := current_setting('tr.old_until')::timestamptz;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER lease_ruled_open BEFORE INSERT ON lease FOR EACH ROW EXECUTE FUNCTION lease_ruled();
CREATE TRIGGER lease_ruled_renew BEFORE UPDATE OF expires_at ON lease
    FOR EACH ROW WHEN (NEW.expires_at > OLD.expires_at) EXECUTE FUNCTION lease_ruled();

-- In how many parts each limit per minute is divided: one for each data plane that holds an open lease of the key
-- (and each of its texts, which a data plane counts apart). version: as those of keys, of this count.
CREATE TABLE key_share (
    account_id uuid NOT NULL REFERENCES account,
    key_id     uuid NOT NULL REFERENCES api_key,
    parts      integer NOT NULL CHECK (parts BETWEEN 1 AND 4096),
    version    bigint NOT NULL,
    PRIMARY KEY (account_id, key_id)
);

CREATE INDEX lease_open_by_key_boot ON lease (key_id, boot_id) WHERE state = 'open';

-- Counts again, and says so when the count has changed ('parts', key, count, version).
CREATE FUNCTION key_share_count(p_account uuid, p_key uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n integer;
    v bigint;
BEGIN
    SELECT least(greatest(count(*), 1), 4096) INTO n
    FROM (SELECT DISTINCT boot_id, old_until IS NULL FROM lease WHERE key_id = p_key AND state = 'open') x;
    INSERT INTO key_share AS s (account_id, key_id, parts, version)
    VALUES (p_account, p_key, n, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT (account_id, key_id) DO UPDATE SET parts = excluded.parts,
        version = greatest(s.version + 1, excluded.version)
    WHERE s.parts <> excluded.parts
    RETURNING version INTO v;
    IF v IS NOT NULL THEN
        PERFORM pg_notify('tr_key', 'parts ' || replace(p_key::text, '-', '') || ' ' || n || ' ' || v);
    END IF;
END $$;

-- Every statement that opens or ends a lease holds its account. A key without limits per minute is not counted; when it
-- gets some it has no count, and one lease or a renewal makes it.
CREATE FUNCTION lease_shared() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM api_key k WHERE k.key_id = NEW.key_id
               AND (k.requests_per_minute > 0 OR k.tokens_per_minute > 0)) THEN
        PERFORM key_share_count(NEW.account_id, NEW.key_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lease_shared_open AFTER INSERT ON lease FOR EACH ROW EXECUTE FUNCTION lease_shared();
CREATE TRIGGER lease_shared_end AFTER UPDATE OF state ON lease
    FOR EACH ROW WHEN (OLD.state = 'open' AND NEW.state <> 'open') EXECUTE FUNCTION lease_shared();

-- What is told beside a lease. Lists are NULL where the key has no such rule; lines of text.
CREATE TYPE key_terms AS (limited boolean, parts bigint, parts_version bigint, ruled boolean, models text,
                          providers text, ips text, privacy text, region text);
CREATE FUNCTION key_terms_of(p_key uuid) RETURNS key_terms LANGUAGE sql STABLE AS $$
    SELECT (k.requests_per_minute > 0 OR k.tokens_per_minute > 0, coalesce(s.parts, 1), coalesce(s.version, 0),
            key_ruled(k), array_to_string(k.allowed_models, E'\n'), array_to_string(k.allowed_providers, E'\n'),
            array_to_string(k.allowed_ips, E'\n'), k.min_privacy, k.region)::key_terms
    FROM api_key k LEFT JOIN key_share s ON s.account_id = k.account_id AND s.key_id = k.key_id
    WHERE k.key_id = p_key
$$;

-- When does this text end? NULL: never. In milliseconds, as lease_open() says it.
CREATE FUNCTION key_text_ends(p_expires_ms bigint, p_old_until timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_old_until IS NULL THEN p_expires_ms
                ELSE least(nullif(p_expires_ms, 0), (extract(epoch FROM p_old_until) * 1000)::bigint) END
$$;

-- A data plane looks a key up by one of its texts. p_obeys: it obeys rules. The outcomes are those of lease_open(); a
-- key with rules is 'disabled' to a data plane that would not obey them.
CREATE FUNCTION lease_grant(
    p_digest bytea, p_boot uuid, p_new_lease uuid, p_need bigint, p_want bigint, p_lease_ms bigint, p_obeys boolean,
    OUT outcome text, OUT o_key uuid, OUT o_account uuid, OUT o_lease uuid, OUT o_granted bigint,
    OUT o_requests bigint, OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint, OUT o_most bigint,
    OUT o_own bigint, OUT o_terms key_terms)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    o record;
    until timestamptz;
BEGIN
    SELECT * INTO k FROM key_of(p_digest) LIMIT 1;
    IF k.old_digest = p_digest THEN
        until := k.old_until;
    END IF;
    IF key_ruled(k) AND NOT p_obeys AND key_refusal(k) IS NULL THEN
        outcome := 'disabled';
        o_version := k.version;
        o_most := 0;
        RETURN;
    END IF;
    IF p_obeys THEN
        PERFORM set_config('tr.rules', 'told', true);
    END IF;
    PERFORM set_config('tr.old_until', coalesce(until::text, ''), true);
    SELECT * INTO o FROM lease_open(coalesce(k.digest, p_digest), p_boot, p_new_lease, p_need, p_want, p_lease_ms);
    outcome := o.outcome; o_key := o.o_key; o_account := o.o_account; o_lease := o.o_lease;
    o_granted := o.o_granted; o_requests := o.o_requests; o_tokens := o.o_tokens; o_version := o.o_version;
    o_most := o.o_most; o_own := o.o_own;
    o_expires_ms := key_text_ends(o.o_expires_ms, until);
    IF outcome = 'ok' THEN
        o_terms := key_terms_of(o_key);
    ELSIF outcome = 'unknown' AND EXISTS (SELECT 1 FROM key_of(p_digest) n WHERE n.digest <> k.digest) THEN
        outcome := 'busy'; -- its text has just been replaced: to be asked again
    END IF;
END $$;

-- A data plane renews a lease. One of a text that has ended is gone, and so is one of a key with rules for a data plane
-- that would not obey them.
CREATE FUNCTION lease_renew(
    p_lease uuid, p_key uuid, p_boot uuid, p_need bigint, p_want bigint, p_lease_ms bigint, p_returned bigint,
    p_obeys boolean, OUT outcome text, OUT o_granted bigint, OUT o_lease_ms bigint, OUT o_requests bigint,
    OUT o_tokens bigint, OUT o_expires_ms bigint, OUT o_version bigint, OUT o_most bigint, OUT o_own bigint,
    OUT o_terms key_terms)
LANGUAGE plpgsql AS $$
DECLARE
    k api_key;
    o record;
    until timestamptz;
BEGIN
    SELECT l.old_until INTO until FROM lease l WHERE l.lease_id = p_lease;
    SELECT * INTO k FROM api_key WHERE key_id = p_key;
    IF until <= ledger_now() OR (key_ruled(k) AND NOT p_obeys) THEN
        outcome := 'gone';
        o_granted := 0; o_lease_ms := 0; o_requests := 0; o_tokens := 0; o_expires_ms := 0; o_most := 0; o_own := 0;
        o_version := k.version;
        RETURN;
    END IF;
    IF p_obeys THEN
        PERFORM set_config('tr.rules', 'told', true);
    END IF;
    SELECT * INTO o FROM lease_extend(p_lease, p_key, p_boot, p_need, p_want, p_lease_ms, p_returned);
    outcome := o.outcome; o_granted := o.o_granted; o_lease_ms := o.o_lease_ms; o_requests := o.o_requests;
    o_tokens := o.o_tokens; o_version := o.o_version; o_most := o.o_most; o_own := o.o_own;
    o_expires_ms := key_text_ends(o.o_expires_ms, until);
    IF outcome IN ('ok', 'credit', 'limit') THEN
        IF o_requests > 0 OR o_tokens > 0 THEN
            PERFORM key_share_count(k.account_id, p_key);
        END IF;
        o_terms := key_terms_of(p_key);
    END IF;
END $$;
