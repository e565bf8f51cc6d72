-- Lists of usage records, newest first: one row for each request. They are read by the primary keys of the partitions, whose
-- request ids begin with their times, so that booking has no further index to keep.

-- Percentiles of 036, with the 95th.
CREATE OR REPLACE FUNCTION usage_percentiles(p_sketch bigint[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('p50', round(sketch_percentile(p_sketch, 0.5)::numeric, 1),
                              'p90', round(sketch_percentile(p_sketch, 0.9)::numeric, 1),
                              'p95', round(sketch_percentile(p_sketch, 0.95)::numeric, 1),
                              'p99', round(sketch_percentile(p_sketch, 0.99)::numeric, 1))
$$;

-- The times of booking at which there can be records, at most four ranges: all from p_from; of a key those of the days on
-- which it was used, without the three longest pauses between them.
CREATE FUNCTION usage_ranges(p_account uuid, p_key uuid, p_from timestamptz, OUT o_lo timestamptz[], OUT o_hi timestamptz[])
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_key IS NULL THEN ARRAY[p_from] ELSE array_agg(r.lo ORDER BY r.lo DESC) END,
           CASE WHEN p_key IS NULL THEN ARRAY['infinity'::timestamptz] ELSE array_agg(r.hi ORDER BY r.lo DESC) END
    FROM (SELECT min(c.day)::timestamp AT TIME ZONE 'UTC' AS lo, (max(c.day) + 1)::timestamp AT TIME ZONE 'UTC' AS hi
          FROM (SELECT h.day, sum(h.cut::integer) OVER (ORDER BY h.day) AS part
                FROM (SELECT g.day, g.pause > 0 AND row_number() OVER (ORDER BY g.pause DESC NULLS LAST, g.day) <= 3 AS cut
                      FROM (SELECT d.day, d.day - lag(d.day) OVER (ORDER BY d.day) - 1 AS pause
                            FROM usage_day d WHERE p_key IS NOT NULL AND d.account_id = p_account AND d.key_id = p_key
                              AND d.day >= (p_from AT TIME ZONE 'UTC')::date GROUP BY d.day) g) h) c
          GROUP BY c.part) r
$$;

-- Which records a page has: at most p_max, behind the request p_before, received from p_from until before p_to. NULL: any.
-- p_status_lo to p_status_hi: HTTP statuses; 499 (the client disconnected) only by itself. At most p_look records are read:
-- o_next says behind which request to go on when there can be more, which may be a request that is not on the page.
-- booked_at of each says in which partition it is.
CREATE FUNCTION usage_pick(p_account uuid, p_before uuid, p_from timestamptz, p_to timestamptz, p_key uuid, p_models bigint[],
                           p_endpoints bigint[], p_status_lo bigint, p_status_hi bigint, p_max bigint, p_look bigint,
                           OUT o_ids uuid[], OUT o_booked timestamptz[], OUT o_next uuid)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    first_id uuid := usage_id_at(greatest(p_from - interval '10 seconds', 'epoch'), '0');
    before_id uuid := least(p_before, usage_id_at(p_to + interval '10 seconds', '0'));
    from_ms bigint := extract(epoch FROM p_from) * 1000;
    to_ms bigint := extract(epoch FROM p_to) * 1000;
    lo timestamptz[];
    hi timestamptz[];
    r record;
BEGIN
    o_ids := '{}';
    o_booked := '{}';
    -- Nothing is booked before it is received; clocks differ by less than a day.
    SELECT x.o_lo, x.o_hi INTO lo, hi FROM usage_ranges(p_account, p_key, p_from - interval '1 day') x;
    FOR r IN
        SELECT s.*
        FROM (SELECT x.request_id, x.booked_at, row_number() OVER (ORDER BY x.request_id DESC) AS n,
                     x.received_ms >= from_ms AND x.received_ms < to_ms AND (p_key IS NULL OR x.key_id = p_key)
                     AND (p_models IS NULL OR x.model_no = ANY (p_models))
                     AND (p_endpoints IS NULL OR x.endpoint_no = ANY (p_endpoints))
                     AND x.http_status BETWEEN p_status_lo AND p_status_hi
                     AND (x.http_status <> 499 OR p_status_lo = p_status_hi OR p_status_hi = 999) AS fits
              FROM (SELECT * FROM usage u WHERE u.account_id = p_account AND u.request_id < before_id
                    AND u.request_id >= first_id
                    AND (u.booked_at >= lo[1] AND u.booked_at < hi[1] OR u.booked_at >= lo[2] AND u.booked_at < hi[2]
                         OR u.booked_at >= lo[3] AND u.booked_at < hi[3] OR u.booked_at >= lo[4] AND u.booked_at < hi[4])
                    ORDER BY u.request_id DESC LIMIT p_look) x) s
        WHERE s.fits OR s.n = p_look
    LOOP
        IF r.fits AND cardinality(o_ids) = p_max THEN
            o_next := o_ids[p_max];
            EXIT;
        END IF;
        IF r.fits THEN
            o_ids := o_ids || r.request_id;
            o_booked := o_booked || r.booked_at;
        END IF;
        IF r.n = p_look THEN
            o_next := r.request_id;
        END IF;
    END LOOP;
END $$;

-- What is shown of records, whose order is that of p_ids. p_names: how requests fail, by number from 1.
CREATE FUNCTION usage_shown(p_account uuid, p_ids uuid[], p_booked timestamptz[], p_names text[])
RETURNS TABLE (place bigint, request_id uuid, boot_id uuid, seq bigint, id text, created_at text, model text, first_model text,
               provider_name text, endpoint_id text, api_key_hash text, api_key_name text, outcome text, http_status integer,
               error text, finish_reason text, streamed boolean, is_byok boolean, usage_estimated boolean,
               tokens_prompt bigint, tokens_completion bigint, native_tokens_cached bigint, native_tokens_reasoning bigint,
               cost_nusd bigint, latency bigint, total_ms bigint, attempts smallint)
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT p.n, u.request_id, u.boot_id, u.seq, 'gen-' || replace(u.request_id::text, '-', ''),
           utc_text(to_timestamp(u.received_ms / 1000.0)), coalesce(m.id, 'unknown'), coalesce(f.id, 'unknown'), e.provider,
           nullif(u.endpoint_no, 0)::text, encode(k.digest, 'hex'), k.name,
           CASE WHEN u.http_status = 499 THEN 'cancelled' WHEN u.http_status >= 400 THEN 'error' ELSE 'ok' END, u.http_status,
           CASE WHEN u.error_class > 0 THEN p_names[u.error_class + 1] END,
           (ARRAY['stop', 'length', 'tool_calls', 'content_filter', 'error'])[u.finish], (u.flags & 1) <> 0,
           (u.flags & 2) <> 0, (u.flags & 4) <> 0, u.tokens_prompt, u.tokens_completion, u.tokens_cached_read,
           u.tokens_reasoning, u.cost_nusd, u.first_byte_us / 1000, u.total_ms, u.attempts
    FROM unnest(p_ids, p_booked) WITH ORDINALITY p (id, booked_at, n)
    JOIN usage u ON u.account_id = p_account AND u.request_id = p.id AND u.booked_at = p.booked_at
    LEFT JOIN api_key k ON k.account_id = p_account AND k.key_id = u.key_id
    LEFT JOIN model m ON m.model_no = u.model_no LEFT JOIN model f ON f.model_no = u.first_model_no
    LEFT JOIN endpoint e ON e.endpoint_no = u.endpoint_no
$$;

-- A page as JSON: failed attempts before the one that answered and parts of orchestrations come along.
CREATE FUNCTION usage_page(p_account uuid, p_ids uuid[], p_booked timestamptz[], p_names text[]) RETURNS json
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT coalesce(json_agg(json_build_object(
        'id', s.id, 'created_at', s.created_at, 'model', s.model, 'first_model', s.first_model,
        'provider_name', s.provider_name, 'endpoint_id', s.endpoint_id, 'api_key_hash', s.api_key_hash,
        'api_key_name', s.api_key_name, 'outcome', s.outcome, 'http_status', s.http_status, 'error', s.error,
        'finish_reason', s.finish_reason, 'streamed', s.streamed, 'is_byok', s.is_byok,
        'usage_estimated', s.usage_estimated, 'tokens_prompt', s.tokens_prompt, 'tokens_completion', s.tokens_completion,
        'native_tokens_cached', s.native_tokens_cached, 'native_tokens_reasoning', s.native_tokens_reasoning,
        'total_cost', usd(s.cost_nusd), 'latency', s.latency, 'total_ms', s.total_ms, 'attempts', s.attempts,
        'receipt_id', 'rcpt-' || replace(s.request_id::text, '-', ''),
        'failed_attempts', (
            SELECT coalesce(json_agg(json_build_object('attempt', t.attempt, 'model', tm.id, 'provider_name', te.provider,
                       'endpoint_id', t.endpoint_no::text, 'status', nullif(t.http_status, 0),
                       'error', p_names[t.error_class + 1], 'latency', t.took_ms) ORDER BY t.attempt), '[]')
            FROM usage_attempt t LEFT JOIN endpoint te USING (endpoint_no) LEFT JOIN model tm USING (model_no)
            WHERE t.account_id = p_account AND t.request_id = s.request_id),
        'parts', (
            SELECT json_agg(json_build_object('role', (ARRAY['panel', 'judge', 'final'])[q.role + 1], 'place', q.place,
                       'model', qm.id, 'provider_name', qe.provider,
                       'error', CASE WHEN q.outcome > 0 THEN p_names[q.outcome + 1] END, 'chosen', q.marks & 2 <> 0,
                       'tokens_prompt', q.tokens[1], 'tokens_completion', q.tokens[2], 'total_ms', q.total_ms,
                       'total_cost', usd(q.cost_nusd)) ORDER BY q.role, q.place)
            FROM usage_part q LEFT JOIN model qm USING (model_no) LEFT JOIN endpoint qe USING (endpoint_no)
            WHERE q.account_id = p_account AND q.request_id = s.request_id AND q.boot_id = s.boot_id AND q.seq = s.seq))
        ORDER BY s.place), '[]')
    FROM usage_shown(p_account, p_ids, p_booked, p_names) s
$$;

-- The same as lines of CSV.
CREATE FUNCTION usage_lines(p_account uuid, p_ids uuid[], p_booked timestamptz[], p_names text[]) RETURNS text
LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT coalesce(string_agg(concat_ws(',', s.created_at, s.id, csv_field(s.model), csv_field(s.first_model),
               csv_field(coalesce(s.provider_name, '')), csv_field(s.api_key_name), s.api_key_hash, s.outcome, s.http_status,
               coalesce(s.error, ''), coalesce(s.finish_reason, ''), s.streamed::text, s.is_byok::text, s.tokens_prompt,
               s.tokens_completion, s.native_tokens_cached, s.native_tokens_reasoning, usd(s.cost_nusd), s.latency,
               s.total_ms, s.attempts), E'\r\n' ORDER BY s.place) || E'\r\n', '')
    FROM usage_shown(p_account, p_ids, p_booked, p_names) s
$$;

-- usage_analytics of 036, with the names of keys, and of one key, of models and of endpoints alone where these are given.
CREATE FUNCTION usage_analytics(p_account uuid, p_from timestamptz, p_to timestamptz, p_by text[], p_hours boolean,
                                p_max bigint, p_key uuid, p_models bigint[], p_endpoints bigint[]) RETURNS json LANGUAGE sql STABLE AS $$
    WITH source AS (
        SELECT h.key_id, h.model_no, h.endpoint_no, h.region_no, h.hour AS at, h.requests, h.errors, h.cost_nusd, h.own_nusd,
               h.tokens_prompt, h.tokens_completion, h.tokens_reasoning, h.tokens_cached, h.first_ms, h.total_ms
        FROM usage_hour h WHERE p_hours AND h.account_id = p_account AND h.hour >= p_from AND h.hour < p_to
          AND (p_key IS NULL OR h.key_id = p_key) AND (p_models IS NULL OR h.model_no = ANY (p_models))
          AND (p_endpoints IS NULL OR h.endpoint_no = ANY (p_endpoints))
        UNION ALL
        SELECT d.key_id, d.model_no, d.endpoint_no, d.region_no, d.day::timestamp AT TIME ZONE 'UTC', d.requests, d.errors,
               d.cost_nusd, d.own_nusd, d.tokens_prompt, d.tokens_completion, d.tokens_reasoning, d.tokens_cached,
               l.first_ms, l.total_ms
        FROM usage_day d LEFT JOIN usage_day_latency l USING (account_id, day, key_id, model_no, endpoint_no, region_no)
        WHERE NOT p_hours AND d.account_id = p_account AND d.day >= (p_from AT TIME ZONE 'UTC')::date
          AND d.day < (p_to AT TIME ZONE 'UTC')::date
          AND (p_key IS NULL OR d.key_id = p_key) AND (p_models IS NULL OR d.model_no = ANY (p_models))
          AND (p_endpoints IS NULL OR d.endpoint_no = ANY (p_endpoints))
    ), named AS MATERIALIZED (
        SELECT CASE WHEN 'hour' = ANY (p_by) THEN utc_text(s.at) END AS hour,
               CASE WHEN 'day' = ANY (p_by) THEN to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS day,
               CASE WHEN 'model' = ANY (p_by) THEN coalesce(m.id, 'unknown') END AS model,
               CASE WHEN 'provider' = ANY (p_by) THEN coalesce(e.provider, 'unknown') END AS provider,
               CASE WHEN 'key' = ANY (p_by) THEN encode(k.digest, 'hex') END AS key,
               CASE WHEN 'key' = ANY (p_by) THEN k.name END AS key_name,
               CASE WHEN 'region' = ANY (p_by) THEN CASE s.region_no WHEN 0 THEN 'global' ELSE s.region_no::text END END
                   AS region, s.*
        FROM source s LEFT JOIN model m USING (model_no) LEFT JOIN endpoint e USING (endpoint_no)
        LEFT JOIN api_key k ON k.account_id = p_account AND k.key_id = s.key_id
    ), groups AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY hour, day, sum(requests) DESC, model, provider, key, region) AS place,
               hour, day, model, provider, key, max(key_name) AS key_name, region, sum(requests) AS requests, sum(errors) AS errors,
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
               'provider', g.provider, 'key', g.key, 'key_name', g.key_name, 'region', g.region))::jsonb || jsonb_build_object(
               'requests', g.requests, 'errors', g.errors, 'usage', usd(g.cost_nusd),
               'byok_usage_inference', usd(g.own_nusd), 'prompt_tokens', g.prompt, 'completion_tokens', g.completion,
               'reasoning_tokens', g.reasoning, 'cached_tokens', g.cached,
               'first_byte_ms', usage_percentiles(s.first_ms), 'total_ms', usage_percentiles(s.total_ms))
           ORDER BY g.place), '[]')
    FROM groups g LEFT JOIN sketches s USING (place)
$$;
