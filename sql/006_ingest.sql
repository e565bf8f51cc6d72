-- Book a batch of usage records of one boot: parallel arrays, one element per record. Idempotent by
-- (boot, seq) and by request id. Returns the highest seq up to which everything is committed, or
-- NULL for a boot nobody introduced.
--
-- Set-based: one statement decides, splits and writes everything, postings aggregated per account,
-- so that a batch of 256 costs a few milliseconds. Two batches of one boot wait for each other at
-- the boot's row; batches of different boots only where they share an account.
--
-- The planner is held to index look-ups, row by row: its plan is cached, and one made while the
-- tables were small would read all of them for every batch later.
CREATE FUNCTION usage_ingest(
    p_boot uuid, p_seq bigint[], p_request uuid[], p_key uuid[], p_account uuid[], p_lease uuid[],
    p_received_ms bigint[], p_user_hash bigint[], p_cost bigint[], p_model bigint[],
    p_endpoint bigint[], p_first_model bigint[], p_price_version bigint[], p_catalog_version bigint[],
    p_route_us bigint[], p_first_byte_us bigint[], p_total_ms bigint[], p_prompt bigint[],
    p_completion bigint[], p_cached_read bigint[], p_cache_write bigint[], p_reasoning bigint[],
    p_http_status bigint[], p_flags bigint[], p_region bigint[], p_error_class bigint[],
    p_finish bigint[], p_route_reason bigint[], p_attempt bigint[], p_attempts bigint[])
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    acked bigint;
    beyond bigint[]; -- what came before a gap: booked, not acknowledged; nearly always nothing
    now_ timestamptz := ledger_now();
BEGIN
    SELECT b.acked_seq INTO acked FROM boot b WHERE b.boot_id = p_boot FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM account WHERE account_id = ANY (p_account) ORDER BY account_id FOR NO KEY UPDATE;

    SELECT coalesce(array_agg(w.seq), '{}') INTO beyond
    FROM (SELECT seq FROM usage WHERE boot_id = p_boot AND seq > acked
          UNION ALL
          SELECT seq FROM usage_rejected WHERE boot_id = p_boot AND seq > acked) w;

    WITH sent AS MATERIALIZED (
        SELECT * FROM unnest(p_seq, p_request, p_key, p_account, p_lease, p_received_ms, p_user_hash,
            p_cost, p_model, p_endpoint, p_first_model, p_price_version, p_catalog_version,
            p_route_us, p_first_byte_us, p_total_ms, p_prompt, p_completion, p_cached_read,
            p_cache_write, p_reasoning, p_http_status, p_flags, p_region, p_error_class, p_finish,
            p_route_reason, p_attempt, p_attempts)
        AS r (seq, request_id, key_id, account_id, lease_id, received_ms, user_hash,
            cost_nusd, model_no, endpoint_no, first_model_no, price_version, catalog_version,
            route_us, first_byte_us, total_ms, tokens_prompt, tokens_completion, tokens_cached_read,
            tokens_cache_write, tokens_reasoning, http_status, flags, region_no, error_class, finish,
            route_reason, attempt, attempts)
    ), fresh AS MATERIALIZED (
        -- Not seen before; of two records with one seq in a batch the first.
        SELECT DISTINCT ON (s.seq) s.*
        FROM sent s WHERE s.seq > acked AND s.seq <> ALL (beyond)
        ORDER BY s.seq
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
        INSERT INTO usage (boot_id, seq, request_id, account_id, key_id, lease_id, received_ms,
            booked_at, user_hash, cost_nusd, from_lease_nusd, from_available_nusd, written_off_nusd,
            model_no, endpoint_no, first_model_no, price_version, catalog_version, route_us,
            first_byte_us, total_ms, tokens_prompt, tokens_completion, tokens_cached_read,
            tokens_cache_write, tokens_reasoning, http_status, flags, region_no, error_class, finish,
            route_reason, attempt, attempts)
        SELECT p_boot, seq, request_id, account_id, key_id, lease_id, received_ms, now_, user_hash,
            cost_nusd, from_lease, from_available, cost_nusd - from_lease - from_available,
            model_no, endpoint_no, first_model_no, price_version, catalog_version, route_us,
            first_byte_us, total_ms, tokens_prompt, tokens_completion, tokens_cached_read,
            tokens_cache_write, tokens_reasoning, http_status, flags, region_no, error_class, finish,
            route_reason, attempt, attempts
        FROM paid ORDER BY seq
    ), refused AS (
        INSERT INTO usage_rejected (boot_id, seq, reason, record)
        SELECT p_boot, j.seq, j.reason,
               to_jsonb(j) - '{seq,reason,lease_open,lease_left,available}'::text[]
        FROM judged j WHERE j.reason IS NOT NULL
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
            (m.account_id, 'leased', -s.from_lease),
            (m.account_id, 'available', -s.from_available),
            (NULL, 'writeoff', -(s.cost - s.from_lease - s.from_available)),
            (NULL, 'revenue', s.cost)) AS p (owner, kind, amount)
        JOIN LATERAL (SELECT x.ledger_account_id FROM ledger_account x
                      WHERE x.owner = p.owner AND x.kind = p.kind
                      UNION ALL
                      SELECT x.ledger_account_id FROM ledger_account x
                      WHERE p.owner IS NULL AND x.owner IS NULL AND x.kind = p.kind) a ON true
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
    INSERT INTO usage_batch (boot_id, seq_lo, seq_hi, records, booked, duplicates, rejected, cost_nusd,
                             at)
    SELECT p_boot, min(s.seq), max(s.seq), count(*), (SELECT count(*) FROM paid),
           count(*) - (SELECT count(*) FROM judged),
           (SELECT count(*) FROM judged WHERE reason IS NOT NULL),
           (SELECT coalesce(sum(cost_nusd), 0) FROM paid), now_
    FROM sent s HAVING count(*) > 0;

    -- Acknowledge up to the first gap: seq - row number is constant along a gapless run.
    SELECT coalesce(max(x.seq), acked) INTO acked
    FROM (SELECT w.seq, row_number() OVER (ORDER BY w.seq) AS n
          FROM (SELECT seq FROM usage WHERE boot_id = p_boot AND seq > acked
                UNION ALL
                SELECT seq FROM usage_rejected WHERE boot_id = p_boot AND seq > acked) w) x
    WHERE x.seq - x.n = acked;
    UPDATE boot SET acked_seq = acked, last_seen = now_ WHERE boot_id = p_boot;
    RETURN acked;
END $$;
