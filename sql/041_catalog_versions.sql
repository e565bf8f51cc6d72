-- Versions of the catalog: drafts, the one in force, retired ones, each with its text (catalog.conf) and what the parser
-- made of it. Publishing is one transaction (catalog_publish). Of the operator, so no table here has an account.

-- Texts of catalogs, each once for a providers.conf (whose numbers of providers are in endpoints).
CREATE TABLE catalog_content (
    content_no       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256           bytea NOT NULL CHECK (octet_length(sha256) = 32),
    providers_sha256 bytea NOT NULL CHECK (octet_length(providers_sha256) = 32),
    text             text NOT NULL,
    models           jsonb NOT NULL,
    endpoints        jsonb NOT NULL,
    aliases          jsonb NOT NULL,
    UNIQUE (sha256, providers_sha256)
);

-- Files that counted at a start or a reload once. Instances hold files of different age: a start with one of these leaves
-- in force what came after it.
CREATE TABLE file_seen (
    kind    text NOT NULL CHECK (kind IN ('catalog', 'policy')), -- catalog.conf, attestation.conf
    sha256  bytea NOT NULL CHECK (octet_length(sha256) = 32),
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, sha256)
);
CREATE FUNCTION file_is_seen(p_kind text, p_sha256 bytea) RETURNS boolean LANGUAGE sql STABLE AS
    'SELECT EXISTS (SELECT 1 FROM file_seen WHERE kind = p_kind AND sha256 = p_sha256)';
CREATE FUNCTION file_saw(p_kind text, p_sha256 bytea) RETURNS void LANGUAGE sql AS
    'INSERT INTO file_seen (kind, sha256) VALUES (p_kind, p_sha256) ON CONFLICT DO NOTHING';

-- base: the version in force when a draft was made. file_sha256: of the catalog.conf that it was published from.
ALTER TABLE catalog_version
    ADD COLUMN state text NOT NULL DEFAULT 'published' CHECK (state IN ('draft', 'published', 'retired')),
    ADD COLUMN origin text NOT NULL DEFAULT 'file' CHECK (origin IN ('file', 'rest', 'edit', 'rollback', 'override')),
    ADD COLUMN author text NOT NULL DEFAULT '' CHECK (length(author) <= 128),
    ADD COLUMN note text NOT NULL DEFAULT '' CHECK (length(note) <= 256),
    ADD COLUMN base integer,
    ADD COLUMN published_at timestamptz,
    ADD COLUMN content_no bigint REFERENCES catalog_content,
    ADD COLUMN file_sha256 bytea CHECK (octet_length(file_sha256) = 32);
CREATE INDEX catalog_version_by_state ON catalog_version (state, version);
UPDATE catalog_version SET published_at = created_at;
UPDATE catalog_version SET state = 'retired' WHERE version < (SELECT max(version) FROM catalog_version);

-- Endpoints that an operator has switched off beside the catalog, until a time (NULL: until it is ended).
CREATE TABLE endpoint_override (
    endpoint_no integer PRIMARY KEY REFERENCES endpoint,
    off_until   timestamptz,
    reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 256),
    author      text NOT NULL DEFAULT '',
    set_at      timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION catalog_in_force() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(version), 0) FROM catalog_version WHERE state = 'published'
$$;

-- A row for a new version, in force from this transaction's end; told to every control plane.
CREATE FUNCTION catalog_next(p_content bigint, p_origin text, p_author text, p_note text, p_file bytea)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v integer;
BEGIN
    SELECT coalesce(max(version), 0) + 1 INTO v FROM catalog_version;
    UPDATE catalog_version SET state = 'retired' WHERE state = 'published';
    INSERT INTO catalog_version (version, state, origin, author, note, published_at, content_no, file_sha256)
    VALUES (v, 'published', p_origin, p_author, p_note, now(), p_content, p_file);
    PERFORM pg_notify('tr_catalog', v::text);
    RETURN v;
