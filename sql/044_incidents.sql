-- What anybody may know about the service: incidents, which operators write, and figures that are rolled up from usage
-- without telling one customer's traffic. Of the operator: no table here is an account's.

CREATE TABLE incident (
    incident_id uuid PRIMARY KEY,
    incident_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE, -- their order, for pages
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 256),
    state       text NOT NULL CHECK (state IN ('investigating', 'identified', 'monitoring', 'resolved')),
    impact      text NOT NULL CHECK (impact IN ('none', 'minor', 'major', 'critical')),
    models      text[] NOT NULL DEFAULT '{}',
    providers   text[] NOT NULL DEFAULT '{}',
    regions     text[] NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    author      text NOT NULL DEFAULT '',
    CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE TABLE incident_update (
    incident_id uuid NOT NULL REFERENCES incident,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    state       text NOT NULL,
    message     text NOT NULL CHECK (length(message) BETWEEN 1 AND 256),
    author      text NOT NULL DEFAULT '',
    PRIMARY KEY (incident_id, at)
);

CREATE FUNCTION incident_object(i incident) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', i.incident_id, 'title', i.title, 'state', i.state, 'impact', i.impact,
        'models', i.models, 'providers', i.providers, 'regions', i.regions, 'started_at', utc_text(i.started_at),
        'resolved_at', utc_text(i.resolved_at), 'updates',
        (SELECT coalesce(json_agg(json_build_object('at', utc_text(u.at), 'state', u.state, 'message', u.message)
                                  ORDER BY u.at DESC), '[]')
         FROM incident_update u WHERE u.incident_id = i.incident_id))
$$;

CREATE FUNCTION incident_create(p_id uuid, p_title text, p_state text, p_impact text, p_message text, p_models text[],
                                p_providers text[], p_regions text[], p_author text) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO incident (incident_id, title, state, impact, models, providers, regions, resolved_at, author)
    VALUES (p_id, p_title, p_state, p_impact, p_models, p_providers, p_regions,
            CASE WHEN p_state = 'resolved' THEN now() END, p_author);
    INSERT INTO incident_update (incident_id, state, message, author) VALUES (p_id, p_state, p_message, p_author);
    SELECT p_id;
$$;

-- NULL leaves a member as it is. False: there is no such incident.
CREATE FUNCTION incident_patch(p_id uuid, p_title text, p_state text, p_impact text, p_message text, p_author text)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    now_state text;
BEGIN
    UPDATE incident SET title = coalesce(p_title, title), impact = coalesce(p_impact, impact),
        state = coalesce(p_state, state),
        resolved_at = CASE WHEN coalesce(p_state, state) = 'resolved' THEN coalesce(resolved_at, now()) END
    WHERE incident_id = p_id RETURNING state INTO now_state;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF p_message IS NOT NULL THEN
        INSERT INTO incident_update (incident_id, state, message, author) VALUES (p_id, now_state, p_message, p_author);
    END IF;
    RETURN true;
END $$;

-- --- figures

-- Found by time without an index entry for each record: usage comes in the order of booked_at.
CREATE INDEX usage_by_time ON usage USING brin (booked_at) WITH (pages_per_range = 16, autosummarize = on);

-- A minute of an endpoint; 0: of all. overhead: how many requests had a route_us up to the bound of the same place in
-- status_bounds(), and behind the last. accounts: up to 5 of those that sent them, so that it is known whether they are
-- enough to be told together; they are forgotten after an hour.
CREATE TABLE status_minute (
    minute      timestamptz NOT NULL,
    endpoint_no bigint NOT NULL,
    requests    bigint NOT NULL,
    failed      bigint NOT NULL,
    overhead    bigint[] NOT NULL,
    accounts    uuid[] NOT NULL,
    PRIMARY KEY (minute, endpoint_no)
);
CREATE TABLE status_rolled (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    minute timestamptz NOT NULL -- everything before it is in status_minute
);
INSERT INTO status_rolled (minute) VALUES (date_trunc('minute', now()));

-- Microseconds.
CREATE FUNCTION status_bounds() RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 20000, 50000, 100000, 500000,
                 1000000]::bigint[]
$$;
CREATE AGGREGATE status_sum(bigint[]) (SFUNC = array_cat, STYPE = bigint[], INITCOND = '{}');

