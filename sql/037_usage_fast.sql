-- Booking a batch. An ordinary one is booked from sums: the records are read once, checked per lease, key
-- and account, and written by one statement that updates each lease, account, key and day once. Whatever is not ordinary
-- (a number out of order or seen before, a request id that is not of these minutes or is there already, a key or
-- lease that does not fit, a lease that is closed or too small) goes the careful way, which judges each record. Both
-- ways leave the same rows; tests book the same batches both ways.

-- Failed attempts of a request at other endpoints, before the one that its usage record names. Metadata only, and
-- not needed for money: what a data plane no longer has of them is missing.
CREATE TABLE usage_attempt (
    account_id  uuid NOT NULL REFERENCES account,
    request_id  uuid NOT NULL,
    attempt     smallint NOT NULL CHECK (attempt BETWEEN 1 AND 8),
    key_id      uuid NOT NULL,
    endpoint_no bigint NOT NULL,
    error_class smallint NOT NULL,
    http_status integer NOT NULL,
    took_ms     bigint NOT NULL,
    booked_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, request_id, attempt)
);
CREATE INDEX usage_attempt_by_age ON usage_attempt (booked_at);

-- p_attempts: six numbers each: seq, attempt, endpoint, error class, HTTP status, milliseconds. Of records of this
-- batch; those of a record that was there before say nothing new.
CREATE FUNCTION usage_attempts_keep(p_records usage_record[], p_attempts bigint[], p_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO usage_attempt
    SELECT DISTINCT ON (r.account_id, r.request_id, a.attempt) r.account_id, r.request_id, a.attempt, r.key_id,
           a.endpoint_no, a.error_class, a.http_status, a.took_ms, p_now
    FROM (SELECT p_attempts[i * 6 + 1] AS seq, p_attempts[i * 6 + 2]::smallint AS attempt,
                 p_attempts[i * 6 + 3] AS endpoint_no, p_attempts[i * 6 + 4]::smallint AS error_class,
                 p_attempts[i * 6 + 5]::integer AS http_status, p_attempts[i * 6 + 6] AS took_ms
          FROM generate_series(0, cardinality(p_attempts) / 6 - 1) i) a
    JOIN unnest(p_records) r USING (seq) JOIN api_key k ON k.key_id = r.key_id AND k.account_id = r.account_id
    WHERE a.attempt BETWEEN 1 AND 8
    ORDER BY r.account_id, r.request_id, a.attempt
    ON CONFLICT DO NOTHING
$$;

-- boot_advance of 013, by usage_ahead. The caller holds the boot's row.
CREATE OR REPLACE FUNCTION boot_advance(p_boot uuid, p_acked bigint) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    acked bigint := p_acked;
    gap_end bigint;
BEGIN
    LOOP
        -- Up to the first missing number: seq - row number is constant along a run without gaps.
        SELECT coalesce(max(x.seq), acked) INTO acked
        FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS n FROM usage_ahead
              WHERE boot_id = p_boot AND seq > acked) x
        WHERE x.seq - x.n = acked;
        SELECT max(seq_hi) INTO gap_end FROM usage_gap
        WHERE boot_id = p_boot AND seq_lo <= acked + 1 AND seq_hi > acked;
        EXIT WHEN gap_end IS NULL;
        acked := gap_end;
    END LOOP;
    DELETE FROM usage_ahead a WHERE a.boot_id = p_boot AND a.seq <= acked
        AND NOT EXISTS (SELECT 1 FROM usage_gap g WHERE g.boot_id = p_boot
                        AND a.seq BETWEEN g.seq_lo AND g.seq_hi);
    UPDATE boot SET acked_seq = acked, last_seen = ledger_now() WHERE boot_id = p_boot;
    RETURN acked;
END $$;

-- The ids of requests that began between these times (id.c: 48 bits of unix milliseconds first).
CREATE FUNCTION usage_id_at(p_at timestamptz, p_fill text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || repeat(p_fill, 20))::uuid
$$;

