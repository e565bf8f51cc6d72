-- Data planes as operators see and steer them, and the attestation policy that judges them. Of the operator: no table
-- here has an account.

-- Policies in the order in which they came. pending: being written to the transparency log; at most one is.
CREATE TABLE policy_version (
    version     integer PRIMARY KEY CHECK (version > 0),
    state       text NOT NULL CHECK (state IN ('pending', 'in_force', 'retired', 'failed')),
    origin      text NOT NULL CHECK (origin IN ('file', 'rest')),
    sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
    name        text NOT NULL CHECK (length(name) <= 64), -- the version that the text gives itself
    simulated   boolean NOT NULL,
    text        text NOT NULL CHECK (octet_length(text) <= 131072),
    author      text NOT NULL DEFAULT '',
    note        text NOT NULL DEFAULT '' CHECK (length(note) <= 256),
    log_index   bigint, -- its entry in the transparency log
    created_at  timestamptz NOT NULL DEFAULT now(),
    in_force_at timestamptz,
    CHECK (state NOT IN ('in_force', 'retired') OR log_index IS NOT NULL)
);
CREATE UNIQUE INDEX policy_in_force_once ON policy_version (state) WHERE state = 'in_force';
CREATE UNIQUE INDEX policy_pending_once ON policy_version (state) WHERE state = 'pending';

CREATE FUNCTION policy_in_force() RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256 FROM policy_version WHERE state = 'in_force'
$$;

-- Announce a policy before it is logged. outcome: ok; same (it is in force); busy (another one is being logged; one that
-- was not finished in 30 s is given up).
CREATE FUNCTION policy_begin(p_origin text, p_sha256 bytea, p_name text, p_simulated boolean, p_text text,
                             p_author text, p_note text, OUT outcome text, OUT o_version bigint) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE policy_version IN EXCLUSIVE MODE;
    SELECT version INTO o_version FROM policy_version WHERE state = 'in_force' AND sha256 = p_sha256;
    IF FOUND THEN
        outcome := 'same';
        IF p_origin = 'file' THEN
            PERFORM file_saw('policy', p_sha256);
        END IF;
        RETURN;
    END IF;
    UPDATE policy_version SET state = 'failed'
    WHERE state = 'pending' AND created_at < clock_timestamp() - interval '30 seconds';
    IF EXISTS (SELECT 1 FROM policy_version WHERE state = 'pending') THEN
        outcome := 'busy';
        RETURN;
    END IF;
    outcome := 'ok';
    SELECT coalesce(max(version), 0) + 1 INTO o_version FROM policy_version;
    INSERT INTO policy_version (version, state, origin, sha256, name, simulated, text, author, note, created_at)
    VALUES (o_version, 'pending', p_origin, p_sha256, p_name, p_simulated, p_text, p_author, p_note, clock_timestamp());
END $$;

-- It is logged (p_index), and counts; or it is not (NULL).
CREATE FUNCTION policy_end(p_version bigint, p_index bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE policy_version IN EXCLUSIVE MODE;
    PERFORM 1 FROM policy_version WHERE version = p_version AND state = 'pending';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_index IS NULL THEN
        UPDATE policy_version SET state = 'failed' WHERE version = p_version;
        RETURN true;
    END IF;
    UPDATE policy_version SET state = 'retired' WHERE state = 'in_force';
    UPDATE policy_version SET state = 'in_force', log_index = p_index, in_force_at = now() WHERE version = p_version;
    PERFORM file_saw('policy', sha256) FROM policy_version WHERE version = p_version AND origin = 'file';
    PERFORM pg_notify('tr_fleet', 'policy');
    RETURN true;
END $$;

CREATE FUNCTION policy_object(p policy_version) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('version', p.version, 'state', p.state, 'origin', p.origin,
        'sha256', encode(p.sha256, 'hex'), 'name', p.name, 'allow_simulated', p.simulated, 'author', p.author,
        'note', p.note, 'log_index', p.log_index, 'created_at', utc_text(p.created_at),
        'in_force_at', utc_text(p.in_force_at))
$$;

-- What a data plane says of itself (STATE), and what operators want of it.
ALTER TABLE boot
    ADD COLUMN catalog_version bigint,
    ADD COLUMN region text CHECK (length(region) <= 64),
    ADD COLUMN draining boolean NOT NULL DEFAULT false,
    ADD COLUMN state_at timestamptz,    -- its last STATE
    ADD COLUMN evidence_at timestamptz, -- its last evidence that was good
    ADD COLUMN policy_sha256 bytea,     -- under which it was
    ADD COLUMN refused text,            -- why the last evidence was not; NULL: it was
    ADD COLUMN drain_wanted boolean NOT NULL DEFAULT false,
    ADD COLUMN evicted_reason text CHECK (length(evicted_reason) <= 256); -- NULL: it is not evicted; 'resume' ends it

-- 90 days of what happened to data planes.
CREATE TABLE boot_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boot_id  uuid NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    event    text NOT NULL CHECK (event IN ('accepted', 'refused', 'closed', 'drain', 'evict', 'resume')),
    detail   text NOT NULL DEFAULT '' CHECK (length(detail) <= 256),
    author   text NOT NULL DEFAULT ''
);
CREATE INDEX boot_event_by_boot ON boot_event (boot_id, event_id);
CREATE INDEX boot_event_by_time ON boot_event (at);

CREATE FUNCTION boot_is_evicted(b boot) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT b.evicted_reason IS NOT NULL
$$;