-- The least bound that p of the requests are within; NULL: they are not within the last, or there are none.
-- p_counts: histograms one behind the other.
CREATE FUNCTION status_percentile(p_counts bigint[], p numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    WITH n AS (SELECT cardinality(status_bounds()) + 1 AS n),
    h AS (SELECT (u.place - 1) % n.n AS at, sum(u.v) AS v FROM n, unnest(p_counts) WITH ORDINALITY AS u (v, place) GROUP BY 1),
    c AS (SELECT at, sum(v) OVER (ORDER BY at) AS upto, sum(v) OVER () AS total FROM h)
    SELECT (status_bounds())[min(at) + 1] FROM c WHERE total > 0 AND upto >= p * total
$$;

-- Rolls up one whole minute, of its first 50,000 records, if one is due: any control plane asks, one does it.
CREATE FUNCTION status_roll() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    m timestamptz;
BEGIN
    SELECT minute INTO m FROM status_rolled FOR UPDATE SKIP LOCKED;
    -- A batch is booked within seconds; 30 s after a minute's end it is complete.
    IF m IS NULL OR m > ledger_now() - interval '90 seconds' THEN
        RETURN false;
    END IF;
    m := greatest(m, date_trunc('minute', ledger_now()) - interval '1 hour'); -- after a pause of all control planes
    WITH s AS MATERIALIZED (
        SELECT endpoint_no, account_id, http_status, width_bucket(route_us, status_bounds()) AS b
        FROM usage WHERE booked_at >= m AND booked_at < m + interval '1 minute' LIMIT 50000),
    -- The k-th bucket is below the k-th bound and not below the one before.
    g AS (SELECT CASE WHEN GROUPING(endpoint_no) = 1 THEN 0 ELSE endpoint_no END AS endpoint_no, count(*) AS requests,
              count(*) FILTER (WHERE http_status >= 500) AS failed,
              array_agg(b) AS buckets, (array_agg(DISTINCT account_id))[1:5] AS accounts
          FROM s WHERE http_status <> 499 GROUP BY GROUPING SETS ((endpoint_no), ()))
    INSERT INTO status_minute (minute, endpoint_no, requests, failed, overhead, accounts)
    SELECT m, g.endpoint_no, g.requests, g.failed,
        ARRAY(SELECT count(u.b) FROM generate_series(0, cardinality(status_bounds())) AS k
              LEFT JOIN unnest(g.buckets) AS u (b) ON u.b = k GROUP BY k ORDER BY k), g.accounts
    FROM g WHERE g.requests > 0
    ON CONFLICT DO NOTHING;
    UPDATE status_rolled SET minute = m + interval '1 minute';
    UPDATE status_minute SET accounts = '{}' WHERE minute < m - interval '1 hour' AND accounts <> '{}';
    DELETE FROM status_minute WHERE minute < m - interval '1 day' AND endpoint_no <> 0;
    DELETE FROM status_minute WHERE minute < m - interval '30 days';
    RETURN true;
END $$;

-- Fewer requests, or of fewer accounts, tell what a customer does: they are no figure.
CREATE FUNCTION status_enough(p_requests numeric, p_accounts bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    'SELECT p_requests >= 100 AND p_accounts >= 5';

CREATE FUNCTION status_word(p_requests numeric, p_failed numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_requests IS NULL THEN 'unknown' WHEN p_failed * 100 <= p_requests THEN 'operational'
                WHEN p_failed * 10 <= p_requests THEN 'degraded' ELSE 'outage' END
$$;

-- The last hour of groups of endpoints. what: 'provider', 'model' or 'all'.
CREATE FUNCTION status_hour(p_what text)
RETURNS TABLE (id text, requests numeric, failed numeric, overhead bigint[]) LANGUAGE sql STABLE AS $$
    WITH s AS (
        SELECT CASE p_what WHEN 'provider' THEN e.provider WHEN 'model' THEN m.id ELSE '' END AS id, x.*
        FROM status_minute x LEFT JOIN endpoint e ON e.endpoint_no = x.endpoint_no LEFT JOIN model m USING (model_no)
        WHERE x.minute >= ledger_now() - interval '1 hour' AND (x.endpoint_no = 0) = (p_what = 'all')),
    a AS (SELECT s.id, count(DISTINCT u.account) AS accounts FROM s, unnest(s.accounts) AS u (account) GROUP BY s.id)
    SELECT s.id, sum(s.requests), sum(s.failed), status_sum(s.overhead)
    FROM s JOIN a ON a.id = s.id GROUP BY s.id, a.accounts HAVING status_enough(sum(s.requests), a.accounts)
$$;

CREATE FUNCTION status_figure(p_requests numeric, p_failed numeric) RETURNS json LANGUAGE sql IMMUTABLE AS $$
    SELECT json_build_object('status', status_word(p_requests, p_failed),
        'availability', CASE WHEN p_requests > 0 THEN round(1 - p_failed / p_requests, 5) END,
        'requests', p_requests)
$$;

CREATE FUNCTION status_document() RETURNS json LANGUAGE sql STABLE AS $$
    WITH everything AS (SELECT * FROM status_hour('all')),
    day AS (SELECT sum(requests) AS requests, sum(failed) AS failed FROM status_minute
            WHERE endpoint_no = 0 AND minute >= ledger_now() - interval '1 day'
              AND EXISTS (SELECT 1 FROM everything)),
    served AS (SELECT e.provider, m.id AS model FROM endpoint e JOIN model m USING (model_no)
               LEFT JOIN endpoint_override o USING (endpoint_no)
               WHERE e.present AND m.enabled AND e.weight > 0 AND o.endpoint_no IS NULL)
    SELECT json_build_object(
        'generated_at', utc_text(ledger_now()),
        'method', json_build_object(
            'window', 'the last hour of whole minutes, the last of which ended 30 to 90 seconds ago',
            'source', 'usage records that data planes report for each request; at most the first 50,000 of a minute',
            'availability', 'the part of requests that were not answered with a status of 500 or above; requests whose client disconnected are not counted; of a provider or model: of the last attempt of each request',
            'overhead', 'microseconds from the arrival of a request at the data plane to its being sent to a provider, waiting for credit included; the upper bound of the histogram bucket in which the percentile lies; null: above the last bucket, one second',
            'minimum', 'a figure is told when at least 100 requests of at least 5 accounts are in it; otherwise its status is unknown',
            'status', 'operational: at most 1 percent failed; degraded: at most 10 percent; outage: more'),
        'service', (SELECT json_build_object('status', status_word(e.requests, e.failed),
                'availability', round(1 - e.failed / nullif(e.requests, 0), 5), 'requests', e.requests,
                'availability_24h', round(1 - d.failed / nullif(d.requests, 0), 5), 'requests_24h', d.requests,
                'overhead_us', CASE WHEN e.requests IS NOT NULL THEN json_build_object('p50', status_percentile(e.overhead, 0.5),
                    'p99', status_percentile(e.overhead, 0.99)) END)
            FROM (SELECT 1) one LEFT JOIN everything e ON true LEFT JOIN day d ON true),
        'providers', (SELECT coalesce(json_agg(json_build_object('id', p.provider) ::jsonb || status_figure(h.requests, h.failed)::jsonb
                ORDER BY p.provider), '[]')
            FROM (SELECT DISTINCT provider FROM served) p LEFT JOIN status_hour('provider') h ON h.id = p.provider),
        'models', (SELECT coalesce(json_agg(json_build_object('id', p.model)::jsonb || status_figure(h.requests, h.failed)::jsonb
                ORDER BY p.model), '[]')
            FROM (SELECT DISTINCT model FROM served) p LEFT JOIN status_hour('model') h ON h.id = p.model),
        'regions', (SELECT coalesce(json_agg(json_build_object('id', r.region, 'data_planes', r.n, 'draining', r.draining,
                'status', CASE WHEN r.n > r.draining THEN 'operational' ELSE 'degraded' END) ORDER BY r.region), '[]')
            FROM (SELECT coalesce(region, 'unnamed') AS region, count(*) AS n, count(*) FILTER (WHERE draining) AS draining
                  FROM boot WHERE link IS NOT NULL AND linked_at > ledger_now() - interval '15 seconds' GROUP BY 1) r),
        'attestation', (SELECT json_build_object('policy', p.name, 'policy_sha256', encode(p.sha256, 'hex'),
                'log_index', p.log_index, 'simulated_allowed', p.simulated)
            FROM policy_version p WHERE p.state = 'in_force'),
        'catalog_version', catalog_in_force(),
        'incidents', (SELECT coalesce(json_agg(o.j ORDER BY o.incident_no DESC), '[]') FROM (
            SELECT i.incident_no, incident_object(i) AS j FROM incident i
            WHERE i.resolved_at IS NULL OR i.resolved_at > now() - interval '14 days'
            ORDER BY i.resolved_at IS NOT NULL, i.incident_no DESC LIMIT 50) o))
$$;

DO $$ BEGIN
    IF to_regprocedure('audit_on(regclass)') IS NOT NULL THEN
        PERFORM audit_on('incident');
    END IF;
END $$;
