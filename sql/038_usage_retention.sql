-- What goes, and when. Usage records are kept for account.retention_days (1 to 730, 90 unless it is changed), counted in
-- whole UTC days: a partition that no account needs is dropped, and of the others the records of accounts that keep
-- less are deleted. What was removed is written down (retention_run of an account, retention_sweep of tables without
-- accounts), and what it added up to stays in usage_removed, so that the ledger's invariants hold without it.
-- docs/operations.md has the table of all retentions.

-- Sums of removed records. removed_to: none of a later time was removed.
CREATE TABLE usage_removed (
    account_id       uuid NOT NULL REFERENCES account,
    key_id           uuid NOT NULL,
    records          bigint NOT NULL,
    cost_nusd        bigint NOT NULL,
    billed_nusd      bigint NOT NULL,
    written_off_nusd bigint NOT NULL,
    removed_to       timestamptz NOT NULL,
    PRIMARY KEY (account_id, key_id)
);
-- How many acknowledged records of a boot are no longer in any table.
ALTER TABLE boot ADD removed_records bigint NOT NULL DEFAULT 0 CHECK (removed_records >= 0);
-- Of days that are no longer in usage_day.
ALTER TABLE key_total ADD own_removed_nusd bigint NOT NULL DEFAULT 0 CHECK (own_removed_nusd >= 0);

CREATE TABLE retention_run (
    account_id uuid NOT NULL REFERENCES account,
    run_id     bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    what       text NOT NULL CHECK (what IN ('records', 'attempts')),
    how        text NOT NULL CHECK (how IN ('partition', 'purge')),
    removed_to timestamptz NOT NULL,
    rows       bigint NOT NULL,
    PRIMARY KEY (account_id, run_id)
);
CREATE INDEX retention_run_by_age ON retention_run (at);
CREATE TABLE retention_sweep (
    sweep_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    what     text NOT NULL,
    rows     bigint NOT NULL
);
CREATE INDEX retention_sweep_by_age ON retention_sweep (at);