-- As in 034, but for evicted boots: they are never forgotten, or one that keeps asking would be let in.
CREATE OR REPLACE FUNCTION boot_forget(p_days bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    WITH old AS (
        SELECT b.boot_id FROM boot b
        WHERE b.link IS NULL AND NOT boot_is_evicted(b)
          AND greatest(b.last_seen, b.linked_at, b.unlinked_at) < ledger_now() - p_days * interval '1 day'
          AND NOT EXISTS (SELECT 1 FROM lease x WHERE x.boot_id = b.boot_id)
          AND NOT EXISTS (SELECT 1 FROM usage_batch x WHERE x.boot_id = b.boot_id)
          AND NOT EXISTS (SELECT 1 FROM usage_rejected x WHERE x.boot_id = b.boot_id)
          AND NOT EXISTS (SELECT 1 FROM usage_aside x WHERE x.boot_id = b.boot_id)
          AND NOT EXISTS (SELECT 1 FROM usage_gap x WHERE x.boot_id = b.boot_id)
        LIMIT p_max FOR UPDATE SKIP LOCKED)
    DELETE FROM boot b USING old o WHERE b.boot_id = o.boot_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;

-- boot_link(), unless the boot is evicted: 2, or 1 when its release does not know that reason.
CREATE FUNCTION boot_admit(p_boot uuid, p_link uuid, p_measurement bytea, p_simulated boolean,
                           OUT o_acked bigint, OUT o_lapse boolean, OUT o_evicted integer) LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN b.state_at IS NULL THEN 1 ELSE 2 END INTO o_evicted
    FROM boot b WHERE b.boot_id = p_boot AND boot_is_evicted(b);
    IF FOUND THEN
        RETURN;
    END IF;
    o_evicted := 0;
    SELECT l.o_acked, l.o_lapse INTO o_acked, o_lapse FROM boot_link(p_boot, p_link, p_measurement, p_simulated) l;
END $$;

CREATE FUNCTION boot_said(p_boot uuid, p_catalog bigint, p_draining boolean, p_region text) RETURNS void
LANGUAGE sql AS $$
    UPDATE boot SET catalog_version = p_catalog, draining = p_draining, region = nullif(p_region, ''),
        state_at = ledger_now() WHERE boot_id = p_boot
$$;

-- An event of a boot that control planes have seen: accepted (p_policy: under which policy), refused, closed.
CREATE FUNCTION boot_happened(p_boot uuid, p_event text, p_detail text, p_policy bytea) RETURNS void LANGUAGE sql AS $$
    INSERT INTO boot_event (boot_id, event, detail)
    SELECT b.boot_id, p_event, p_detail FROM boot b WHERE b.boot_id = p_boot
        AND NOT (p_event = 'accepted' AND b.policy_sha256 IS NOT DISTINCT FROM p_policy AND p_detail = 'again');
    UPDATE boot SET evidence_at = CASE WHEN p_event = 'accepted' THEN ledger_now() ELSE evidence_at END,
        policy_sha256 = CASE WHEN p_event = 'accepted' THEN p_policy ELSE policy_sha256 END,
        refused = CASE p_event WHEN 'refused' THEN p_detail WHEN 'accepted' THEN NULL ELSE refused END
    WHERE boot_id = p_boot;
$$;

-- drain, evict, resume. False: there is no such boot.
CREATE FUNCTION boot_order(p_boot uuid, p_order text, p_reason text, p_author text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE boot SET drain_wanted = (p_order = 'drain' OR (drain_wanted AND p_order <> 'resume')),
        evicted_reason = CASE p_order WHEN 'evict' THEN p_reason WHEN 'resume' THEN NULL ELSE evicted_reason END
    WHERE boot_id = p_boot;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO boot_event (boot_id, event, detail, author) VALUES (p_boot, p_order, p_reason, p_author);
    PERFORM pg_notify('tr_fleet', 'orders');
    RETURN true;
END $$;

CREATE FUNCTION boot_object(b boot) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('boot', b.boot_id, 'place', b.place, 'region', b.region,
        'measurement', encode(b.measurement, 'hex'), 'simulated', b.simulated,
        'connected', b.link IS NOT NULL AND b.linked_at > ledger_now() - interval '15 seconds',
        'verdict', CASE WHEN boot_is_evicted(b) THEN 'evicted' WHEN b.refused IS NOT NULL THEN 'refused'
                        ELSE 'accepted' END,
        'reason', CASE WHEN boot_is_evicted(b) THEN b.evicted_reason ELSE b.refused END,
        'policy_sha256', encode(b.policy_sha256, 'hex'), 'draining', b.draining, 'drain_wanted', b.drain_wanted,
        'catalog_version', b.catalog_version, 'since', utc_text(b.first_seen), 'last_seen',
        utc_text(greatest(b.last_seen, b.linked_at)), 'last_evidence', utc_text(b.evidence_at),
        'disconnected_at', utc_text(b.unlinked_at))
$$;

CREATE FUNCTION fleet_prune() RETURNS void LANGUAGE sql AS $$
    DELETE FROM boot_event WHERE at < now() - interval '90 days';
    DELETE FROM policy_version WHERE state = 'failed' AND created_at < now() - interval '90 days';
$$;

DO $$ BEGIN
    IF to_regprocedure('audit_on(regclass,text[],text[])') IS NOT NULL THEN
        PERFORM audit_on('policy_version');
    END IF;
END $$;
