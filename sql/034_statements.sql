-- What a customer reads of its money: balances, movements, statements by month. And what of it is kept how long.

-- --- movements and statements

-- What changed a customer's balance, in order: amount is of available and leased together; of usage cost is its
-- price and written_off what of that nobody paid.
CREATE FUNCTION ledger_moved(p_account uuid, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (transfer_id bigint, at timestamptz, kind text, reason text, about uuid, reverses bigint,
               amount_nusd bigint, cost_nusd bigint, written_off_nusd bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.transfer_id, t.at, t.kind, t.reason, t.about, t.reverses,
           coalesce(sum(p.amount_nusd) FILTER (WHERE a.kind IN ('available', 'leased')), 0)::bigint,
           coalesce(sum(p.amount_nusd) FILTER (WHERE a.kind = 'revenue'), 0)::bigint,
           coalesce(-sum(p.amount_nusd) FILTER (WHERE a.kind = 'writeoff'), 0)::bigint
    FROM transfer t
    JOIN posting p ON p.account_id = t.account_id AND p.transfer_id = t.transfer_id
    JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
    WHERE t.account_id = p_account AND t.at >= p_from AND t.at < p_to
      AND t.kind NOT IN ('lease', 'return', 'reclaim')
    GROUP BY t.account_id, t.transfer_id
$$;

-- The movements before one (NULL: the latest), newest first, as the API shows them: a batch of usage is one. more:
-- there are others behind o_last.
CREATE FUNCTION movement_list(p_account uuid, p_before bigint, p_kind text, p_limit bigint,
                              OUT o_rows json, OUT o_more boolean, OUT o_last bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object(
               'id', o.transfer_id, 'kind', CASE o.kind WHEN 'fold' THEN 'usage' ELSE o.kind END,
               'amount', usd(o.amount), 'reason', o.reason, 'created_at', utc_text(o.at),
               'promotion_id', CASE WHEN o.kind IN ('promotion', 'expiry') THEN o.about END,
               'reverses', o.reverses,
               'other_workspace_id', CASE WHEN o.kind = 'move' THEN
                   (SELECT m.account_id FROM transfer m WHERE m.kind = 'move' AND m.about = o.about
                    AND m.account_id <> p_account) END)
               ORDER BY o.transfer_id DESC) FILTER (WHERE o.n <= p_limit), '[]'),
           coalesce(max(o.n) > p_limit, false), min(o.transfer_id) FILTER (WHERE o.n <= p_limit)
    FROM (SELECT t.*, row_number() OVER (ORDER BY t.transfer_id DESC) AS n,
                 (SELECT coalesce(sum(p.amount_nusd), 0) FROM posting p
                  JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
                  WHERE p.account_id = t.account_id AND p.transfer_id = t.transfer_id
                    AND a.kind IN ('available', 'leased')) AS amount
          FROM (SELECT x.* FROM transfer x
                WHERE x.account_id = p_account AND x.transfer_id < coalesce(p_before, 9223372036854775807)
                  AND x.kind NOT IN ('lease', 'return', 'reclaim')
                  AND (p_kind IS NULL OR CASE x.kind WHEN 'fold' THEN 'usage' ELSE x.kind END = p_kind)
                ORDER BY x.transfer_id DESC LIMIT p_limit + 1) t) o
$$;

CREATE FUNCTION month_begin(p_month date) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
    $$ SELECT date_trunc('month', p_month::timestamp) AT TIME ZONE 'UTC' $$;

-- What the account had (available and leased) when this moment began: what it has, less what has moved since.
CREATE FUNCTION ledger_balance_at(p_account uuid, p_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (ledger_balance(p_account, 'available') + ledger_balance(p_account, 'leased')
            - coalesce((SELECT sum(amount_nusd) FROM ledger_moved(p_account, p_at, 'infinity')), 0))::bigint
$$;

-- The lines of a statement, in order. section: opening, movement, usage, closing. Usage is by day and model; kind
-- 'written_off' gives back what nobody paid of that day, and 'undetailed' is what the ledger has of a day whose
-- details are no longer kept. Opening and all amounts add up to closing: usage as such comes from the ledger.
CREATE FUNCTION statement_line(p_account uuid, p_month date)
RETURNS TABLE (section text, at text, kind text, detail text, requests bigint, tokens_prompt bigint,
               tokens_completion bigint, amount_nusd bigint)
LANGUAGE sql STABLE AS $$
    WITH period AS (
        SELECT month_begin(p_month) AS lo, month_begin((date_trunc('month', p_month) + interval '1 month')::date) AS hi
    ), moved AS MATERIALIZED (
        SELECT m.* FROM period, ledger_moved(p_account, lo, hi) m
    ), paid AS (
        SELECT (m.at AT TIME ZONE 'UTC')::date AS day, sum(m.amount_nusd)::bigint AS amount,
               sum(m.written_off_nusd)::bigint AS written_off
        FROM moved m WHERE m.kind IN ('usage', 'fold') GROUP BY 1
    ), used AS (
        SELECT u.day, coalesce(x.id, 'unknown') AS model, sum(u.requests)::bigint AS requests,
               sum(u.tokens_prompt)::bigint AS prompt, sum(u.tokens_completion)::bigint AS completion,
               sum(u.cost_nusd)::bigint AS cost
        FROM period, usage_day u LEFT JOIN model x ON x.model_no = u.model_no
        WHERE u.account_id = p_account AND u.day >= (lo AT TIME ZONE 'UTC')::date
          AND u.day < (hi AT TIME ZONE 'UTC')::date
        GROUP BY 1, 2
    ), rest AS (
        SELECT p.day, p.written_off,
               p.amount - p.written_off + coalesce((SELECT sum(u.cost) FROM used u WHERE u.day = p.day), 0) AS undetailed
        FROM paid p
    ), lines AS (
        SELECT 1 AS part, 0::bigint AS n, NULL::date AS day, 'opening' AS section, utc_text(lo) AS at, 'balance' AS kind,
               NULL AS detail, NULL::bigint AS requests, NULL::bigint AS prompt, NULL::bigint AS completion,
               ledger_balance_at(p_account, lo) AS amount FROM period
        UNION ALL
        SELECT 2, m.transfer_id, NULL, 'movement', utc_text(m.at), m.kind, m.reason, NULL, NULL, NULL, m.amount_nusd
        FROM moved m WHERE m.kind NOT IN ('usage', 'fold')
        UNION ALL
        SELECT 3, 0, u.day, 'usage', u.day::text, 'model', u.model, u.requests, u.prompt, u.completion, -u.cost FROM used u
        UNION ALL
        SELECT 3, 1, r.day, 'usage', r.day::text, 'written_off', NULL, NULL, NULL, NULL, r.written_off
        FROM rest r WHERE r.written_off <> 0
        UNION ALL
        SELECT 3, 2, r.day, 'usage', r.day::text, 'undetailed', NULL, NULL, NULL, NULL, r.undetailed::bigint
        FROM rest r WHERE r.undetailed <> 0
        UNION ALL
        SELECT 4, 0, NULL, 'closing', utc_text(hi), 'balance', NULL, NULL, NULL, NULL, ledger_balance_at(p_account, hi)
        FROM period
    )
    SELECT l.section, l.at, l.kind, l.detail, l.requests, l.prompt, l.completion, l.amount
    FROM lines l ORDER BY l.part, l.day, l.n, l.detail
$$;

CREATE FUNCTION statement_json(p_account uuid, p_month date) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('month', to_char(p_month, 'YYYY-MM'), 'workspace_id', p_account, 'currency', 'USD',
        'complete', month_begin((date_trunc('month', p_month) + interval '1 month')::date) <= ledger_now(),
        'opening_balance', usd(sum(l.amount_nusd) FILTER (WHERE l.section = 'opening')),
        'movements', coalesce(json_agg(json_build_object('created_at', l.at, 'kind', l.kind, 'reason', l.detail,
            'amount', usd(l.amount_nusd))) FILTER (WHERE l.section = 'movement'), '[]'),
        'usage', coalesce(json_agg(json_build_object('date', l.at, 'kind', l.kind, 'model', l.detail,
            'requests', l.requests, 'prompt_tokens', l.tokens_prompt, 'completion_tokens', l.tokens_completion,
            'amount', usd(l.amount_nusd))) FILTER (WHERE l.section = 'usage'), '[]'),
        'movements_total', usd(coalesce(sum(l.amount_nusd) FILTER (WHERE l.section = 'movement'), 0)),
        'usage_total', usd(coalesce(sum(l.amount_nusd) FILTER (WHERE l.section = 'usage'), 0)),
        'closing_balance', usd(sum(l.amount_nusd) FILTER (WHERE l.section = 'closing')))
    FROM statement_line(p_account, p_month) l
$$;

-- The months of an account since it was made, newest first, at most 120.
CREATE FUNCTION statement_list(p_account uuid) RETURNS json LANGUAGE sql STABLE AS $$
    WITH sums AS (
        SELECT date_trunc('month', m.at AT TIME ZONE 'UTC') AS month,
               coalesce(sum(m.amount_nusd) FILTER (WHERE m.kind NOT IN ('usage', 'fold')), 0) AS moved,
               coalesce(sum(m.amount_nusd) FILTER (WHERE m.kind IN ('usage', 'fold')), 0) AS used
        FROM ledger_moved(p_account, '-infinity', 'infinity') m GROUP BY 1
    ), months AS (
        SELECT g.month, coalesce(s.moved, 0) AS moved, coalesce(s.used, 0) AS used,
               sum(coalesce(s.moved + s.used, 0)) OVER (ORDER BY g.month) AS closing
        FROM account a
        CROSS JOIN LATERAL generate_series(
            least(date_trunc('month', a.created_at AT TIME ZONE 'UTC'), (SELECT min(month) FROM sums)),
            date_trunc('month', ledger_now() AT TIME ZONE 'UTC'), interval '1 month') AS g (month)
        LEFT JOIN sums s ON s.month = g.month
        WHERE a.account_id = p_account
    )
    SELECT coalesce(json_agg(json_build_object('month', to_char(x.month, 'YYYY-MM'),
               'opening_balance', usd(x.closing - x.moved - x.used), 'movements_total', usd(x.moved),
               'usage_total', usd(x.used), 'closing_balance', usd(x.closing)) ORDER BY x.month DESC), '[]')
    FROM (SELECT * FROM months ORDER BY month DESC LIMIT 120) x
$$;

-- --- the credits of an account

-- Open promotions as they are now, with what was billed since they were last settled.
CREATE FUNCTION promotion_now(p_account uuid)
RETURNS TABLE (promotion_id uuid, amount_nusd bigint, left_nusd bigint, expires_at timestamptz, reason text)
LANGUAGE sql STABLE AS $$
    SELECT p.promotion_id, p.amount_nusd,
           p.rest - greatest(0, least(p.rest, s.fresh - p.before))::bigint, p.expires_at, p.reason
    FROM (SELECT x.*, x.amount_nusd - x.spent_nusd - x.returned_nusd AS rest,
                 coalesce(sum(x.amount_nusd - x.spent_nusd - x.returned_nusd)
                          OVER (ORDER BY x.expires_at, x.promotion_id
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
          FROM promotion x WHERE x.account_id = p_account AND x.ended_at IS NULL) p,
         (SELECT ledger_balance(p_account, 'revenue') + ledger_balance(p_account, 'writeoff') - billed_nusd AS fresh
          FROM ledger_state WHERE account_id = p_account) s
$$;

-- OpenRouter's two members, and ours. What came in is what is there and what was paid.
CREATE FUNCTION credits_object(p_account uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'total_credits', usd(b.available + b.leased + t.billed), 'total_usage', usd(t.billed),
        'balance', usd(b.available + b.leased), 'available', usd(b.available), 'leased', usd(b.leased),
        'promotional', usd(p.rest), 'owed', usd(-b.owed), 'promotions', p.list, 'usage_by_model', u.list)
    FROM (SELECT sum(balance_nusd) FILTER (WHERE kind = 'available') AS available,
                 sum(balance_nusd) FILTER (WHERE kind = 'leased') AS leased,
                 sum(balance_nusd) FILTER (WHERE kind = 'owed') AS owed
          FROM ledger_account WHERE owner = p_account) b,
         (SELECT coalesce(sum(billed_nusd), 0) AS billed FROM key_total WHERE account_id = p_account) t,
         (SELECT coalesce(sum(left_nusd), 0) AS rest, coalesce(json_agg(json_build_object('id', promotion_id,
              'amount', usd(amount_nusd), 'remaining', usd(left_nusd), 'expires_at', utc_text(expires_at),
              'reason', reason) ORDER BY expires_at, promotion_id), '[]') AS list
          FROM promotion_now(p_account)) p,
         (SELECT coalesce(json_agg(json_build_object('model', m.model, 'requests', m.requests,
              'prompt_tokens', m.prompt, 'completion_tokens', m.completion, 'cost', usd(m.cost))
              ORDER BY m.cost DESC, m.model), '[]') AS list
          FROM (SELECT coalesce(x.id, 'unknown') AS model, sum(d.requests) AS requests,
                       sum(d.tokens_prompt) AS prompt, sum(d.tokens_completion) AS completion, sum(d.cost_nusd) AS cost
                FROM usage_day d LEFT JOIN model x ON x.model_no = d.model_no
                WHERE d.account_id = p_account
                  AND d.day >= date_trunc('month', ledger_now() AT TIME ZONE 'UTC')::date
                GROUP BY 1) m) u
$$;

-- --- what an account pays beside the catalog's prices, in basis points

-- From starts_at on, until the next row. markup_bp: on the catalog's prices. byok_fee_bp: of the catalog's price, for
-- requests on provider keys of the account's own; NULL: the fee of controlplane.conf. A row never changes.
CREATE TABLE account_terms (
    account_id  uuid NOT NULL REFERENCES account,
    starts_at   timestamptz NOT NULL,
    markup_bp   integer NOT NULL CHECK (markup_bp BETWEEN 0 AND 100000),
    byok_fee_bp integer CHECK (byok_fee_bp BETWEEN 0 AND 10000),
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    created_at  timestamptz NOT NULL,
    told        boolean NOT NULL DEFAULT false, -- the keys have a new version since it started
    PRIMARY KEY (account_id, starts_at)
);
CREATE INDEX account_terms_untold ON account_terms (account_id, starts_at) WHERE NOT told;

-- One row: what counts now, as the link says it.
CREATE FUNCTION terms_now(p_account uuid, OUT fee_ppm bigint, OUT markup_ppm bigint) LANGUAGE sql STABLE AS $$
    SELECT t.byok_fee_bp * 100::bigint, coalesce(t.markup_bp, 0) * 100::bigint
    FROM (SELECT 1) one LEFT JOIN LATERAL (
        SELECT * FROM account_terms WHERE account_id = p_account AND starts_at <= ledger_now()
        ORDER BY starts_at DESC LIMIT 1) t ON true
$$;

-- Data planes ask for an account's own keys when its version (023) is not 0, and again when it has changed. The answer
-- has its terms, too, so an account that has a markup has a version, with keys of its own or without.
CREATE FUNCTION account_asked(p_account uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM byok_key WHERE account_id = p_account AND NOT disabled)
           OR (SELECT markup_ppm FROM terms_now(p_account)) > 0
$$;
CREATE OR REPLACE FUNCTION api_key_byok() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- One of the two waits for the other, so that a key made beside a change of own keys does not miss it.
    PERFORM 1 FROM account WHERE account_id = NEW.account_id FOR NO KEY UPDATE;
    NEW.byok_version := byok_version(NEW.account_id);
    IF NEW.byok_version = 0 AND account_asked(NEW.account_id) THEN
        NEW.byok_version := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION byok_renew(p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v bigint := 0;
BEGIN
    PERFORM 1 FROM account WHERE account_id = p_account FOR NO KEY UPDATE;
    IF account_asked(p_account) THEN
        v := greatest(byok_version(p_account) + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
    END IF;
    UPDATE api_key SET byok_version = v WHERE account_id = p_account AND deleted_at IS NULL;
END $$;
CREATE OR REPLACE FUNCTION byok_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM byok_renew(coalesce(NEW.account_id, OLD.account_id));
    RETURN NULL;
END $$;

-- Terms that have started and that the account's keys do not know yet: a new version tells them. The caller holds the
-- account.
CREATE FUNCTION terms_tell(p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE account_terms SET told = true WHERE account_id = p_account AND NOT told AND starts_at <= ledger_now();
    IF FOUND THEN
        PERFORM byok_renew(p_account);
    END IF;
END $$;

-- What is due, with terms that start: ledger_take_due() of 033 around them.
ALTER FUNCTION ledger_take_due(uuid) RENAME TO ledger_take_money;
CREATE FUNCTION ledger_take_due(p_account uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    PERFORM terms_tell(p_account);
    taken := ledger_take_money(p_account);
    UPDATE ledger_state s SET due_at = least(s.due_at, t.at)
    FROM (SELECT min(starts_at) AS at FROM account_terms WHERE account_id = p_account AND NOT told) t
    WHERE s.account_id = p_account AND t.at IS NOT NULL;
    RETURN taken;
END $$;

-- p_starts NULL: now. outcome: ok; unknown; past; exists (other terms start at that moment).
CREATE FUNCTION terms_set(p_account uuid, p_starts timestamptz, p_markup_bp bigint, p_fee_bp bigint, p_reason text,
                          OUT outcome text, OUT o_starts timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    o_starts := coalesce(p_starts, ledger_now());
    IF NOT ledger_begin(p_account) THEN
        outcome := 'unknown';
    ELSIF o_starts < ledger_now() THEN
        outcome := 'past';
    ELSIF EXISTS (SELECT 1 FROM account_terms WHERE account_id = p_account AND starts_at = o_starts) THEN
        outcome := 'exists';
    ELSE
        outcome := 'ok';
        INSERT INTO account_terms (account_id, starts_at, markup_bp, byok_fee_bp, reason, created_at)
        VALUES (p_account, o_starts, p_markup_bp, p_fee_bp, p_reason, ledger_now());
        PERFORM ledger_take_due(p_account);
    END IF;
END $$;

-- The terms of an account, the latest start first.
CREATE FUNCTION terms_list(p_account uuid) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg(json_build_object('starts_at', utc_text(x.starts_at), 'markup_bp', x.markup_bp,
        'byok_fee_bp', x.byok_fee_bp, 'reason', x.reason, 'created_at', utc_text(x.created_at),
        'current', x.starts_at <= ledger_now() AND NOT EXISTS (SELECT 1 FROM account_terms l
            WHERE l.account_id = p_account AND l.starts_at > x.starts_at AND l.starts_at <= ledger_now()))
        ORDER BY x.starts_at DESC), '[]')
    FROM (SELECT * FROM account_terms WHERE account_id = p_account ORDER BY starts_at DESC LIMIT 100) x
$$;

-- --- what is kept how long (docs/operations.md, "What is kept how long")
-- Top-ups, refunds and everything else that a person did stay for ever, and so do their idempotency keys. Leases,
-- returns and batches of usage become one transfer of kind 'fold' per account and day; closed leases and boots go.

-- leases_before: leases that were closed before it may be gone.
CREATE TABLE ledger_horizon (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    leases_before timestamptz NOT NULL
);
INSERT INTO ledger_horizon (leases_before) VALUES ('-infinity');

CREATE INDEX transfer_foldable ON transfer (at) WHERE kind IN ('lease', 'return', 'reclaim', 'usage');
CREATE INDEX lease_closed ON lease (closed_at) WHERE state <> 'open';

-- transfer and posting are append-only but for ledger_fold(), which says so in its transaction.
CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' OR current_setting('tr.folding', true) IS DISTINCT FROM 'yes' THEN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER transfer_immutable ON transfer;
DROP TRIGGER posting_immutable ON posting;
CREATE TRIGGER transfer_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER posting_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();

-- Even then no movement that a person made goes, and nothing of the last 7 days.
CREATE FUNCTION transfer_may_fold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM gone WHERE kind NOT IN ('lease', 'return', 'reclaim', 'usage', 'fold')
               OR at > ledger_now() - interval '7 days') THEN
        RAISE EXCEPTION 'this transfer stays' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER transfer_may_fold AFTER DELETE ON transfer REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION transfer_may_fold();

-- A fold says again what balances have already in them.
CREATE OR REPLACE FUNCTION posting_move_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tr.folding', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    PERFORM 1 FROM ledger_account a
    WHERE (a.owner, a.ledger_account_id) IN (SELECT n.account_id, n.ledger_account_id FROM new_postings n)
    ORDER BY a.ledger_account_id FOR NO KEY UPDATE;
    UPDATE ledger_account a SET balance_nusd = a.balance_nusd + s.amount_nusd
    FROM (SELECT account_id, ledger_account_id, sum(amount_nusd)::bigint AS amount_nusd
          FROM new_postings GROUP BY 1, 2) s
    WHERE a.owner = s.account_id AND a.ledger_account_id = s.ledger_account_id;
    RETURN NULL;
END $$;

-- A portion of one account's day, with what was folded of that day before. Its sums stay in one transfer, unless all
-- of them are zero (what was lent came back); it has the last number of those that it stands for.
CREATE FUNCTION ledger_fold_day(p_account uuid, p_day date, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    lo timestamptz := p_day::timestamp AT TIME ZONE 'UTC';
    old bigint[];
    ids bigint[];
    sums bigint[];
BEGIN
    SELECT array_agg(transfer_id) INTO old FROM (
        SELECT transfer_id FROM transfer
        WHERE account_id = p_account AND kind IN ('lease', 'return', 'reclaim', 'usage')
          AND at >= lo AND at < lo + interval '1 day' ORDER BY transfer_id LIMIT p_max) x;
    IF old IS NULL THEN
        RETURN 0;
    END IF;
    old := old || ARRAY(SELECT transfer_id FROM transfer WHERE account_id = p_account AND kind = 'fold' AND at = lo);
    SELECT array_agg(s.id), array_agg(s.sum) INTO ids, sums
    FROM (SELECT ledger_account_id AS id, sum(amount_nusd)::bigint AS sum FROM posting
          WHERE account_id = p_account AND transfer_id = ANY (old) GROUP BY 1 HAVING sum(amount_nusd) <> 0) s;
    PERFORM set_config('tr.folding', 'yes', true);
    DELETE FROM posting WHERE account_id = p_account AND transfer_id = ANY (old);
    DELETE FROM transfer WHERE account_id = p_account AND transfer_id = ANY (old);
    IF ids IS NOT NULL THEN
        INSERT INTO transfer (transfer_id, kind, account_id, at) OVERRIDING SYSTEM VALUE
        SELECT max(o), 'fold', p_account, lo FROM unnest(old) o;
        INSERT INTO posting (account_id, transfer_id, ledger_account_id, amount_nusd)
        SELECT p_account, (SELECT max(o) FROM unnest(old) o), u.id, u.sum FROM unnest(ids, sums) AS u (id, sum);
    END IF;
    PERFORM set_config('tr.folding', '', true);
    RETURN cardinality(old);
END $$;

-- At most p_max days of accounts that ended more than p_days ago. Accounts that somebody else is working on are left.
CREATE FUNCTION ledger_fold(p_days bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    x record;
    n bigint := 0;
BEGIN
    FOR x IN SELECT DISTINCT o.account_id, o.day FROM (
                 SELECT account_id, (at AT TIME ZONE 'UTC')::date AS day FROM transfer
                 WHERE kind IN ('lease', 'return', 'reclaim', 'usage')
                   AND at < date_trunc('day', ledger_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                            - p_days * interval '1 day'
                 ORDER BY at LIMIT p_max * 100) o
             ORDER BY o.account_id, o.day LIMIT p_max LOOP
        PERFORM 1 FROM account WHERE account_id = x.account_id FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        n := n + ledger_fold_day(x.account_id, x.day, 2000);
    END LOOP;
    RETURN n;
END $$;

-- Leases that were closed more than p_days ago. A record that names one later is paid by what the account has.
CREATE FUNCTION lease_forget(p_days bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    before timestamptz := ledger_now() - p_days * interval '1 day';
BEGIN
    WITH old AS (
        SELECT account_id, lease_id FROM lease WHERE state <> 'open' AND closed_at < before
        ORDER BY closed_at LIMIT p_max FOR UPDATE SKIP LOCKED)
    DELETE FROM lease l USING old o WHERE l.account_id = o.account_id AND l.lease_id = o.lease_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n > 0 THEN
        UPDATE ledger_horizon SET leases_before = greatest(leases_before, before);
    END IF;
    RETURN n;
END $$;

-- Boots of which nothing has been heard for p_days and that nothing refers to any more. p_days is longer than any
-- usage record is kept.
CREATE FUNCTION boot_forget(p_days bigint, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    WITH old AS (
        SELECT b.boot_id FROM boot b
        WHERE b.link IS NULL AND greatest(b.last_seen, b.linked_at, b.unlinked_at) < ledger_now() - p_days * interval '1 day'
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

-- One round: a portion of each, so that it takes milliseconds and is called again while there is something to do.
CREATE FUNCTION ledger_tidy(p_fold_days bigint, p_lease_days bigint, p_boot_days bigint, p_max bigint,
                            OUT o_folded bigint, OUT o_leases bigint, OUT o_boots bigint)
LANGUAGE plpgsql AS $$
BEGIN
    o_folded := ledger_fold(p_fold_days, p_max);
    o_leases := lease_forget(p_lease_days, p_max * 100);
    o_boots := boot_forget(p_boot_days, p_max);
END $$;

-- --- the invariants of sql/013 for this schema: nine ledger accounts each, folds, leases that are gone

CREATE OR REPLACE VIEW ledger_violations AS
SELECT 'transfer does not sum to zero' AS invariant, t.transfer_id::text AS subject,
       coalesce(sum(p.amount_nusd), 0) AS got, 0::numeric AS want
FROM transfer t LEFT JOIN posting p USING (account_id, transfer_id)
GROUP BY t.account_id, t.transfer_id HAVING coalesce(sum(p.amount_nusd), 0) <> 0 OR count(p.*) < 2
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
SELECT 'account lacks a ledger account', a.account_id::text, count(l.*), 9
FROM account a LEFT JOIN ledger_account l ON l.owner = a.account_id
GROUP BY a.account_id HAVING count(l.*) <> 9
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
FROM usage u WHERE u.from_lease_nusd > 0 AND u.booked_at >= (SELECT leases_before FROM ledger_horizon)
    AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = u.lease_id)
GROUP BY u.lease_id
UNION ALL
SELECT 'revenue is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'revenue') a
FULL JOIN (SELECT account_id, sum(cost_nusd) AS total FROM usage GROUP BY 1) u
    ON u.account_id = a.owner
WHERE coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'write-off is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       -coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'writeoff') a
FULL JOIN (SELECT account_id, sum(written_off_nusd) AS total FROM usage GROUP BY 1) u
    ON u.account_id = a.owner
WHERE -coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'usage transfers of an account are not its usage', coalesce(u.account_id, t.account_id)::text,
       coalesce(t.total, 0), coalesce(u.total, 0)
FROM (SELECT account_id, sum(cost_nusd) AS total FROM usage GROUP BY 1) u
FULL JOIN (SELECT t.account_id, sum(p.amount_nusd) AS total
           FROM transfer t JOIN posting p USING (account_id, transfer_id)
           JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
           WHERE t.kind IN ('usage', 'fold') AND a.kind = 'revenue' GROUP BY 1) t USING (account_id)
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

CREATE FUNCTION ledger_check() RETURNS TABLE (invariant text, subject text, got numeric, want numeric)
LANGUAGE sql STABLE AS $$
    SELECT * FROM ledger_violations
    UNION ALL
    SELECT * FROM money_violations
$$;

-- When an instance last looked for violations (tr-controlplane --check-ledger), and how many there were: health says it.
CREATE TABLE ledger_checked (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    at         timestamptz NOT NULL,
    violations bigint NOT NULL
);
CREATE FUNCTION ledger_check_kept(p_max bigint) RETURNS TABLE (invariant text, subject text, got numeric, want numeric)
LANGUAGE plpgsql AS $$
DECLARE
    found_ jsonb;
BEGIN
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO found_ FROM ledger_check() c;
    INSERT INTO ledger_checked (at, violations) VALUES (ledger_now(), jsonb_array_length(found_))
    ON CONFLICT (one) DO UPDATE SET at = EXCLUDED.at, violations = EXCLUDED.violations;
    RETURN QUERY SELECT x.invariant, x.subject, x.got, x.want
    FROM jsonb_to_recordset(found_) AS x (invariant text, subject text, got numeric, want numeric) LIMIT p_max;
END $$;
CREATE FUNCTION ledger_wrong() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT coalesce((SELECT violations FROM ledger_checked), 0)';

-- The audit trail has what people did with money (027), not what runs by itself.
SELECT audit_on('account_terms', '{}', '{told}');
CREATE CONSTRAINT TRIGGER audit AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.kind IN ('topup', 'refund', 'dispute', 'promotion', 'adjustment', 'reversal', 'move'))
    EXECUTE FUNCTION audit_row('{account_id,transfer_id}', '{idempotency}', '{}');
