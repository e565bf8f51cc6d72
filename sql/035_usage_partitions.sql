-- Usage by booking day: one partition for each UTC day of booked_at, so that what no account keeps any longer goes
-- with its partition.
--
-- 1. Each partition has a primary key of its own, (account_id, request_id). One of the whole table would have to
--    contain booked_at, and then allow a request twice within a day. Nothing is indexed by (boot, sequence number):
--    a batch is booked once because the boot's row says how far it is, and what was booked behind a gap is in
--    usage_ahead.
-- 2. A control plane makes the partitions of the next days ahead (usage_partitions, under an advisory lock). A
--    row of a day without one goes to usage_other, so that a late timer stops no booking.
-- 3. The table of before becomes the first partition, as it is: it is read once and nothing is copied.

ALTER TABLE account ADD retention_days integer NOT NULL DEFAULT 90 CHECK (retention_days BETWEEN 1 AND 730);

-- What is booked with a number above acked_seq, behind a gap, or inside a recorded gap; nearly always empty.
CREATE TABLE usage_ahead (
    boot_id uuid NOT NULL REFERENCES boot,
    seq     bigint NOT NULL,
    PRIMARY KEY (boot_id, seq)
);
INSERT INTO usage_ahead
SELECT w.boot_id, w.seq
FROM (SELECT boot_id, seq FROM usage
      UNION SELECT boot_id, seq FROM usage_rejected
      UNION SELECT boot_id, seq FROM usage_aside) w
JOIN boot b USING (boot_id)
WHERE w.seq > b.acked_seq
   OR EXISTS (SELECT 1 FROM usage_gap g WHERE g.boot_id = w.boot_id AND w.seq BETWEEN g.seq_lo AND g.seq_hi);

-- It names the table that will be; 038 makes it again, for what is removed.
DROP VIEW ledger_violations;

DROP FUNCTION usage_row(usage_record, uuid, timestamptz, bigint, bigint);
DROP TRIGGER usage_immutable ON usage;
DROP TRIGGER usage_day_cached ON usage;
DROP TRIGGER usage_day_own ON usage;
DROP FUNCTION usage_day_cached();
DROP FUNCTION usage_day_own();
ALTER TABLE usage RENAME TO usage_before;
ALTER TABLE usage_before DROP CONSTRAINT usage_pkey, DROP CONSTRAINT usage_request_once;
DROP INDEX usage_by_account;

-- batch_id: of usage_batch; 0 in rows of before. The columns of the record come last, in usage_row()'s order.
CREATE TABLE usage (
    batch_id bigint NOT NULL DEFAULT 0,
    LIKE usage_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS
) PARTITION BY RANGE (booked_at);
ALTER TABLE usage_before ADD COLUMN batch_id bigint NOT NULL DEFAULT 0;

-- Rows are never changed. They go when their account's retention is over: with their partition, or by
-- usage_purge() (038), which says so in tr.purge for its own transaction and keeps what they add up to.
CREATE FUNCTION usage_kept_from(p_days integer) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT (date_trunc('day', ledger_now() AT TIME ZONE 'UTC') - p_days * interval '1 day') AT TIME ZONE 'UTC'
$$;
CREATE FUNCTION usage_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('tr.purge', true) = 'on' THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        END IF;
        IF EXISTS (SELECT 1 FROM account a WHERE a.account_id = OLD.account_id
                   AND OLD.booked_at < usage_kept_from(a.retention_days)) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER usage_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON usage
    FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change();
CREATE TRIGGER usage_immutable_row BEFORE UPDATE OR DELETE ON usage
    FOR EACH ROW EXECUTE FUNCTION usage_refuse_change();

-- A table that can become a partition.
CREATE FUNCTION usage_partition_table(p_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE usage INCLUDING DEFAULTS INCLUDING CONSTRAINTS,'
                   ' PRIMARY KEY (account_id, request_id))', p_name);
    EXECUTE format('CREATE INDEX ON %I (batch_id)', p_name);
    EXECUTE format('CREATE TRIGGER usage_immutable_table BEFORE TRUNCATE ON %I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change()', p_name);
END $$;
SELECT usage_partition_table('usage_other');
ALTER TABLE usage ATTACH PARTITION usage_other DEFAULT;

