-- Booking without a row that everybody writes, without a record that stops the others, and without a
-- lost commit that stops acknowledgement.
--
-- 1. What the operator's side of the ledger holds (deposits, revenue, write-offs) is kept per account: two
--    accounts have no row in common, so they never wait for each other. Totals are sums.
-- 2. usage_aside keeps records that could not be booked when they came: of an account whose row
--    somebody else holds (booked again every second by usage_rebook), and those that the database
--    refused on every attempt. They are acknowledged, so that what follows them is booked.
-- 3. usage_gap keeps the numbers of records that nobody has any more.

-- --- 1. the operator's side, per account

ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_check;
ALTER TABLE ledger_account DROP CONSTRAINT ledger_no_overdraft;
ALTER TABLE ledger_account ADD CONSTRAINT ledger_no_overdraft
    CHECK (kind NOT IN ('available', 'leased') OR balance_nusd >= 0);

ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check
    CHECK (kind IN ('topup', 'lease', 'return', 'reclaim', 'usage', 'split'));

INSERT INTO ledger_account (owner, kind)
SELECT a.account_id, k.kind FROM account a
CROSS JOIN (VALUES ('deposits'), ('revenue'), ('writeoff')) AS k (kind);

CREATE OR REPLACE FUNCTION account_open_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_account (owner, kind)
    SELECT NEW.account_id, k.kind
    FROM (VALUES ('available'), ('leased'), ('deposits'), ('revenue'), ('writeoff')) AS k (kind);
    RETURN NULL;
END $$;

-- What the three shared rows hold moves to the accounts it came from: one transfer of kind 'split' for each
-- account, whose postings are the opposite and the repetition of what its earlier transfers posted.
WITH share AS MATERIALIZED (
    SELECT t.account_id, p.ledger_account_id AS shared_id, a.kind, sum(p.amount_nusd)::bigint AS amount
    FROM transfer t JOIN posting p USING (transfer_id)
    JOIN ledger_account a USING (ledger_account_id)
    WHERE a.owner IS NULL GROUP BY 1, 2, 3 HAVING sum(p.amount_nusd) <> 0
), moved AS (
    INSERT INTO transfer (kind, account_id, at)
    SELECT 'split', account_id, ledger_now() FROM share GROUP BY account_id
    RETURNING transfer_id, account_id
)
INSERT INTO posting (transfer_id, ledger_account_id, amount_nusd)
SELECT m.transfer_id, s.shared_id, -s.amount FROM moved m JOIN share s USING (account_id)
UNION ALL
SELECT m.transfer_id, a.ledger_account_id, s.amount FROM moved m JOIN share s USING (account_id)
JOIN ledger_account a ON a.owner = s.account_id AND a.kind = s.kind;
SET CONSTRAINTS ALL IMMEDIATE;

-- The shared rows keep their postings and hold nothing from now on.
ALTER TABLE ledger_account ADD CONSTRAINT ledger_shared_is_empty
    CHECK (owner IS NOT NULL OR balance_nusd = 0);

