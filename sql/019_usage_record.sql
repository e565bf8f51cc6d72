-- Usage records come as one array of records, and what a record consists of is said in two places only: the
-- type usage_record, whose order is that of proto/usage_fields.h, and usage_row(), which makes a row of table
-- usage of it. So a migration that adds a field to the record is (with proto/usage_fields.h, see
-- CONTRIBUTING.md):
--
--     ALTER TABLE usage ADD COLUMN tokens_x bigint NOT NULL DEFAULT 0;
--     ALTER TYPE usage_record ADD ATTRIBUTE tokens_x bigint;
--     CREATE OR REPLACE FUNCTION usage_row ... as below, with coalesce(r.tokens_x, 0) as its last column
--
-- Records that were set aside before have no such member: it is NULL then.

CREATE TYPE usage_record AS (
    seq bigint, request_id uuid, key_id uuid, account_id uuid, lease_id uuid, received_ms bigint,
    user_hash bigint, cost_nusd bigint, model_no bigint, endpoint_no bigint, first_model_no bigint,
    price_version bigint, catalog_version bigint, route_us bigint, first_byte_us bigint,
    total_ms bigint, tokens_prompt bigint, tokens_completion bigint, tokens_cached_read bigint,
    tokens_cache_write bigint, tokens_reasoning bigint, http_status bigint, flags bigint,
    region_no bigint, error_class bigint, finish bigint, route_reason bigint, attempt bigint,
    attempts bigint
);

-- A booked record as a row of usage: its columns in their order. Inlined where it is used.
CREATE FUNCTION usage_row(r usage_record, p_boot uuid, p_now timestamptz, p_lease bigint,
                          p_available bigint)
RETURNS SETOF usage LANGUAGE sql STABLE AS $$
    SELECT p_boot, r.seq, r.request_id, r.account_id, r.key_id, r.lease_id, r.received_ms, p_now,
           r.user_hash, r.cost_nusd, p_lease, p_available, r.cost_nusd - p_lease - p_available,
           r.model_no, r.endpoint_no, r.first_model_no, r.price_version, r.catalog_version,
           r.route_us, r.first_byte_us, r.total_ms, r.tokens_prompt, r.tokens_completion,
           r.tokens_cached_read, r.tokens_cache_write, r.tokens_reasoning, r.http_status::integer,
           r.flags::integer, r.region_no::integer, r.error_class::smallint, r.finish::smallint,
           r.route_reason::smallint, r.attempt::smallint, r.attempts::smallint
$$;

-- Book a batch of usage records of one boot: an array of them. Idempotent by
-- (boot, seq) and by request id. Returns the highest seq up to which everything is committed, or
-- NULL for a boot that nobody introduced. p_aside true: the records are set aside as refused.
--
-- Set-based: one statement decides, splits and writes everything, postings aggregated per account,
-- so that a batch of 256 costs a few milliseconds. Two batches of one boot wait for each other at
-- the boot's row. An account whose row somebody else holds for longer than lock_timeout has its records set
-- aside as busy, so that no other account waits for it.
--
-- The planner is held to index look-ups, row by row: its plan is cached, and one made while the
-- tables were small would read all of them for every batch later.
DROP FUNCTION usage_ingest(uuid, bigint[], uuid[], uuid[], uuid[], uuid[], bigint[], bigint[], bigint[],
    bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
    bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[],
    bigint[], boolean);