-- The partition of a day. False: the day has one already, or rows of it are in usage_other, where they stay.
CREATE FUNCTION usage_partition_make(p_day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    name text := 'usage_' || to_char(p_day, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM usage_partition_table(name);
    EXECUTE format('ALTER TABLE usage ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                   concat(p_day, ' 00:00:00+00'), concat(p_day + 1, ' 00:00:00+00'));
    RETURN true;
EXCEPTION WHEN invalid_object_definition OR check_violation THEN
    RETURN false;
END $$;

-- The partitions of today and of the next days. One control plane at a time; the others come back later.
-- Attaching waits for no booking longer than a quarter of a second. Returns how many were made.
CREATE FUNCTION usage_partitions(p_ahead integer DEFAULT 7) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '250ms' AS $$
DECLARE
    n bigint := 0;
    today date := (ledger_now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310851245102803) THEN
        RETURN 0;
    END IF;
    FOR i IN 0 .. p_ahead LOOP
        IF usage_partition_make(today + i) THEN
            n := n + 1;
        END IF;
    END LOOP;
    RETURN n;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END $$;

-- The rows of before: all that was booked up to the end of this day, or of the last day that has any.
DO $$
DECLARE
    last date;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM usage_before) THEN
        DROP TABLE usage_before;
        RETURN;
    END IF;
    SELECT greatest((max(booked_at) AT TIME ZONE 'UTC')::date, (ledger_now() AT TIME ZONE 'UTC')::date) INTO last
    FROM usage_before;
    ALTER TABLE usage_before ADD PRIMARY KEY (account_id, request_id);
    CREATE INDEX ON usage_before (batch_id);
    CREATE TRIGGER usage_immutable_table BEFORE TRUNCATE ON usage_before
        FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change();
    EXECUTE format('ALTER TABLE usage ATTACH PARTITION usage_before FOR VALUES FROM (MINVALUE) TO (%L)',
                   concat(last + 1, ' 00:00:00+00'));
END $$;
SELECT usage_partitions();

-- A booked record as a row of usage: its columns in their order. Inlined where it is used.
CREATE FUNCTION usage_row(r usage_record, p_boot uuid, p_now timestamptz, p_lease bigint, p_available bigint,
                          p_batch bigint)
RETURNS SETOF usage LANGUAGE sql STABLE AS $$
    SELECT p_batch, p_boot, r.seq, r.request_id, r.account_id, r.key_id, r.lease_id, r.received_ms, p_now,
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

-- --- days and totals: the account leads their keys, and days know the region and what failed

ALTER TABLE usage_day
    ADD COLUMN region_no integer NOT NULL DEFAULT 0,
    ADD COLUMN errors    bigint NOT NULL DEFAULT 0 CHECK (errors >= 0),
    DROP CONSTRAINT usage_day_pkey,
    ADD PRIMARY KEY (account_id, key_id, day, model_no, endpoint_no, region_no);
CREATE INDEX usage_day_by_key ON usage_day (key_id, day);
UPDATE usage_day d SET errors = s.errors
FROM (SELECT account_id, key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
             count(*) AS errors
      FROM usage WHERE http_status >= 400 AND http_status <> 499 GROUP BY 1, 2, 3, 4, 5) s
WHERE d.account_id = s.account_id AND d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
  AND d.endpoint_no = s.endpoint_no;
ALTER TABLE key_total DROP CONSTRAINT key_total_pkey, ADD PRIMARY KEY (account_id, key_id);
CREATE INDEX key_total_by_key ON key_total (key_id);
DROP INDEX key_total_by_account;

-- Of an account and a request; ids begin with their time, so that partitions of before it are not looked at. An id
-- whose time is nonsense is looked for from a day ago or in all of them.
CREATE FUNCTION usage_id_time(p_id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
$$;
CREATE FUNCTION usage_booked_from(p_id uuid) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT least(usage_id_time(p_id), ledger_now()) - interval '1 day'
$$;

-- idempotency_state of 018, by account.
CREATE OR REPLACE FUNCTION idempotency_state(i idempotency) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN u.request_id IS NOT NULL THEN
            CASE WHEN u.cost_nusd > 0 OR u.error_class = 0 THEN 'used' ELSE 'over' END
        WHEN EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = i.lease_id AND l.state = 'open')
            THEN 'running'
        WHEN EXISTS (SELECT 1 FROM usage_aside a WHERE a.boot_id = i.boot_id
                     AND a.record ->> 'request_id' = i.request_id::text)
          OR EXISTS (SELECT 1 FROM usage_rejected r WHERE r.boot_id = i.boot_id
                     AND r.record ->> 'request_id' = i.request_id::text)
            THEN 'used'
        ELSE 'over' END
    FROM (SELECT 1) one LEFT JOIN usage u ON u.account_id = i.account_id AND u.request_id = i.request_id
         AND u.booked_at >= usage_booked_from(i.request_id)
$$;