-- Move amount from one ledger account of p_account to another under a new transfer.
CREATE OR REPLACE FUNCTION ledger_move(p_kind text, p_account uuid, p_lease uuid, p_from text,
                                       p_to text, p_amount bigint, p_idempotency text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
BEGIN
    IF p_amount <= 0 THEN
        RAISE EXCEPTION 'a transfer moves a positive amount' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO transfer (kind, account_id, lease_id, idempotency, at)
    VALUES (p_kind, p_account, p_lease, p_idempotency, ledger_now()) RETURNING transfer_id INTO id;
    INSERT INTO posting (transfer_id, ledger_account_id, amount_nusd)
    SELECT id, a.ledger_account_id, CASE WHEN a.kind = p_to THEN p_amount ELSE -p_amount END
    FROM ledger_account a WHERE a.owner = p_account AND a.kind IN (p_from, p_to);
    RETURN id;
END $$;

-- What the whole system holds by kind: deposits negative, revenue positive, write-offs negative.
CREATE VIEW ledger_total AS
SELECT kind, sum(balance_nusd) AS balance_nusd FROM ledger_account GROUP BY kind;

-- --- 2. and 3. records set aside, records that are lost

-- busy: the account's row was held by somebody else. refused: the database refused the record on every
-- attempt; an operator looks, mends the cause and calls usage_rebook('refused', 100).
CREATE TABLE usage_aside (
    boot_id    uuid NOT NULL REFERENCES boot,
    seq        bigint NOT NULL CHECK (seq > 0),
    reason     text NOT NULL CHECK (reason IN ('busy', 'refused')),
    account_id uuid NOT NULL,
    lease_id   uuid NOT NULL,
    aside_at   timestamptz NOT NULL,
    record     jsonb NOT NULL, -- every field, by the names of usage's columns
    PRIMARY KEY (boot_id, seq)
);
CREATE INDEX usage_aside_by_reason ON usage_aside (reason, aside_at);

-- Numbers that a boot gave out and whose records it no longer has. A record that comes all the same is
-- booked; the gap stays as a fact.
CREATE TABLE usage_gap (
    boot_id    uuid NOT NULL REFERENCES boot,
    seq_lo     bigint NOT NULL CHECK (seq_lo > 0),
    seq_hi     bigint NOT NULL,
    seen_at    timestamptz NOT NULL,
    -- The most that the lost records can have spent of leases we know: what the boot's open leases held.
    bound_nusd bigint NOT NULL CHECK (bound_nusd >= 0),
    PRIMARY KEY (boot_id, seq_lo),
    CHECK (seq_hi >= seq_lo)
);

ALTER TABLE usage_batch ADD COLUMN aside integer NOT NULL DEFAULT 0;
ALTER TABLE usage_batch DROP CONSTRAINT usage_batch_check;
ALTER TABLE usage_batch ADD CONSTRAINT usage_batch_adds_up
    CHECK (records = booked + duplicates + rejected + aside);

-- Every record of this boot up to the result is booked, rejected, set aside or in a recorded gap. The
-- caller holds the boot's row; acked: from where to look on.
CREATE FUNCTION boot_advance(p_boot uuid, p_acked bigint) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    acked bigint := p_acked;
    gap_end bigint;
BEGIN
    LOOP
        -- Up to the first missing number: seq - row number is constant along a run without gaps.
        SELECT coalesce(max(x.seq), acked) INTO acked
        FROM (SELECT w.seq, row_number() OVER (ORDER BY w.seq) AS n
              FROM (SELECT seq FROM usage WHERE boot_id = p_boot AND seq > acked
                    UNION ALL
                    SELECT seq FROM usage_rejected WHERE boot_id = p_boot AND seq > acked
                    UNION ALL
                    SELECT seq FROM usage_aside WHERE boot_id = p_boot AND seq > acked) w) x
        WHERE x.seq - x.n = acked;
        SELECT max(seq_hi) INTO gap_end FROM usage_gap
        WHERE boot_id = p_boot AND seq_lo <= acked + 1 AND seq_hi > acked;
        EXIT WHEN gap_end IS NULL;
        acked := gap_end;
    END LOOP;
    UPDATE boot SET acked_seq = acked, last_seen = ledger_now() WHERE boot_id = p_boot;
    RETURN acked;
END $$;

-- A boot says that it no longer has the records p_lo..p_hi. Returns what is acknowledged now, NULL for
-- a boot that nobody introduced.
CREATE FUNCTION usage_lost(p_boot uuid, p_lo bigint, p_hi bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    acked bigint;
    lo bigint;
    hi bigint;
BEGIN
    SELECT b.acked_seq INTO acked FROM boot b WHERE b.boot_id = p_boot FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF p_hi > acked THEN
        -- With what overlaps it this is one gap.
        WITH merged AS (
            DELETE FROM usage_gap WHERE boot_id = p_boot AND seq_lo <= p_hi AND seq_hi >= p_lo
                AND seq_hi > acked RETURNING seq_lo, seq_hi)
        SELECT least(min(seq_lo), greatest(p_lo, acked + 1)), greatest(max(seq_hi), p_hi)
        INTO lo, hi FROM merged;
        INSERT INTO usage_gap (boot_id, seq_lo, seq_hi, seen_at, bound_nusd)
        SELECT p_boot, lo, hi, ledger_now(),
               coalesce(sum(granted_nusd - spent_nusd - returned_nusd), 0)
        FROM lease WHERE boot_id = p_boot AND state = 'open';
    END IF;
    RETURN boot_advance(p_boot, acked);
END $$;
CREATE INDEX lease_open_by_boot ON lease (boot_id) WHERE state = 'open';

-- Book a batch of usage records of one boot: parallel arrays, one element per record. Idempotent by
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
    bigint[]);
CREATE FUNCTION usage_ingest(
    p_boot uuid, p_seq bigint[], p_request uuid[], p_key uuid[], p_account uuid[], p_lease uuid[],
    p_received_ms bigint[], p_user_hash bigint[], p_cost bigint[], p_model bigint[],
    p_endpoint bigint[], p_first_model bigint[], p_price_version bigint[], p_catalog_version bigint[],
    p_route_us bigint[], p_first_byte_us bigint[], p_total_ms bigint[], p_prompt bigint[],
    p_completion bigint[], p_cached_read bigint[], p_cache_write bigint[], p_reasoning bigint[],
    p_http_status bigint[], p_flags bigint[], p_region bigint[], p_error_class bigint[],
    p_finish bigint[], p_route_reason bigint[], p_attempt bigint[], p_attempts bigint[],
    p_aside boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '250ms' SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    acked bigint;
    beyond bigint[]; -- what came before a gap: booked, not acknowledged; nearly always nothing
    held uuid[] := '{}'; -- accounts whose rows somebody else holds; nearly always none
    now_ timestamptz := ledger_now();
BEGIN
    SELECT b.acked_seq INTO acked FROM boot b WHERE b.boot_id = p_boot FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM 1 FROM account WHERE account_id = ANY (p_account)
        ORDER BY account_id FOR NO KEY UPDATE;
    EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
        WITH free AS MATERIALIZED (
            SELECT account_id FROM account WHERE account_id = ANY (p_account)
            ORDER BY account_id FOR NO KEY UPDATE SKIP LOCKED)
        SELECT array_agg(account_id) INTO held FROM account
        WHERE account_id = ANY (p_account) AND account_id NOT IN (SELECT account_id FROM free);
        held := coalesce(held, '{}');
    END;

    SELECT coalesce(array_agg(w.seq), '{}') INTO beyond
    FROM (SELECT seq FROM usage WHERE boot_id = p_boot AND seq > acked
          UNION ALL
          SELECT seq FROM usage_rejected WHERE boot_id = p_boot AND seq > acked
          UNION ALL
          SELECT seq FROM usage_aside WHERE boot_id = p_boot AND seq > acked) w;

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
    ), kept AS (
        INSERT INTO usage_aside (boot_id, seq, reason, account_id, lease_id, aside_at, record)
        SELECT p_boot, f.seq, CASE WHEN p_aside THEN 'refused' ELSE 'busy' END, f.account_id,
               f.lease_id, now_, to_jsonb(f)
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
CREATE FUNCTION usage_rebook_boot(p_boot uuid, p_reason text, p_max bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    accounts uuid[];
    rows usage[];
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
    SELECT array_agg(jsonb_populate_record(NULL::usage, t.record)) INTO rows FROM taken t;
    IF rows IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM usage_ingest(p_boot, array_agg(r.seq), array_agg(r.request_id), array_agg(r.key_id),
        array_agg(r.account_id), array_agg(r.lease_id), array_agg(r.received_ms),
        array_agg(r.user_hash), array_agg(r.cost_nusd), array_agg(r.model_no),
        array_agg(r.endpoint_no), array_agg(r.first_model_no), array_agg(r.price_version),
        array_agg(r.catalog_version), array_agg(r.route_us), array_agg(r.first_byte_us),
        array_agg(r.total_ms), array_agg(r.tokens_prompt), array_agg(r.tokens_completion),
        array_agg(r.tokens_cached_read), array_agg(r.tokens_cache_write),
        array_agg(r.tokens_reasoning), array_agg(r.http_status::bigint),
        array_agg(r.flags::bigint), array_agg(r.region_no::bigint),
        array_agg(r.error_class::bigint), array_agg(r.finish::bigint),
        array_agg(r.route_reason::bigint), array_agg(r.attempt::bigint),
        array_agg(r.attempts::bigint))
    FROM unnest(rows) r;
    RETURN cardinality(rows);
END $$;

-- The same for every boot that nobody else is working on, at most p_max records of each.
CREATE FUNCTION usage_rebook(p_reason text, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    b uuid;
    n bigint := 0;
BEGIN
    FOR b IN SELECT DISTINCT boot_id FROM usage_aside WHERE reason = p_reason LOOP
        PERFORM 1 FROM boot WHERE boot_id = b FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        n := n + usage_rebook_boot(b, p_reason, p_max);
    END LOOP;
    RETURN n;
END $$;

-- lease_return(); but a final return, which gives back all that is left, first has the lease's records booked
-- that were set aside because the account was locked when they came.
CREATE FUNCTION lease_give_back(p_lease uuid, p_boot uuid, p_total bigint, p_final boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF p_final AND EXISTS (SELECT 1 FROM usage_aside s WHERE s.boot_id = p_boot
                           AND s.lease_id = p_lease AND s.reason = 'busy') THEN
        PERFORM set_config('lock_timeout', '250ms', true); -- then it is tried again, and nobody waits
        PERFORM 1 FROM boot WHERE boot_id = p_boot FOR NO KEY UPDATE;
        PERFORM 1 FROM account a JOIN lease x USING (account_id)
        WHERE x.lease_id = p_lease FOR NO KEY UPDATE OF a;
        PERFORM usage_rebook_boot(p_boot, 'busy', 100000);
    END IF;
    RETURN lease_return(p_lease, p_boot, p_total, p_final);
END $$;

-- The invariants of sql/007 for this schema: one row per violated invariant. Empty in a sound ledger, after
-- any fault. Reads everything, so it belongs to tests and to an operator's nightly check.
CREATE OR REPLACE VIEW ledger_violations AS
SELECT 'transfer does not sum to zero' AS invariant, t.transfer_id::text AS subject,
       coalesce(sum(p.amount_nusd), 0) AS got, 0::numeric AS want
FROM transfer t LEFT JOIN posting p USING (transfer_id)
GROUP BY t.transfer_id HAVING coalesce(sum(p.amount_nusd), 0) <> 0 OR count(p.*) < 2
UNION ALL
SELECT 'all postings do not sum to zero', 'ledger', sum(amount_nusd), 0 FROM posting
HAVING sum(amount_nusd) <> 0
UNION ALL
SELECT 'balance is not the sum of postings', a.ledger_account_id::text, a.balance_nusd,
       coalesce(p.total, 0)
FROM ledger_account a
LEFT JOIN (SELECT ledger_account_id, sum(amount_nusd) AS total FROM posting GROUP BY 1) p
    USING (ledger_account_id)
WHERE a.balance_nusd <> coalesce(p.total, 0)
UNION ALL
SELECT 'customer balance is negative', a.ledger_account_id::text, a.balance_nusd, 0
FROM ledger_account a WHERE a.kind IN ('available', 'leased') AND a.balance_nusd < 0
UNION ALL
SELECT 'account lacks a ledger account', a.account_id::text, count(l.*), 5
FROM account a LEFT JOIN ledger_account l ON l.owner = a.account_id
GROUP BY a.account_id HAVING count(l.*) <> 5
UNION ALL
SELECT 'leased is not what open leases hold', a.owner::text, a.balance_nusd, coalesce(l.held, 0)
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(granted_nusd - spent_nusd - returned_nusd) AS held
           FROM lease WHERE state = 'open' GROUP BY 1) l ON l.account_id = a.owner
WHERE a.kind = 'leased' AND a.balance_nusd <> coalesce(l.held, 0)
UNION ALL
SELECT 'lease spent is not the sum of its usage', l.lease_id::text, l.spent_nusd, coalesce(u.spent, 0)
FROM lease l
LEFT JOIN (SELECT lease_id, sum(from_lease_nusd) AS spent FROM usage GROUP BY 1) u USING (lease_id)
WHERE l.spent_nusd <> coalesce(u.spent, 0)
UNION ALL
SELECT 'usage spends a lease that is not there', u.lease_id::text, sum(u.from_lease_nusd), 0
FROM usage u WHERE u.from_lease_nusd > 0
    AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = u.lease_id)
GROUP BY u.lease_id
UNION ALL
SELECT 'revenue is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'revenue' AND owner IS NOT NULL) a
FULL JOIN (SELECT account_id, sum(cost_nusd) AS total FROM usage GROUP BY 1) u
    ON u.account_id = a.owner
WHERE coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'write-off is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       -coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'writeoff' AND owner IS NOT NULL) a
FULL JOIN (SELECT account_id, sum(written_off_nusd) AS total FROM usage GROUP BY 1) u
    ON u.account_id = a.owner
WHERE -coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'a shared ledger account holds money', a.kind, a.balance_nusd, 0
FROM ledger_account a WHERE a.owner IS NULL AND a.balance_nusd <> 0
UNION ALL
SELECT 'usage transfers of an account are not its usage', coalesce(u.account_id, t.account_id)::text,
       coalesce(t.total, 0), coalesce(u.total, 0)
FROM (SELECT account_id, sum(cost_nusd) AS total FROM usage GROUP BY 1) u
FULL JOIN (SELECT t.account_id, sum(p.amount_nusd) AS total
           FROM transfer t JOIN posting p USING (transfer_id)
           WHERE t.kind = 'usage' AND p.amount_nusd > 0 GROUP BY 1) t USING (account_id)
WHERE coalesce(u.total, 0) <> coalesce(t.total, 0)
UNION ALL
SELECT 'key total is not the sum of usage', coalesce(u.key_id, t.key_id)::text,
       coalesce(t.cost_nusd, 0), coalesce(u.cost, 0)
FROM (SELECT key_id, sum(cost_nusd) AS cost, sum(from_lease_nusd + from_available_nusd) AS billed
      FROM usage GROUP BY 1) u
FULL JOIN key_total t USING (key_id)
WHERE (coalesce(t.cost_nusd, 0), coalesce(t.billed_nusd, 0))
    IS DISTINCT FROM (coalesce(u.cost, 0), coalesce(u.billed, 0))
UNION ALL
SELECT 'usage days are not the sum of usage', coalesce(u.key_id, d.key_id)::text,
       coalesce(d.cost, 0), coalesce(u.cost, 0)
FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n,
             sum(cost_nusd) AS cost FROM usage GROUP BY 1, 2) u
FULL JOIN (SELECT key_id, day, sum(requests) AS n, sum(cost_nusd) AS cost FROM usage_day
           GROUP BY 1, 2) d USING (key_id, day)
WHERE (coalesce(d.cost, 0), coalesce(d.n, 0)) IS DISTINCT FROM (coalesce(u.cost, 0), coalesce(u.n, 0))
UNION ALL
SELECT 'usage names an unknown account, key or boot', u.request_id::text, 0, 0
FROM usage u
WHERE NOT EXISTS (SELECT 1 FROM api_key k WHERE k.key_id = u.key_id AND k.account_id = u.account_id)
   OR NOT EXISTS (SELECT 1 FROM boot b WHERE b.boot_id = u.boot_id)
UNION ALL
SELECT 'an acknowledged record is missing', b.boot_id::text, n.kept, b.acked_seq
FROM boot b CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM (SELECT u.seq FROM usage u WHERE u.boot_id = b.boot_id
                                  UNION ALL
                                  SELECT u.seq FROM usage_rejected u WHERE u.boot_id = b.boot_id
                                  UNION ALL
                                  SELECT u.seq FROM usage_aside u WHERE u.boot_id = b.boot_id) w
            WHERE w.seq <= b.acked_seq
              AND NOT EXISTS (SELECT 1 FROM usage_gap g WHERE g.boot_id = b.boot_id
                              AND w.seq BETWEEN g.seq_lo AND g.seq_hi))
         + (SELECT coalesce(sum(g.seq_hi - g.seq_lo + 1), 0) FROM usage_gap g
            WHERE g.boot_id = b.boot_id AND g.seq_hi <= b.acked_seq) AS kept) n
WHERE n.kept <> b.acked_seq
UNION ALL
SELECT 'a record is booked and set aside', s.record ->> 'request_id', 0, 0
FROM usage_aside s JOIN usage u ON u.boot_id = s.boot_id AND u.seq = s.seq;