END $$;

-- As before (022), for a release that knows no versions: it has no text.
CREATE OR REPLACE FUNCTION catalog_apply(p_models jsonb, p_endpoints jsonb, p_aliases jsonb)
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
    v integer;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    changed := catalog_apply_models(p_models);
    changed := changed + catalog_apply_endpoints(p_endpoints);
    changed := changed + catalog_apply_aliases(p_aliases);
    v := catalog_in_force();
    IF changed > 0 OR v = 0 THEN
        v := catalog_next(NULL, 'file', '', '', NULL);
    END IF;
    RETURN v;
END $$;

CREATE FUNCTION catalog_content_put(p_text text, p_providers bytea, p_models jsonb, p_endpoints jsonb, p_aliases jsonb)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    digest bytea := sha256(convert_to(p_text, 'UTF8'));
BEGIN
    INSERT INTO catalog_content (sha256, providers_sha256, text, models, endpoints, aliases)
    VALUES (digest, p_providers, p_text, p_models, p_endpoints, p_aliases)
    ON CONFLICT (sha256, providers_sha256) DO UPDATE SET models = EXCLUDED.models, endpoints = EXCLUDED.endpoints,
        aliases = EXCLUDED.aliases
    RETURNING content_no INTO n;
    RETURN n;
END $$;