-- Records that are about to go: p_gone has their sums by account, key and boot.
CREATE TYPE usage_gone AS (
    account_id uuid, key_id uuid, boot_id uuid, records bigint, cost_nusd bigint, billed_nusd bigint,
    written_off_nusd bigint, removed_to timestamptz
);
CREATE FUNCTION usage_note_removed(p_gone usage_gone[], p_how text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_removed AS r
    SELECT g.account_id, g.key_id, sum(g.records), sum(g.cost_nusd), sum(g.billed_nusd), sum(g.written_off_nusd),
           max(g.removed_to)
    FROM unnest(p_gone) g GROUP BY 1, 2
    ON CONFLICT (account_id, key_id) DO UPDATE SET records = r.records + EXCLUDED.records,
        cost_nusd = r.cost_nusd + EXCLUDED.cost_nusd, billed_nusd = r.billed_nusd + EXCLUDED.billed_nusd,
        written_off_nusd = r.written_off_nusd + EXCLUDED.written_off_nusd,
        removed_to = greatest(r.removed_to, EXCLUDED.removed_to);
    UPDATE boot b SET removed_records = b.removed_records + s.records
    FROM (SELECT g.boot_id, sum(g.records) AS records FROM unnest(p_gone) g GROUP BY 1) s
    WHERE b.boot_id = s.boot_id;
    INSERT INTO retention_run (account_id, at, what, how, removed_to, rows)
    SELECT g.account_id, ledger_now(), 'records', p_how, max(g.removed_to), sum(g.records)
    FROM unnest(p_gone) g GROUP BY 1;
    RETURN (SELECT coalesce(sum(g.records), 0) FROM unnest(p_gone) g);
END $$;

-- The partition goes, with all that is in it. The table is locked for as long as that takes.
CREATE FUNCTION usage_drop(p_partition text) RETURNS bigint LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
DECLARE
    gone usage_gone[];
BEGIN
    EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', p_partition);
    EXECUTE format('SELECT array_agg(g) FROM (SELECT account_id, key_id, boot_id, count(*), sum(cost_nusd)::bigint,'
                   ' sum(from_lease_nusd + from_available_nusd)::bigint, sum(written_off_nusd)::bigint,'
                   ' max(booked_at) FROM %I GROUP BY 1, 2, 3) x (account_id, key_id, boot_id, records, cost_nusd,'
                   ' billed_nusd, written_off_nusd, removed_to),'
                   ' LATERAL (SELECT (x.*)::usage_gone AS g) y', p_partition) INTO gone;
    EXECUTE format('DROP TABLE %I', p_partition);
    RETURN usage_note_removed(gone, 'partition');
END $$;

-- At most p_max records of one partition whose accounts keep less.
CREATE FUNCTION usage_purge(p_partition text, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone usage_gone[];
BEGIN
    PERFORM set_config('tr.purge', 'on', true);
    EXECUTE format('WITH due AS (SELECT u.account_id, u.request_id FROM account a'
                   ' JOIN %1$I u ON u.account_id = a.account_id AND u.booked_at < usage_kept_from(a.retention_days)'
                   ' LIMIT $1), gone AS (DELETE FROM %1$I u USING due d WHERE u.account_id = d.account_id'
                   ' AND u.request_id = d.request_id RETURNING u.account_id, u.key_id, u.boot_id, u.cost_nusd,'
                   ' u.from_lease_nusd + u.from_available_nusd AS billed_nusd, u.written_off_nusd, u.booked_at)'
                   ' SELECT array_agg(y.g) FROM (SELECT account_id, key_id, boot_id, count(*), sum(cost_nusd)::bigint,'
                   ' sum(billed_nusd)::bigint, sum(written_off_nusd)::bigint, max(booked_at)'
                   ' FROM gone GROUP BY 1, 2, 3) x (account_id, key_id, boot_id, records, cost_nusd, billed_nusd,'
                   ' written_off_nusd, removed_to), LATERAL (SELECT (x.*)::usage_gone AS g) y',
                   p_partition) INTO gone USING p_max;
    PERFORM set_config('tr.purge', '', true);
    RETURN usage_note_removed(gone, 'purge');
END $$;

-- Tables without accounts, and those that keep as long for everybody. What was acknowledged is counted as removed.
CREATE FUNCTION usage_sweep(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    total bigint := 0;
    now_ timestamptz := ledger_now();
BEGIN
    WITH old AS (SELECT account_id, request_id, attempt FROM usage_attempt t JOIN account a USING (account_id)
                 WHERE t.booked_at < usage_kept_from(a.retention_days) LIMIT p_max),
    gone AS (DELETE FROM usage_attempt t USING old o WHERE t.account_id = o.account_id
             AND t.request_id = o.request_id AND t.attempt = o.attempt RETURNING t.account_id, t.booked_at),
    noted AS (INSERT INTO retention_run (account_id, at, what, how, removed_to, rows)
              SELECT account_id, now_, 'attempts', 'purge', max(booked_at), count(*) FROM gone GROUP BY 1)
    SELECT count(*) INTO n FROM gone;
    total := total + n;

    WITH old AS (SELECT batch_id FROM usage_batch WHERE rolled AND at < now_ - interval '30 days' LIMIT p_max),
    gone AS (DELETE FROM usage_batch b USING old o WHERE b.batch_id = o.batch_id RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_batch', n);

    WITH old AS (SELECT boot_id, seq FROM usage_rejected WHERE rejected_at < now_ - interval '90 days' LIMIT p_max),
    gone AS (DELETE FROM usage_rejected r USING old o WHERE r.boot_id = o.boot_id AND r.seq = o.seq
             RETURNING r.boot_id),
    noted AS (UPDATE boot b SET removed_records = b.removed_records + s.n
              FROM (SELECT boot_id, count(*) AS n FROM gone GROUP BY 1) s WHERE b.boot_id = s.boot_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_rejected', n);

    WITH old AS (SELECT boot_id, seq FROM usage_aside WHERE reason = 'refused'
                 AND aside_at < now_ - interval '730 days' LIMIT p_max),
    gone AS (DELETE FROM usage_aside r USING old o WHERE r.boot_id = o.boot_id AND r.seq = o.seq
             RETURNING r.boot_id),
    noted AS (UPDATE boot b SET removed_records = b.removed_records + s.n
              FROM (SELECT boot_id, count(*) AS n FROM gone GROUP BY 1) s WHERE b.boot_id = s.boot_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_aside', n);

    WITH gone AS (DELETE FROM usage_hour WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_hour WHERE hour < now_ - interval '90 days' LIMIT p_max)) RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_hour', n);

    WITH gone AS (DELETE FROM usage_day_latency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_day_latency WHERE day < (now_ AT TIME ZONE 'UTC')::date - 760 LIMIT p_max)) RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_day_latency', n);

    WITH gone AS (DELETE FROM usage_day WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_day WHERE day < (now_ AT TIME ZONE 'UTC')::date - 760 LIMIT p_max))
        RETURNING account_id, key_id, own_nusd),
    noted AS (UPDATE key_total t SET own_removed_nusd = t.own_removed_nusd + s.own
              FROM (SELECT account_id, key_id, sum(own_nusd)::bigint AS own FROM gone GROUP BY 1, 2) s
              WHERE t.account_id = s.account_id AND t.key_id = s.key_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_day', n);

    DELETE FROM usage_watch WHERE until < now_ - interval '1 hour';
    DELETE FROM retention_run WHERE at < now_ - interval '730 days';
    DELETE FROM retention_sweep WHERE at < now_ - interval '730 days';
    RETURN total;
END $$;
CREATE FUNCTION usage_swept(p_what text, p_rows bigint) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO retention_sweep (at, what, rows) SELECT ledger_now(), p_what, p_rows WHERE p_rows > 0;
    SELECT p_rows
$$;
CREATE INDEX usage_day_by_age ON usage_day (day);
CREATE INDEX usage_rejected_by_age ON usage_rejected (rejected_at);

-- One round: at most p_max rows of each kind, one partition dropped at most. One control plane at a time. Returns how
-- many rows went; none: there is nothing to do for an hour.
CREATE FUNCTION usage_retention(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    p record;
    n bigint := 0;
    longest timestamptz;
    shortest timestamptz;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310851245102805) THEN
        RETURN 0;
    END IF;
    SELECT usage_kept_from(max(retention_days)), usage_kept_from(min(retention_days)) INTO longest, shortest
    FROM account;
    FOR p IN
        SELECT x.name, (regexp_match(x.bound, $r$FROM \('([^']+)'$r$))[1]::timestamptz AS lo,
               (regexp_match(x.bound, $r$TO \('([^']+)'$r$))[1]::timestamptz AS hi
        FROM (SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'usage'::regclass) x ORDER BY hi
    LOOP
        CONTINUE WHEN p.lo >= shortest; -- today and the days ahead; the default partition has no bound
        IF p.hi <= longest THEN
            BEGIN
                RETURN n + usage_drop(p.name) + 1;
            EXCEPTION WHEN lock_not_available THEN
                CONTINUE; -- the next round
            END;
        END IF;
        n := n + usage_purge(p.name, p_max);
        EXIT WHEN n >= p_max;
    END LOOP;
    RETURN n + usage_sweep(p_max);
END $$;

-- key_own of 023, with what is no longer in usage_day.
CREATE OR REPLACE FUNCTION key_own(p_key uuid, OUT total_nusd bigint, OUT daily_nusd bigint, OUT weekly_nusd bigint,
                        OUT monthly_nusd bigint) LANGUAGE sql STABLE AS $$
    SELECT (coalesce(sum(u.own_nusd), 0)
            + (SELECT coalesce(sum(own_removed_nusd), 0) FROM key_total WHERE key_id = p_key))::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day = n.utc::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('week', n.utc)::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('month', n.utc)::date), 0)::bigint
    FROM (SELECT ledger_now() AT TIME ZONE 'UTC' AS utc) n
    LEFT JOIN usage_day u ON u.key_id = p_key AND u.own_nusd > 0
$$;