CREATE FUNCTION usage_ingest(p_boot uuid, p_records usage_record[], p_aside boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '250ms' SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    acked bigint;
    accounts uuid[];
    beyond bigint[]; -- what came before a gap: booked, not acknowledged; nearly always nothing
    held uuid[] := '{}'; -- accounts whose rows somebody else holds; nearly always none
    now_ timestamptz := ledger_now();
BEGIN
    SELECT b.acked_seq INTO acked FROM boot b WHERE b.boot_id = p_boot FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT array_agg(DISTINCT r.account_id) INTO accounts FROM unnest(p_records) r;
    BEGIN
        PERFORM 1 FROM account WHERE account_id = ANY (accounts)
        ORDER BY account_id FOR NO KEY UPDATE;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        WITH free AS MATERIALIZED (
            SELECT account_id FROM account WHERE account_id = ANY (accounts)
            ORDER BY account_id FOR NO KEY UPDATE SKIP LOCKED)
        SELECT array_agg(account_id) INTO held FROM account
        WHERE account_id = ANY (accounts) AND account_id NOT IN (SELECT account_id FROM free);
        held := coalesce(held, '{}');
    END;

    SELECT coalesce(array_agg(w.seq), '{}') INTO beyond
    FROM (SELECT seq FROM usage WHERE boot_id = p_boot AND seq > acked
          UNION ALL
          SELECT seq FROM usage_rejected WHERE boot_id = p_boot AND seq > acked
          UNION ALL
          SELECT seq FROM usage_aside WHERE boot_id = p_boot AND seq > acked) w;

    WITH sent AS MATERIALIZED (
        -- What booking decides by, and the whole record, which usage_row() writes down.
        SELECT r.seq, r.request_id, r.key_id, r.account_id, r.lease_id, r.cost_nusd, r.model_no,
               r.endpoint_no, r.tokens_prompt, r.tokens_completion, r.tokens_reasoning,
               r AS record
        FROM unnest(p_records) r
    ), fresh AS MATERIALIZED (
        -- Not seen before; of two records with one seq in a batch the first. A number that is acknowledged
        -- and that no table has is of a gap, and its record is welcome.
        SELECT DISTINCT ON (s.seq) s.*
        FROM sent s
        WHERE CASE WHEN s.seq > acked THEN s.seq <> ALL (beyond)
              ELSE NOT EXISTS (SELECT 1 FROM usage u WHERE u.boot_id = p_boot AND u.seq = s.seq)
                   AND NOT EXISTS (SELECT 1 FROM usage_rejected u
                                   WHERE u.boot_id = p_boot AND u.seq = s.seq)
                   AND NOT EXISTS (SELECT 1 FROM usage_aside u
                                   WHERE u.boot_id = p_boot AND u.seq = s.seq) END
        ORDER BY s.seq
    ), aside AS MATERIALIZED (
        SELECT f.* FROM fresh f WHERE p_aside OR f.account_id = ANY (held)
    ), judged AS MATERIALIZED (
        -- $1,000,000 for one request is no price but a fault; below it no sum here can overflow.
        SELECT f.*, l.state = 'open' AS lease_open,
               l.granted_nusd - l.spent_nusd - l.returned_nusd AS lease_left,
               a.balance_nusd AS available,
               CASE WHEN f.cost_nusd < 0 OR f.cost_nusd > 1000000000000000 THEN 'cost'
                    WHEN a.owner IS NULL THEN 'account'
                    WHEN k.account_id IS DISTINCT FROM f.account_id THEN 'key'
                    WHEN l.lease_id IS NOT NULL AND (l.account_id <> f.account_id
                         OR l.key_id <> f.key_id OR l.boot_id <> p_boot) THEN 'lease'
                    WHEN row_number() OVER (PARTITION BY f.request_id ORDER BY f.seq) > 1
                         OR EXISTS (SELECT 1 FROM usage u WHERE u.request_id = f.request_id)
                         THEN 'request' END AS reason
        FROM fresh f
        LEFT JOIN ledger_account a ON a.owner = f.account_id AND a.kind = 'available'
        LEFT JOIN api_key k ON k.key_id = f.key_id
        LEFT JOIN lease l ON l.lease_id = f.lease_id
        WHERE NOT (p_aside OR f.account_id = ANY (held))
    ), leased AS (
        -- An open lease pays until it is empty, in seq order.
        SELECT j.*, CASE WHEN j.lease_open THEN greatest(0, least(j.cost_nusd, j.lease_left
                   - (sum(j.cost_nusd) OVER (PARTITION BY j.lease_id ORDER BY j.seq) - j.cost_nusd)))
                   ELSE 0 END::bigint AS from_lease
        FROM judged j WHERE j.reason IS NULL
    ), paid AS MATERIALIZED (
        -- The rest comes from what the account still has; what even that cannot pay is written off.
        SELECT e.*, greatest(0, least(e.cost_nusd - e.from_lease, e.available
                   - (sum(e.cost_nusd - e.from_lease) OVER (PARTITION BY e.account_id ORDER BY e.seq)
                      - (e.cost_nusd - e.from_lease))))::bigint AS from_available
        FROM leased e
    ), booked AS (
        INSERT INTO usage
        SELECT u.* FROM paid p
        CROSS JOIN LATERAL usage_row(p.record, p_boot, now_, p.from_lease, p.from_available) u
        ORDER BY p.seq
    ), refused AS (
        INSERT INTO usage_rejected (boot_id, seq, reason, record)
        SELECT p_boot, j.seq, j.reason,
               to_jsonb(j.record) - 'seq'
        FROM judged j WHERE j.reason IS NOT NULL
    ), kept AS (
        INSERT INTO usage_aside (boot_id, seq, reason, account_id, lease_id, aside_at, record)
        SELECT p_boot, f.seq, CASE WHEN p_aside THEN 'refused' ELSE 'busy' END, f.account_id,
               f.lease_id, now_, to_jsonb(f.record)
        FROM aside f
    ), lease_spend AS (
        UPDATE lease l SET spent_nusd = l.spent_nusd + s.amount
        FROM (SELECT lease_id, sum(from_lease)::bigint AS amount FROM paid GROUP BY 1) s
        WHERE l.lease_id = s.lease_id AND s.amount > 0
    ), sums AS MATERIALIZED (
        SELECT account_id, sum(from_lease)::bigint AS from_lease,
               sum(from_available)::bigint AS from_available, sum(cost_nusd)::bigint AS cost
        FROM paid GROUP BY 1 HAVING sum(cost_nusd) > 0
    ), moved AS (
        INSERT INTO transfer (kind, account_id, at)
        SELECT 'usage', account_id, now_ FROM sums RETURNING transfer_id, account_id
    ), posted AS (
        INSERT INTO posting (transfer_id, ledger_account_id, amount_nusd)
        SELECT m.transfer_id, a.ledger_account_id, p.amount
        FROM moved m JOIN sums s USING (account_id)
        CROSS JOIN LATERAL (VALUES
            ('leased', -s.from_lease),
            ('available', -s.from_available),
            ('writeoff', -(s.cost - s.from_lease - s.from_available)),
            ('revenue', s.cost)) AS p (kind, amount)
        JOIN ledger_account a ON a.owner = m.account_id AND a.kind = p.kind
        WHERE p.amount <> 0
    ), days AS (
        INSERT INTO usage_day AS d (key_id, day, model_no, endpoint_no, account_id, requests,
            cost_nusd, tokens_prompt, tokens_completion, tokens_reasoning)
        SELECT key_id, (now_ AT TIME ZONE 'UTC')::date, model_no, endpoint_no, account_id, count(*),
            sum(cost_nusd), sum(tokens_prompt), sum(tokens_completion), sum(tokens_reasoning)
        FROM paid GROUP BY key_id, model_no, endpoint_no, account_id
        ON CONFLICT (key_id, day, model_no, endpoint_no) DO UPDATE SET
            requests = d.requests + EXCLUDED.requests,
            cost_nusd = d.cost_nusd + EXCLUDED.cost_nusd,
            tokens_prompt = d.tokens_prompt + EXCLUDED.tokens_prompt,
            tokens_completion = d.tokens_completion + EXCLUDED.tokens_completion,
            tokens_reasoning = d.tokens_reasoning + EXCLUDED.tokens_reasoning
    ), totals AS (
        INSERT INTO key_total AS t (key_id, account_id, cost_nusd, billed_nusd)
        SELECT key_id, account_id, sum(cost_nusd), sum(from_lease + from_available)
        FROM paid GROUP BY key_id, account_id
        ON CONFLICT (key_id) DO UPDATE SET cost_nusd = t.cost_nusd + EXCLUDED.cost_nusd,
            billed_nusd = t.billed_nusd + EXCLUDED.billed_nusd
    )
    INSERT INTO usage_batch (boot_id, seq_lo, seq_hi, records, booked, duplicates, rejected, aside,
                             cost_nusd, at)
    SELECT p_boot, min(s.seq), max(s.seq), count(*), (SELECT count(*) FROM paid),
           count(*) - (SELECT count(*) FROM fresh),
           (SELECT count(*) FROM judged WHERE reason IS NOT NULL), (SELECT count(*) FROM aside),
           (SELECT coalesce(sum(cost_nusd), 0) FROM paid), now_
    FROM sent s HAVING count(*) > 0;

    RETURN boot_advance(p_boot, acked);
END $$;

-- Book what was set aside of one boot for this reason, at most p_max records; accounts that somebody else is
-- working on are left out. The caller holds the boot's row. Returns how many records are no longer aside.
CREATE OR REPLACE FUNCTION usage_rebook_boot(p_boot uuid, p_reason text, p_max bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    accounts uuid[];
    records usage_record[];
BEGIN
    SELECT array_agg(x.account_id) INTO accounts
    FROM (SELECT account_id FROM account
          WHERE account_id IN (SELECT s.account_id FROM usage_aside s
                               WHERE s.boot_id = p_boot AND s.reason = p_reason)
          ORDER BY account_id FOR NO KEY UPDATE SKIP LOCKED) x;
    WITH chosen AS (
        SELECT seq FROM usage_aside s WHERE s.boot_id = p_boot AND s.reason = p_reason
            AND (s.account_id = ANY (accounts)
                 OR NOT EXISTS (SELECT 1 FROM account a WHERE a.account_id = s.account_id))
        ORDER BY seq LIMIT p_max
    ), taken AS (
        DELETE FROM usage_aside s USING chosen c WHERE s.boot_id = p_boot AND s.seq = c.seq
        RETURNING s.record
    )
    SELECT array_agg(jsonb_populate_record(NULL::usage_record, t.record)) INTO records FROM taken t;
    IF records IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM usage_ingest(p_boot, records);
    RETURN cardinality(records);
END $$;