CREATE FUNCTION catalog_draft(p_text text, p_providers bytea, p_models jsonb, p_endpoints jsonb, p_aliases jsonb,
                              p_author text, p_note text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v integer;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    SELECT coalesce(max(version), 0) + 1 INTO v FROM catalog_version;
    INSERT INTO catalog_version (version, state, origin, author, note, base, content_no)
    VALUES (v, 'draft', 'rest', p_author, p_note, catalog_in_force(),
            catalog_content_put(p_text, p_providers, p_models, p_endpoints, p_aliases));
    RETURN (SELECT catalog_version_object(d) FROM catalog_version d WHERE d.version = v);
END $$;

-- Texts of all but the latest 200 versions go; who published what and when stays.
CREATE FUNCTION catalog_prune(p_keep integer) RETURNS void LANGUAGE sql AS $$
    UPDATE catalog_version SET content_no = NULL
    WHERE content_no IS NOT NULL AND state <> 'published'
      AND version <= (SELECT max(version) - p_keep FROM catalog_version);
    DELETE FROM catalog_content c
    WHERE NOT EXISTS (SELECT 1 FROM catalog_version v WHERE v.content_no = c.content_no);
$$;

-- Make this the catalog in force, in this transaction. p_draft: the draft that it is, or NULL. p_base: the version that
-- must be in force still, or NULL: any. outcome: published; same (nothing that a data plane sees is another: the
-- version stays); moved (another version has been published since); unknown (there is no such draft).
CREATE FUNCTION catalog_publish(p_draft integer, p_base integer, p_text text, p_providers bytea, p_models jsonb,
    p_endpoints jsonb, p_aliases jsonb, p_origin text, p_author text, p_note text, p_file bytea,
    OUT outcome text, OUT o_version bigint) LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
    content bigint;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    o_version := catalog_in_force();
    IF p_draft IS NOT NULL THEN
        SELECT base INTO p_base FROM catalog_version WHERE version = p_draft AND state = 'draft';
        IF NOT FOUND THEN
            outcome := 'unknown';
            RETURN;
        END IF;
    END IF;
    IF p_base <> o_version THEN
        outcome := 'moved';
        RETURN;
    END IF;
    IF p_file IS NOT NULL THEN
        PERFORM file_saw('catalog', p_file);
    END IF;
    content := catalog_content_put(p_text, p_providers, p_models, p_endpoints, p_aliases);
    changed := catalog_apply_models(p_models);
    changed := changed + catalog_apply_endpoints(p_endpoints);
    changed := changed + catalog_apply_aliases(p_aliases);
    outcome := 'published';
    IF p_draft IS NOT NULL THEN
        UPDATE catalog_version SET state = 'retired' WHERE state = 'published';
        UPDATE catalog_version SET state = 'published', published_at = now(), content_no = content
        WHERE version = p_draft;
        PERFORM pg_notify('tr_catalog', p_draft::text);
        o_version := p_draft;
    ELSIF changed = 0 AND o_version > 0 THEN
        outcome := 'same';
        UPDATE catalog_version SET content_no = content, file_sha256 = coalesce(p_file, file_sha256)
        WHERE version = o_version;
    ELSE
        o_version := catalog_next(content, p_origin, p_author, p_note, p_file);
    END IF;
    PERFORM catalog_prune(200);
END $$;

-- Switch an endpoint off until then (p_off false: on again). outcome: ok, unknown.
CREATE FUNCTION catalog_override(p_endpoint bigint, p_off boolean, p_until_ms bigint, p_reason text, p_author text,
                                 OUT outcome text, OUT o_version bigint) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    o_version := catalog_in_force();
    outcome := 'unknown';
    PERFORM 1 FROM endpoint WHERE endpoint_no = p_endpoint AND present;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    outcome := 'ok';
    DELETE FROM endpoint_override WHERE endpoint_no = p_endpoint;
    IF NOT FOUND AND NOT p_off THEN
        RETURN;
    END IF;
    IF p_off THEN
        INSERT INTO endpoint_override (endpoint_no, off_until, reason, author)
        VALUES (p_endpoint, to_timestamp(p_until_ms / 1000.0), p_reason, p_author);
    END IF;
    o_version := catalog_next((SELECT content_no FROM catalog_version WHERE version = o_version), 'override', p_author,
                              'endpoint ' || p_endpoint || CASE WHEN p_off THEN ' off' ELSE ' on' END, NULL);
END $$;

-- Overrides whose time is over end, as a version of its own. Any control plane asks, every few seconds.
CREATE FUNCTION catalog_overrides_end() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    numbers text;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM endpoint_override WHERE off_until <= now()) THEN
        RETURN false;
    END IF;
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    WITH gone AS (DELETE FROM endpoint_override WHERE off_until <= now() RETURNING endpoint_no)
    SELECT string_agg(endpoint_no::text, ' ' ORDER BY endpoint_no) INTO numbers FROM gone;
    IF numbers IS NOT NULL THEN
        PERFORM catalog_next((SELECT content_no FROM catalog_version WHERE version = catalog_in_force()), 'override', '',
                             left('override over: endpoint ' || numbers, 256), NULL);
    END IF;
    RETURN numbers IS NOT NULL;
END $$;

-- What is another in one list of JSON objects than in another; name: what an object is known by.
CREATE FUNCTION catalog_list_diff(p_from jsonb, p_to jsonb, p_name text[]) RETURNS json LANGUAGE sql STABLE AS $$
    WITH f AS (SELECT (SELECT string_agg(v ->> n, '@' ORDER BY o) FROM unnest(p_name) WITH ORDINALITY AS u (n, o)) AS id, v
               FROM jsonb_array_elements(p_from) AS v),
         t AS (SELECT (SELECT string_agg(v ->> n, '@' ORDER BY o) FROM unnest(p_name) WITH ORDINALITY AS u (n, o)) AS id, v
               FROM jsonb_array_elements(p_to) AS v)
    SELECT json_build_object(
        'added', coalesce(json_agg(t.id ORDER BY t.id) FILTER (WHERE f.id IS NULL), '[]'),
        'removed', coalesce(json_agg(f.id ORDER BY f.id) FILTER (WHERE t.id IS NULL), '[]'),
        'changed', coalesce(json_agg(json_build_object('id', t.id,
            'from', (SELECT json_object_agg(k, f.v -> k) FROM jsonb_object_keys(f.v || t.v) AS k WHERE f.v -> k IS DISTINCT FROM t.v -> k),
            'to', (SELECT json_object_agg(k, t.v -> k) FROM jsonb_object_keys(f.v || t.v) AS k WHERE f.v -> k IS DISTINCT FROM t.v -> k))
            ORDER BY t.id) FILTER (WHERE f.id IS NOT NULL AND t.id IS NOT NULL), '[]'))
    FROM f FULL JOIN t ON t.id = f.id WHERE f.v IS DISTINCT FROM t.v
