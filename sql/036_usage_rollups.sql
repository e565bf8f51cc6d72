-- Roll-ups by hour and day for analytics, with sketches of latency, and what is told to live feeds.
--
-- A batch is booked first and rolled up a second later, many batches in one statement: usage_batch.rolled says which
-- are, so each counts once, whatever the clocks say and however many control planes run. usage_day's sums are kept
-- by booking itself (limits of keys count on them); rolling up adds their sketches.
--
-- A sketch is a histogram of milliseconds in 128 buckets, six to each doubling: bucket 0 is below 1 ms, bucket b >= 1
-- holds 2^((b-1)/6) to 2^(b/6) ms, the last everything from 39 minutes on. Its value is the bucket's geometric middle,
-- so what is told is at most 6 % off (2^(1/12) - 1 = 5.95 %). It is stored as an array of bucket << 48 | count, only buckets that
-- have any, in order; two are merged by adding counts.

CREATE FUNCTION sketch_bucket(p_ms double precision) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_ms < 1 THEN 0 ELSE least(127, 1 + floor(ln(p_ms) * 8.656170245333781))::bigint END
$$;
CREATE FUNCTION sketch_ms(p_bucket bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_bucket = 0 THEN 0.5 ELSE power(2, (p_bucket - 0.5) / 6) END
$$;
CREATE FUNCTION sketch_add(a bigint[], b bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(s.bucket << 48 | s.n ORDER BY s.bucket), '{}')
    FROM (SELECT e >> 48 AS bucket, sum(e & 281474976710655)::bigint AS n
          FROM unnest(a || b) e GROUP BY 1) s
$$;
-- The value that the part p_q of all lies at or below; NULL when there are none.
CREATE FUNCTION sketch_percentile(p_sketch bigint[], p_q double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
    SELECT sketch_ms(min(x.bucket))
    FROM (SELECT e >> 48 AS bucket, sum(e & 281474976710655) OVER (ORDER BY e >> 48) AS upto,
                 sum(e & 281474976710655) OVER () AS total
          FROM unnest(p_sketch) e) x
    WHERE x.upto >= greatest(1, ceil(x.total::double precision * p_q))
$$;

-- By the hour of booking. first_ms: to the first byte, of requests that had one; total_ms: to the end, of all.
CREATE TABLE usage_hour (
    account_id  uuid NOT NULL REFERENCES account,
    hour        timestamptz NOT NULL,
    key_id      uuid NOT NULL,
    model_no    bigint NOT NULL,
    endpoint_no bigint NOT NULL,
    region_no   integer NOT NULL,
    requests    bigint NOT NULL,
    errors      bigint NOT NULL,
    cost_nusd   bigint NOT NULL,
    own_nusd    bigint NOT NULL,
    tokens_prompt     bigint NOT NULL,
    tokens_completion bigint NOT NULL,
    tokens_reasoning  bigint NOT NULL,
    tokens_cached     bigint NOT NULL,
    first_ms    bigint[] NOT NULL,
    total_ms    bigint[] NOT NULL,
    PRIMARY KEY (account_id, hour, key_id, model_no, endpoint_no, region_no)
) WITH (fillfactor = 70);
CREATE INDEX usage_hour_by_age ON usage_hour (hour);

-- Days have their sums in usage_day; their sketches are here, where only rolling up writes.
CREATE TABLE usage_day_latency (
    account_id  uuid NOT NULL REFERENCES account,
    day         date NOT NULL,
    key_id      uuid NOT NULL,
    model_no    bigint NOT NULL,
    endpoint_no bigint NOT NULL,
    region_no   integer NOT NULL,
    first_ms    bigint[] NOT NULL,
    total_ms    bigint[] NOT NULL,
    PRIMARY KEY (account_id, day, key_id, model_no, endpoint_no, region_no)
) WITH (fillfactor = 70);
CREATE INDEX usage_day_latency_by_age ON usage_day_latency (day);

-- What a day's partition holds, for each key and boot: what its records add up to is known when it is dropped, without
-- reading it (038). Records that are deleted one by one are taken off again.
CREATE TABLE usage_day_kept (
    account_id       uuid NOT NULL REFERENCES account,
    day              date NOT NULL,
    key_id           uuid NOT NULL,
    boot_id          uuid NOT NULL,
    records          bigint NOT NULL CHECK (records >= 0),
    cost_nusd        bigint NOT NULL,
    billed_nusd      bigint NOT NULL,
    written_off_nusd bigint NOT NULL,
    PRIMARY KEY (account_id, day, key_id, boot_id)
) WITH (fillfactor = 70);
CREATE INDEX usage_day_kept_by_age ON usage_day_kept (day);

ALTER TABLE usage_batch ADD COLUMN rolled boolean NOT NULL DEFAULT true;
ALTER TABLE usage_batch ALTER COLUMN rolled SET DEFAULT false;
CREATE INDEX usage_batch_waiting ON usage_batch (batch_id) WHERE NOT rolled;
CREATE INDEX usage_batch_by_age ON usage_batch (at);

-- Somebody looks at the live feed of this account until then: the control planes that serve it say so again and again.
CREATE TABLE usage_watch (
    account_id uuid PRIMARY KEY REFERENCES account,
    until      timestamptz NOT NULL
);
CREATE FUNCTION usage_watch(p_account uuid, p_ms bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_watch AS w VALUES (p_account, ledger_now() + p_ms * interval '1 millisecond')
    ON CONFLICT (account_id) DO UPDATE SET until = greatest(w.until, EXCLUDED.until)
$$;

-- Add these batches, all booked within this hour, to the roll-ups. Tells accounts that are watched what came
-- ('tr_usage': account in hex, a space, a JSON object of at most 20 models).
CREATE FUNCTION usage_fold(p_batches bigint[], p_hour timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told bigint;
BEGIN
    WITH picked AS MATERIALIZED (
        SELECT u.account_id, u.key_id, u.boot_id, u.written_off_nusd, u.model_no, u.endpoint_no, u.region_no,
               u.http_status >= 400 AND u.http_status <> 499 AS failed, u.cost_nusd, u.own_cost,
               u.tokens_prompt, u.tokens_completion, u.tokens_reasoning, u.tokens_cached_read,
               CASE WHEN u.first_byte_us > 0 THEN sketch_bucket(u.first_byte_us / 1000.0::double precision) END
                   AS first,
               sketch_bucket(u.total_ms) AS total
        FROM usage u JOIN unnest(p_batches) b (batch_id) USING (batch_id)
        WHERE u.booked_at >= p_hour AND u.booked_at < p_hour + interval '1 hour'
    ), firsts AS (
        SELECT account_id, key_id, model_no, endpoint_no, region_no,
               array_agg(first << 48 | n ORDER BY first) AS sketch
        FROM (SELECT account_id, key_id, model_no, endpoint_no, region_no, first, count(*) AS n
              FROM picked WHERE first IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6) x GROUP BY 1, 2, 3, 4, 5
    ), totals AS (
        SELECT account_id, key_id, model_no, endpoint_no, region_no,
               array_agg(total << 48 | n ORDER BY total) AS sketch
        FROM (SELECT account_id, key_id, model_no, endpoint_no, region_no, total, count(*) AS n
              FROM picked GROUP BY 1, 2, 3, 4, 5, 6) x GROUP BY 1, 2, 3, 4, 5
    ), slice AS MATERIALIZED (
        SELECT p.*, coalesce(f.sketch, '{}') AS first_ms, t.sketch AS total_ms
        FROM (SELECT account_id, key_id, model_no, endpoint_no, region_no, count(*) AS requests,
                     count(*) FILTER (WHERE failed) AS errors, sum(cost_nusd)::bigint AS cost_nusd,
                     (sum(own_cost) * 100)::bigint AS own_nusd, sum(tokens_prompt)::bigint AS tokens_prompt,
                     sum(tokens_completion)::bigint AS tokens_completion,
                     sum(tokens_reasoning)::bigint AS tokens_reasoning,
                     sum(tokens_cached_read)::bigint AS tokens_cached
              FROM picked GROUP BY 1, 2, 3, 4, 5) p
        LEFT JOIN firsts f USING (account_id, key_id, model_no, endpoint_no, region_no)
        JOIN totals t USING (account_id, key_id, model_no, endpoint_no, region_no)
    ), hours AS (
        INSERT INTO usage_hour AS h
        SELECT account_id, p_hour, key_id, model_no, endpoint_no, region_no, requests, errors, cost_nusd, own_nusd,
               tokens_prompt, tokens_completion, tokens_reasoning, tokens_cached, first_ms, total_ms
        FROM slice
        ON CONFLICT (account_id, hour, key_id, model_no, endpoint_no, region_no) DO UPDATE SET
            requests = h.requests + EXCLUDED.requests, errors = h.errors + EXCLUDED.errors,
            cost_nusd = h.cost_nusd + EXCLUDED.cost_nusd, own_nusd = h.own_nusd + EXCLUDED.own_nusd,
            tokens_prompt = h.tokens_prompt + EXCLUDED.tokens_prompt,
            tokens_completion = h.tokens_completion + EXCLUDED.tokens_completion,
            tokens_reasoning = h.tokens_reasoning + EXCLUDED.tokens_reasoning,
            tokens_cached = h.tokens_cached + EXCLUDED.tokens_cached,
            first_ms = sketch_add(h.first_ms, EXCLUDED.first_ms),
            total_ms = sketch_add(h.total_ms, EXCLUDED.total_ms)
    ), days AS (
        INSERT INTO usage_day_latency AS d
        SELECT account_id, (p_hour AT TIME ZONE 'UTC')::date, key_id, model_no, endpoint_no, region_no, first_ms,
               total_ms
        FROM slice
        ON CONFLICT (account_id, day, key_id, model_no, endpoint_no, region_no) DO UPDATE SET
            first_ms = sketch_add(d.first_ms, EXCLUDED.first_ms),
            total_ms = sketch_add(d.total_ms, EXCLUDED.total_ms)
    ), kept AS (
        INSERT INTO usage_day_kept AS k
        SELECT account_id, (p_hour AT TIME ZONE 'UTC')::date, key_id, boot_id, count(*), sum(cost_nusd),
               sum(cost_nusd - written_off_nusd), sum(written_off_nusd)
        FROM picked GROUP BY 1, 3, 4
        ON CONFLICT (account_id, day, key_id, boot_id) DO UPDATE SET records = k.records + EXCLUDED.records,
            cost_nusd = k.cost_nusd + EXCLUDED.cost_nusd, billed_nusd = k.billed_nusd + EXCLUDED.billed_nusd,
            written_off_nusd = k.written_off_nusd + EXCLUDED.written_off_nusd
    ), models AS (
        SELECT s.account_id, s.model_no, sum(s.requests) AS requests, sum(s.errors) AS errors,
               sum(s.cost_nusd) AS cost_nusd, sum(s.tokens_prompt) AS tokens_prompt,
               sum(s.tokens_completion) AS tokens_completion,
               row_number() OVER (PARTITION BY s.account_id ORDER BY sum(s.requests) DESC, s.model_no) AS place
        FROM slice s JOIN usage_watch w USING (account_id)
        WHERE w.until > ledger_now() GROUP BY 1, 2
    )
    SELECT count(n.told) INTO told FROM (SELECT pg_notify('tr_usage', replace(m.account_id::text, '-', '') || ' ' || json_build_object(
        'at', utc_text(ledger_now()), 'requests', sum(m.requests), 'errors', sum(m.errors),
        'usage', usd(sum(m.cost_nusd)), 'prompt_tokens', sum(m.tokens_prompt),
        'completion_tokens', sum(m.tokens_completion),
        'models', json_agg(json_build_object('model', coalesce(x.id, 'unknown'), 'requests', m.requests,
                  'errors', m.errors, 'usage', usd(m.cost_nusd)) ORDER BY m.place) FILTER (WHERE m.place <= 20))::text) AS told
    FROM models m LEFT JOIN model x USING (model_no) GROUP BY m.account_id) n;
END $$;

-- Roll up what waits, at most p_max batches: one control plane at a time. Returns how many batches it was.
CREATE FUNCTION usage_roll_up(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    h record;
    n bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310851245102804) THEN
        RETURN 0;
    END IF;
    FOR h IN
        SELECT array_agg(w.batch_id) AS batches, date_trunc('hour', w.at) AS hour
        FROM (SELECT batch_id, at FROM usage_batch WHERE NOT rolled ORDER BY batch_id LIMIT p_max) w
        GROUP BY 2 ORDER BY 2
    LOOP
        PERFORM usage_fold(h.batches, h.hour);
        UPDATE usage_batch SET rolled = true WHERE batch_id = ANY (h.batches);
        n := n + cardinality(h.batches);
    END LOOP;
    RETURN n;
END $$;

-- What was booked before: hours and sketches as far back as hours are kept (038), what partitions hold for all.
DO $$
DECLARE
    h timestamptz;
BEGIN
    FOR h IN SELECT DISTINCT date_trunc('hour', booked_at) FROM usage
             WHERE batch_id = 0 AND booked_at >= usage_kept_from(90) LOOP
        PERFORM usage_fold('{0}', h);
    END LOOP;
    INSERT INTO usage_day_kept
    SELECT account_id, (booked_at AT TIME ZONE 'UTC')::date, key_id, boot_id, count(*), sum(cost_nusd),
           sum(cost_nusd - written_off_nusd), sum(written_off_nusd)
    FROM usage WHERE booked_at < usage_kept_from(90) GROUP BY 1, 2, 3, 4;
END $$;

-- --- reading

CREATE FUNCTION usage_percentiles(p_sketch bigint[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('p50', round(sketch_percentile(p_sketch, 0.5)::numeric, 1),
                              'p90', round(sketch_percentile(p_sketch, 0.9)::numeric, 1),
                              'p99', round(sketch_percentile(p_sketch, 0.99)::numeric, 1))
$$;

-- By what p_by names (model, provider, key, region, day, hour), of what was booked from p_from until before p_to: at most
-- p_max groups, in the order of time, then the largest. p_hours: from hours; otherwise from days, and the bounds are midnights.
-- Percentiles are of sketches, NULL where nothing was measured.
CREATE FUNCTION usage_analytics(p_account uuid, p_from timestamptz, p_to timestamptz, p_by text[], p_hours boolean,
                                p_max bigint) RETURNS json LANGUAGE sql STABLE AS $$
    WITH source AS (
        SELECT h.key_id, h.model_no, h.endpoint_no, h.region_no, h.hour AS at, h.requests, h.errors, h.cost_nusd, h.own_nusd,
               h.tokens_prompt, h.tokens_completion, h.tokens_reasoning, h.tokens_cached, h.first_ms, h.total_ms
        FROM usage_hour h WHERE p_hours AND h.account_id = p_account AND h.hour >= p_from AND h.hour < p_to
        UNION ALL
        SELECT d.key_id, d.model_no, d.endpoint_no, d.region_no, d.day::timestamp AT TIME ZONE 'UTC', d.requests, d.errors,
               d.cost_nusd, d.own_nusd, d.tokens_prompt, d.tokens_completion, d.tokens_reasoning, d.tokens_cached,
               l.first_ms, l.total_ms
        FROM usage_day d LEFT JOIN usage_day_latency l USING (account_id, day, key_id, model_no, endpoint_no, region_no)
        WHERE NOT p_hours AND d.account_id = p_account AND d.day >= (p_from AT TIME ZONE 'UTC')::date
          AND d.day < (p_to AT TIME ZONE 'UTC')::date
    ), named AS MATERIALIZED (
        SELECT CASE WHEN 'hour' = ANY (p_by) THEN utc_text(s.at) END AS hour,
               CASE WHEN 'day' = ANY (p_by) THEN to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS day,
               CASE WHEN 'model' = ANY (p_by) THEN coalesce(m.id, 'unknown') END AS model,
               CASE WHEN 'provider' = ANY (p_by) THEN coalesce(e.provider, 'unknown') END AS provider,
               CASE WHEN 'key' = ANY (p_by) THEN encode(k.digest, 'hex') END AS key,
               CASE WHEN 'region' = ANY (p_by) THEN CASE s.region_no WHEN 0 THEN 'global' ELSE s.region_no::text END END
                   AS region, s.*
        FROM source s LEFT JOIN model m USING (model_no) LEFT JOIN endpoint e USING (endpoint_no)
        LEFT JOIN api_key k ON k.account_id = p_account AND k.key_id = s.key_id
    ), groups AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY hour, day, sum(requests) DESC, model, provider, key, region) AS place,
               hour, day, model, provider, key, region, sum(requests) AS requests, sum(errors) AS errors,
               sum(cost_nusd) AS cost_nusd, sum(own_nusd) AS own_nusd, sum(tokens_prompt) AS prompt,
               sum(tokens_completion) AS completion, sum(tokens_reasoning) AS reasoning, sum(tokens_cached) AS cached
        FROM named GROUP BY hour, day, model, provider, key, region LIMIT p_max
    ), sketches AS (
        SELECT x.place, array_agg(x.bucket << 48 | x.n) FILTER (WHERE x.first) AS first_ms,
               array_agg(x.bucket << 48 | x.n) FILTER (WHERE NOT x.first) AS total_ms
        FROM (SELECT g.place, v.first, v.e >> 48 AS bucket, sum(v.e & 281474976710655)::bigint AS n
              FROM named n JOIN groups g ON (n.hour, n.day, n.model, n.provider, n.key, n.region)
                   IS NOT DISTINCT FROM (g.hour, g.day, g.model, g.provider, g.key, g.region)
              CROSS JOIN LATERAL (SELECT true AS first, unnest(n.first_ms) AS e
                                  UNION ALL SELECT false, unnest(n.total_ms)) v GROUP BY 1, 2, 3) x GROUP BY 1
    )
    SELECT coalesce(json_agg(json_strip_nulls(json_build_object('hour', g.hour, 'day', g.day, 'model', g.model,
               'provider', g.provider, 'key', g.key, 'region', g.region))::jsonb || jsonb_build_object(
               'requests', g.requests, 'errors', g.errors, 'usage', usd(g.cost_nusd),
               'byok_usage_inference', usd(g.own_nusd), 'prompt_tokens', g.prompt, 'completion_tokens', g.completion,
               'reasoning_tokens', g.reasoning, 'cached_tokens', g.cached,
               'first_byte_ms', usage_percentiles(s.first_ms), 'total_ms', usage_percentiles(s.total_ms))
           ORDER BY g.place), '[]')
    FROM groups g LEFT JOIN sketches s USING (place)
$$;
-- A field of CSV (RFC 4180). What a spreadsheet would take for a formula begins with an apostrophe.
CREATE FUNCTION csv_field(p text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN f ~ '[",\r\n]' THEN '"' || replace(f, '"', '""') || '"' ELSE f END
    FROM (SELECT CASE WHEN p ~ '^[=+\-@\t\r]' THEN '''' || p ELSE coalesce(p, '') END AS f) x
$$;
-- Days of an account as CSV: at most p_max lines behind the first p_skip; NULL behind the last.
CREATE FUNCTION usage_csv(p_account uuid, p_from date, p_to date, p_skip bigint, p_max bigint,
                          OUT o_lines text, OUT o_count bigint) LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(x.line, E'\r\n' ORDER BY x.n) || E'\r\n', ''), count(*)
    FROM (SELECT row_number() OVER (ORDER BY d.day, k.digest, m.id, e.provider, d.region_no, d.model_no, d.endpoint_no)
                     AS n,
                 concat_ws(',', d.day, csv_field(k.name), encode(k.digest, 'hex'), csv_field(coalesce(m.id, 'unknown')),
                     csv_field(coalesce(e.provider, 'unknown')),
                     CASE d.region_no WHEN 0 THEN 'global' ELSE d.region_no::text END, d.requests, d.errors,
                     usd(d.cost_nusd), usd(d.own_nusd), d.tokens_prompt, d.tokens_completion, d.tokens_reasoning,
                     d.tokens_cached) AS line
          FROM usage_day d JOIN api_key k USING (account_id, key_id) LEFT JOIN model m USING (model_no)
          LEFT JOIN endpoint e USING (endpoint_no)
          WHERE d.account_id = p_account AND d.day BETWEEN p_from AND p_to
          ORDER BY 1 LIMIT p_max OFFSET p_skip) x
$$;