-- The fast way. False: not an ordinary batch, and nothing is written. The caller holds the boot and the accounts.
-- A request id of a minute behind midnight or later cannot have been booked yesterday, so today's partition, whose
-- primary key it meets, is the only one that may have it.
CREATE FUNCTION usage_book_ordinary(p_boot uuid, p_records usage_record[], p_acked bigint, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    first_id uuid := usage_id_at(usage_kept_from(0) + interval '1 minute', '0');
    last_id uuid := usage_id_at(p_now + interval '1 minute', 'f');
    ordinary boolean;
    batch bigint;
BEGIN
    SELECT bool_and(r.seq = p_acked + r.ordinality AND r.request_id BETWEEN first_id AND last_id
                    AND r.cost_nusd BETWEEN 0 AND 1000000000000000) INTO ordinary
    FROM unnest(p_records) WITH ORDINALITY r;
    IF NOT ordinary OR EXISTS (SELECT 1 FROM usage_ahead WHERE boot_id = p_boot AND seq > p_acked) THEN
        RETURN false;
    END IF;
    SELECT bool_and(coalesce(l.state = 'open' AND l.key_id = s.key_id AND l.boot_id = p_boot AND k.key_id IS NOT NULL
                             AND l.granted_nusd - l.spent_nusd - l.returned_nusd >= s.cost, false)) INTO ordinary
    FROM (SELECT r.lease_id, r.key_id, r.account_id, sum(r.cost_nusd)::bigint AS cost
          FROM unnest(p_records) r GROUP BY 1, 2, 3) s
    LEFT JOIN lease l ON l.account_id = s.account_id AND l.lease_id = s.lease_id
    LEFT JOIN api_key k ON k.account_id = s.account_id AND k.key_id = s.key_id;
    IF NOT ordinary THEN
        RETURN false;
    END IF;

    INSERT INTO usage_batch (boot_id, seq_lo, seq_hi, records, booked, duplicates, rejected, aside, cost_nusd, at)
    SELECT p_boot, p_acked + 1, p_acked + count(*), count(*), count(*), 0, 0, 0, sum(r.cost_nusd), p_now
    FROM unnest(p_records) r RETURNING batch_id INTO batch;
    WITH written AS (
        INSERT INTO usage
        SELECT u.* FROM unnest(p_records) r
        CROSS JOIN LATERAL usage_row(r, p_boot, p_now, r.cost_nusd, 0, batch) u
    ), sums AS MATERIALIZED (
        SELECT r.account_id, r.key_id, r.lease_id, r.model_no, r.endpoint_no, r.region_no::integer AS region_no,
               count(*) AS requests, count(*) FILTER (WHERE r.http_status >= 400 AND r.http_status <> 499) AS errors,
               sum(r.cost_nusd)::bigint AS cost, sum(r.tokens_prompt)::bigint AS prompt,
               sum(r.tokens_completion)::bigint AS completion, sum(r.tokens_reasoning)::bigint AS reasoning,
               sum(r.tokens_cached_read)::bigint AS cached, sum(r.tokens_cache_write)::bigint AS cache_write,
               coalesce(sum(r.tokens_audio_input), 0)::bigint AS audio_input,
               coalesce(sum(r.tokens_audio_output), 0)::bigint AS audio_output,
               coalesce(sum(r.tokens_image_input), 0)::bigint AS image_input,
               coalesce(sum(r.tokens_image_output), 0)::bigint AS image_output,
               (coalesce(sum(r.own_cost), 0) * 100)::bigint AS own
        FROM unnest(p_records) r GROUP BY 1, 2, 3, 4, 5, 6
    ), lease_spend AS (
        UPDATE lease l SET spent_nusd = l.spent_nusd + s.cost
        FROM (SELECT account_id, lease_id, sum(cost)::bigint AS cost FROM sums GROUP BY 1, 2) s
        WHERE l.account_id = s.account_id AND l.lease_id = s.lease_id AND s.cost > 0
    ), moved AS (
        INSERT INTO transfer (kind, account_id, at)
        SELECT 'usage', account_id, p_now FROM sums GROUP BY account_id HAVING sum(cost) > 0
        RETURNING transfer_id, account_id
    ), posted AS (
        INSERT INTO posting (account_id, transfer_id, ledger_account_id, amount_nusd)
        SELECT m.account_id, m.transfer_id, a.ledger_account_id, CASE p.kind WHEN 'leased' THEN -s.cost ELSE s.cost END
        FROM moved m
        JOIN (SELECT account_id, sum(cost)::bigint AS cost FROM sums GROUP BY 1) s USING (account_id)
        CROSS JOIN (VALUES ('leased'), ('revenue')) AS p (kind)
        JOIN ledger_account a ON a.owner = m.account_id AND a.kind = p.kind
    ), days AS (
        INSERT INTO usage_day AS d (account_id, key_id, day, model_no, endpoint_no, region_no, requests, errors,
            cost_nusd, tokens_prompt, tokens_completion, tokens_reasoning, tokens_cached, tokens_cache_write,
            tokens_audio_input, tokens_audio_output, tokens_image_input, tokens_image_output, own_nusd)
        SELECT account_id, key_id, (p_now AT TIME ZONE 'UTC')::date, model_no, endpoint_no, region_no, sum(requests),
            sum(errors), sum(cost), sum(prompt), sum(completion), sum(reasoning), sum(cached), sum(cache_write),
            sum(audio_input), sum(audio_output), sum(image_input), sum(image_output), sum(own)
        FROM sums GROUP BY 1, 2, 4, 5, 6
        ON CONFLICT (account_id, key_id, day, model_no, endpoint_no, region_no) DO UPDATE SET
            requests = d.requests + EXCLUDED.requests, errors = d.errors + EXCLUDED.errors,
            cost_nusd = d.cost_nusd + EXCLUDED.cost_nusd, tokens_prompt = d.tokens_prompt + EXCLUDED.tokens_prompt,
            tokens_completion = d.tokens_completion + EXCLUDED.tokens_completion,
            tokens_reasoning = d.tokens_reasoning + EXCLUDED.tokens_reasoning,
            tokens_cached = d.tokens_cached + EXCLUDED.tokens_cached,
            tokens_cache_write = d.tokens_cache_write + EXCLUDED.tokens_cache_write,
            tokens_audio_input = d.tokens_audio_input + EXCLUDED.tokens_audio_input,
            tokens_audio_output = d.tokens_audio_output + EXCLUDED.tokens_audio_output,
            tokens_image_input = d.tokens_image_input + EXCLUDED.tokens_image_input,
            tokens_image_output = d.tokens_image_output + EXCLUDED.tokens_image_output,
            own_nusd = d.own_nusd + EXCLUDED.own_nusd
    )
    INSERT INTO key_total AS t (account_id, key_id, cost_nusd, billed_nusd)
    SELECT account_id, key_id, sum(cost), sum(cost) FROM sums GROUP BY 1, 2
    ON CONFLICT (account_id, key_id) DO UPDATE SET cost_nusd = t.cost_nusd + EXCLUDED.cost_nusd,
        billed_nusd = t.billed_nusd + EXCLUDED.billed_nusd;
    UPDATE boot SET acked_seq = p_acked + cardinality(p_records), last_seen = p_now WHERE boot_id = p_boot;
    RETURN true;
EXCEPTION WHEN unique_violation THEN -- a request id that is there already
    RETURN false;
END $$;

-- The careful way: usage_ingest of 019. p_held: accounts whose rows somebody else holds. p_again: the records were
-- set aside, so their numbers are known to be acknowledged.
CREATE FUNCTION usage_book_carefully(p_boot uuid, p_records usage_record[], p_acked bigint, p_now timestamptz,
                                     p_aside boolean, p_held uuid[], p_again boolean)
RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    batch bigint;
BEGIN
    -- Written first, so that rows name it; what it counts is known at the end.
    INSERT INTO usage_batch (boot_id, seq_lo, seq_hi, records, booked, duplicates, rejected, aside, cost_nusd, at)
    SELECT p_boot, min(r.seq), max(r.seq), 0, 0, 0, 0, 0, 0, p_now FROM unnest(p_records) r HAVING count(*) > 0
    RETURNING batch_id INTO batch;
    WITH sent AS MATERIALIZED (
        -- What booking decides by, and the whole record, which usage_row() writes down.
        SELECT r.seq, r.request_id, r.key_id, r.account_id, r.lease_id, r.cost_nusd, r.model_no,
               r.endpoint_no, r.region_no::integer AS region_no, r.http_status, r AS record
        FROM unnest(p_records) r
    ), fresh AS MATERIALIZED (
        -- Not seen before; of two records with one seq in a batch the first. A number of a gap that did not come
        -- is welcome.
        SELECT DISTINCT ON (s.seq) s.*
        FROM sent s
        WHERE p_again
           OR ((s.seq > p_acked OR EXISTS (SELECT 1 FROM usage_gap g WHERE g.boot_id = p_boot
                                           AND s.seq BETWEEN g.seq_lo AND g.seq_hi))
               AND NOT EXISTS (SELECT 1 FROM usage_ahead a WHERE a.boot_id = p_boot AND a.seq = s.seq))
        ORDER BY s.seq
    ), seen AS (
        INSERT INTO usage_ahead SELECT p_boot, f.seq FROM fresh f WHERE NOT p_again
    ), aside AS MATERIALIZED (
        SELECT f.* FROM fresh f WHERE p_aside OR f.account_id = ANY (p_held)
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
                    WHEN row_number() OVER (PARTITION BY f.account_id, f.request_id ORDER BY f.seq) > 1
                         OR EXISTS (SELECT 1 FROM usage u WHERE u.account_id = f.account_id
                                    AND u.request_id = f.request_id
                                    AND u.booked_at >= usage_booked_from(f.request_id))
                         THEN 'request' END AS reason
        FROM fresh f
        LEFT JOIN ledger_account a ON a.owner = f.account_id AND a.kind = 'available'
        LEFT JOIN api_key k ON k.key_id = f.key_id
        LEFT JOIN lease l ON l.lease_id = f.lease_id
        WHERE NOT (p_aside OR f.account_id = ANY (p_held))
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
        CROSS JOIN LATERAL usage_row(p.record, p_boot, p_now, p.from_lease, p.from_available, batch) u
        ORDER BY p.seq
    ), refused AS (
        INSERT INTO usage_rejected (boot_id, seq, reason, record)
        SELECT p_boot, j.seq, j.reason,
               to_jsonb(j.record) - 'seq'
        FROM judged j WHERE j.reason IS NOT NULL
    ), kept AS (
        INSERT INTO usage_aside (boot_id, seq, reason, account_id, lease_id, aside_at, record)
        SELECT p_boot, f.seq, CASE WHEN p_aside THEN 'refused' ELSE 'busy' END, f.account_id,
               f.lease_id, p_now, to_jsonb(f.record)
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
        SELECT 'usage', account_id, p_now FROM sums RETURNING transfer_id, account_id
    ), posted AS (
        INSERT INTO posting (account_id, transfer_id, ledger_account_id, amount_nusd)
        SELECT m.account_id, m.transfer_id, a.ledger_account_id, p.amount
        FROM moved m JOIN sums s USING (account_id)
        CROSS JOIN LATERAL (VALUES
            ('leased', -s.from_lease),
            ('available', -s.from_available),
            ('writeoff', -(s.cost - s.from_lease - s.from_available)),
            ('revenue', s.cost)) AS p (kind, amount)
        JOIN ledger_account a ON a.owner = m.account_id AND a.kind = p.kind
        WHERE p.amount <> 0
    ), days AS (
        INSERT INTO usage_day AS d (account_id, key_id, day, model_no, endpoint_no, region_no, requests, errors,
            cost_nusd, tokens_prompt, tokens_completion, tokens_reasoning, tokens_cached, tokens_cache_write,
            tokens_audio_input, tokens_audio_output, tokens_image_input, tokens_image_output, own_nusd)
        SELECT account_id, key_id, (p_now AT TIME ZONE 'UTC')::date, model_no, endpoint_no, region_no, count(*),
            count(*) FILTER (WHERE http_status >= 400 AND http_status <> 499), sum(cost_nusd),
            sum((record).tokens_prompt), sum((record).tokens_completion), sum((record).tokens_reasoning),
            sum((record).tokens_cached_read), sum((record).tokens_cache_write),
            coalesce(sum((record).tokens_audio_input), 0), coalesce(sum((record).tokens_audio_output), 0),
            coalesce(sum((record).tokens_image_input), 0), coalesce(sum((record).tokens_image_output), 0),
            coalesce(sum((record).own_cost), 0) * 100
        FROM paid GROUP BY 1, 2, 4, 5, 6
        ON CONFLICT (account_id, key_id, day, model_no, endpoint_no, region_no) DO UPDATE SET
            requests = d.requests + EXCLUDED.requests, errors = d.errors + EXCLUDED.errors,
            cost_nusd = d.cost_nusd + EXCLUDED.cost_nusd, tokens_prompt = d.tokens_prompt + EXCLUDED.tokens_prompt,
            tokens_completion = d.tokens_completion + EXCLUDED.tokens_completion,
            tokens_reasoning = d.tokens_reasoning + EXCLUDED.tokens_reasoning,
            tokens_cached = d.tokens_cached + EXCLUDED.tokens_cached,
            tokens_cache_write = d.tokens_cache_write + EXCLUDED.tokens_cache_write,
            tokens_audio_input = d.tokens_audio_input + EXCLUDED.tokens_audio_input,
            tokens_audio_output = d.tokens_audio_output + EXCLUDED.tokens_audio_output,
            tokens_image_input = d.tokens_image_input + EXCLUDED.tokens_image_input,
            tokens_image_output = d.tokens_image_output + EXCLUDED.tokens_image_output,
            own_nusd = d.own_nusd + EXCLUDED.own_nusd
    ), totals AS (
        INSERT INTO key_total AS t (account_id, key_id, cost_nusd, billed_nusd)
        SELECT account_id, key_id, sum(cost_nusd), sum(from_lease + from_available)
        FROM paid GROUP BY 1, 2
        ON CONFLICT (account_id, key_id) DO UPDATE SET cost_nusd = t.cost_nusd + EXCLUDED.cost_nusd,
            billed_nusd = t.billed_nusd + EXCLUDED.billed_nusd
    )
    UPDATE usage_batch b SET records = (SELECT count(*) FROM sent), booked = (SELECT count(*) FROM paid),
        duplicates = (SELECT count(*) FROM sent) - (SELECT count(*) FROM fresh),
        rejected = (SELECT count(*) FROM judged WHERE reason IS NOT NULL), aside = (SELECT count(*) FROM aside),
        cost_nusd = (SELECT coalesce(sum(cost_nusd), 0) FROM paid)
    WHERE b.batch_id = batch;
    RETURN boot_advance(p_boot, p_acked);
END $$;

-- Book a batch of usage records of one boot: an array of them. Idempotent by (boot, seq) and, within an account, by
-- request id. Returns the highest seq up to which everything is committed, or NULL for a boot that nobody
-- introduced. p_aside true: the records are set aside as refused. p_attempts: usage_attempts_keep().
--
-- Two batches of one boot wait for each other at the boot's row. An account whose row somebody else holds for longer
-- than lock_timeout has its records set aside as busy, so that no other account waits for it.
--
-- The planner is held to index look-ups, row by row: its plan is cached, and one made while the tables were small
-- would read all of them for every batch later.
DROP FUNCTION usage_ingest(uuid, usage_record[], boolean);
CREATE FUNCTION usage_ingest(p_boot uuid, p_records usage_record[], p_aside boolean DEFAULT false,
                             p_attempts bigint[] DEFAULT '{}')
RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '250ms' SET enable_seqscan = off AS $$
DECLARE
    acked bigint;
    accounts uuid[];
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
    IF cardinality(p_attempts) > 0 THEN
        PERFORM usage_attempts_keep(p_records, p_attempts, now_);
    END IF;
    IF NOT p_aside AND held = '{}' AND usage_book_ordinary(p_boot, p_records, acked, now_) THEN
        RETURN acked + cardinality(p_records);
    END IF;
    RETURN usage_book_carefully(p_boot, p_records, acked, now_, p_aside, held, false);
END $$;

-- usage_rebook_boot of 019: what is booked now was acknowledged when it was set aside.
CREATE OR REPLACE FUNCTION usage_rebook_boot(p_boot uuid, p_reason text, p_max bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    accounts uuid[];
    records usage_record[];
    acked bigint;
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
    SELECT b.acked_seq INTO acked FROM boot b WHERE b.boot_id = p_boot;
    PERFORM usage_book_carefully(p_boot, records, acked, ledger_now(), false, '{}', true);
    RETURN cardinality(records);
END $$;