$$;

-- NULL: one of the two is not there, or its text is not kept any more.
CREATE FUNCTION catalog_diff(p_from integer, p_to integer) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('from', p_from, 'to', p_to,
        'models', catalog_list_diff(f.models, t.models, '{id}'),
        'endpoints', catalog_list_diff(f.endpoints, t.endpoints, '{model,provider}'),
        'aliases', catalog_list_diff(f.aliases, t.aliases, '{id}'))
    FROM catalog_version a JOIN catalog_content f USING (content_no),
         catalog_version b JOIN catalog_content t USING (content_no)
    WHERE a.version = p_from AND b.version = p_to
$$;

CREATE FUNCTION catalog_version_object(v catalog_version) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('version', v.version, 'state', v.state, 'origin', v.origin, 'author', v.author,
        'note', v.note, 'base', v.base, 'created_at', utc_text(v.created_at), 'published_at', utc_text(v.published_at),
        'content', CASE WHEN v.content_no IS NULL THEN NULL ELSE
            (SELECT json_build_object('sha256', encode(c.sha256, 'hex'), 'models', jsonb_array_length(c.models),
                'endpoints', jsonb_array_length(c.endpoints), 'aliases', jsonb_array_length(c.aliases))
             FROM catalog_content c WHERE c.content_no = v.content_no) END)
$$;

-- Dollars per million tokens, as catalog.conf has them.
CREATE FUNCTION usd_per_million(p_pusd bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    'SELECT trim_scale(p_pusd / 1000000.0)';

CREATE FUNCTION catalog_endpoint_object(e endpoint) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('endpoint', e.endpoint_no, 'model', m.id, 'provider', e.provider,
        'upstream_model', e.upstream_model, 'weight', e.weight, 'off', o.endpoint_no IS NOT NULL,
        'off_until', utc_text(o.off_until), 'off_reason', o.reason, 'price_version', e.price_version,
        'prompt', usd_per_million(p.prompt_pusd), 'completion', usd_per_million(p.completion_pusd),
        'cached', usd_per_million(p.cached_pusd), 'cache_write', usd_per_million(p.cache_write_pusd),
        'cache_write_long', usd_per_million(p.cache_write_long_pusd), 'reasoning', usd_per_million(p.reasoning_pusd),
        'audio_input', usd_per_million(p.audio_input_pusd), 'audio_output', usd_per_million(p.audio_output_pusd),
        'image_input', usd_per_million(p.image_input_pusd), 'image_output', usd_per_million(p.image_output_pusd),
        'per_request', usd(p.request_nusd), 'per_image', usd(p.image_nusd), 'per_second', usd(p.second_nusd),
        'per_character', usd(p.character_nusd), 'per_query', usd(p.query_nusd), 'tiers', cardinality(p.tiers),
        'context_length', nullif(e.context_length, 0), 'max_output', nullif(e.max_output, 0),
        'retains_data', e.retains_data, 'source', e.source)
    FROM model m, price p LEFT JOIN endpoint_override o ON o.endpoint_no = p.endpoint_no
    WHERE m.model_no = e.model_no AND p.endpoint_no = e.endpoint_no AND p.version = e.price_version
$$;

-- The catalog in force, of one model (p_model) or whole.
CREATE FUNCTION catalog_object(p_model text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('version', catalog_in_force(),
        'models', (SELECT coalesce(json_agg(json_build_object('model', m.model_no, 'id', m.id, 'name', m.name,
                'description', m.description, 'context_length', nullif(m.context_length, 0),
                'max_output', nullif(m.max_output, 0), 'created', m.created,
                'fallbacks', (SELECT coalesce(json_agg(f.id ORDER BY u.place), '[]') FROM unnest(m.fallbacks)
                              WITH ORDINALITY AS u (no, place) JOIN model f ON f.model_no = u.no)) ORDER BY m.model_no), '[]')
            FROM model m WHERE m.enabled AND (p_model IS NULL OR m.id = p_model)),
        'endpoints', (SELECT coalesce(json_agg(catalog_endpoint_object(e) ORDER BY e.endpoint_no), '[]')
            FROM endpoint e JOIN model m USING (model_no)
            WHERE m.enabled AND e.present AND (p_model IS NULL OR m.id = p_model)),
        'aliases', (SELECT coalesce(json_agg(json_build_object('id', a.id, 'listed', a.listed,
                'models', (SELECT coalesce(json_agg(f.id ORDER BY u.place), '[]') FROM unnest(a.models)
                           WITH ORDINALITY AS u (no, place) JOIN model f ON f.model_no = u.no)) ORDER BY a.id), '[]')
            FROM model_alias a WHERE p_model IS NULL
                OR a.models @> ARRAY(SELECT m.model_no::bigint FROM model m WHERE m.id = p_model)))
$$;

-- As in 022; the version is the one in force, and an endpoint that is switched off has no weight.
CREATE OR REPLACE VIEW catalog_row (what, no, id, name, description, numbers) AS
SELECT 0, catalog_in_force()::bigint, NULL, NULL, NULL, '{}'::bigint[] WHERE catalog_in_force() > 0
UNION ALL
SELECT 1, model_no, id, name, description,
    ARRAY[context_length, max_output, created, knowledge_day, facts_day, capabilities, kind, inputs, outputs,
          open_weights, gates, efforts, budget_min, budget_max] || fallbacks
FROM model WHERE enabled
UNION ALL
SELECT 2, e.endpoint_no, e.upstream_model, e.source, NULL,
    ARRAY[e.model_no, e.provider_no, CASE WHEN o.endpoint_no IS NULL THEN e.weight ELSE 0 END, e.source_day, e.retires_day,
          e.price_version, e.context_length, e.max_output,
          e.lacks, e.quantization, e.retains_data::integer, p.prompt_pusd, p.completion_pusd, p.cached_pusd,
          p.cache_write_pusd, p.cache_write_long_pusd, p.reasoning_pusd, p.audio_input_pusd,
          p.audio_output_pusd, p.image_input_pusd, p.image_output_pusd, p.request_nusd, p.image_nusd,
          p.second_nusd, p.character_nusd, p.query_nusd]
    || ARRAY(SELECT u.v FROM unnest(p.tiers) WITH ORDINALITY AS t (above, since, until, prompt, completion,
                                                                   cached, cache_write, place),
                 unnest(ARRAY[t.above, t.since, t.until, t.prompt, t.completion, t.cached, t.cache_write])
                     WITH ORDINALITY AS u (v, place)
             ORDER BY t.place, u.place)
FROM endpoint e JOIN model m USING (model_no)
JOIN price p ON p.endpoint_no = e.endpoint_no AND p.version = e.price_version
LEFT JOIN endpoint_override o ON o.endpoint_no = e.endpoint_no
WHERE m.enabled AND e.present
UNION ALL
SELECT 3, row_number() OVER (ORDER BY id COLLATE "C"), id, NULL, NULL, ARRAY[wants, sort, listed::integer] || models
FROM model_alias;

DO $$ BEGIN
    IF to_regprocedure('audit_on(regclass,text[],text[])') IS NOT NULL THEN
        PERFORM audit_on('endpoint_override');
        PERFORM audit_on('catalog_version');
    END IF;
END $$;
