-- Orchestrations in the catalog: which models answer, judge and write together under the id of a model of kind 7. Their
-- members are named by ids or aliases, as clients name models.

CREATE TABLE model_synth (
    model_no     integer PRIMARY KEY REFERENCES model,
    preset       integer NOT NULL CHECK (preset BETWEEN 0 AND 255),
    code         boolean NOT NULL,
    generic      boolean NOT NULL,
    panel_tokens bigint NOT NULL CHECK (panel_tokens BETWEEN 1 AND 4294967295),
    judge_tokens bigint NOT NULL CHECK (judge_tokens BETWEEN 1 AND 4294967295),
    final_tokens bigint NOT NULL CHECK (final_tokens BETWEEN 1 AND 4294967295),
    panel        text[] NOT NULL CHECK (cardinality(panel) BETWEEN 1 AND 8),
    judges       text[] NOT NULL CHECK (cardinality(judges) BETWEEN 1 AND 8),
    finals       text[] NOT NULL CHECK (cardinality(finals) BETWEEN 1 AND 8)
);
ALTER TABLE catalog_content ADD COLUMN synths jsonb NOT NULL DEFAULT '[]';

CREATE FUNCTION catalog_apply_synths(p_synths jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := 0;
    n bigint;
BEGIN
    CREATE TEMP TABLE said ON COMMIT DROP AS
    SELECT m.model_no, r.* FROM jsonb_to_recordset(p_synths) AS r (id text, preset integer, code boolean, generic boolean,
        panel_tokens bigint, judge_tokens bigint, final_tokens bigint, panel text[], judges text[], finals text[])
    JOIN model m USING (id);
    INSERT INTO model_synth AS s (model_no, preset, code, generic, panel_tokens, judge_tokens, final_tokens, panel, judges, finals)
    SELECT model_no, preset, code, generic, panel_tokens, judge_tokens, final_tokens, panel, judges, finals FROM said
    ON CONFLICT (model_no) DO UPDATE SET preset = EXCLUDED.preset, code = EXCLUDED.code, generic = EXCLUDED.generic,
        panel_tokens = EXCLUDED.panel_tokens, judge_tokens = EXCLUDED.judge_tokens, final_tokens = EXCLUDED.final_tokens,
        panel = EXCLUDED.panel, judges = EXCLUDED.judges, finals = EXCLUDED.finals
    WHERE (s.preset, s.code, s.generic, s.panel_tokens, s.judge_tokens, s.final_tokens, s.panel, s.judges, s.finals)
        IS DISTINCT FROM (EXCLUDED.preset, EXCLUDED.code, EXCLUDED.generic, EXCLUDED.panel_tokens, EXCLUDED.judge_tokens,
                          EXCLUDED.final_tokens, EXCLUDED.panel, EXCLUDED.judges, EXCLUDED.finals);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;
    DELETE FROM model_synth s WHERE NOT EXISTS (SELECT 1 FROM said WHERE said.model_no = s.model_no);
    GET DIAGNOSTICS n = ROW_COUNT;
    DROP TABLE said;
    RETURN changed + n;
END $$;

CREATE FUNCTION catalog_content_put(p_text text, p_providers bytea, p_models jsonb, p_endpoints jsonb, p_aliases jsonb,
                                    p_synths jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    digest bytea := sha256(convert_to(p_text, 'UTF8'));
BEGIN
    INSERT INTO catalog_content (sha256, providers_sha256, text, models, endpoints, aliases, synths)
    VALUES (digest, p_providers, p_text, p_models, p_endpoints, p_aliases, p_synths)
    ON CONFLICT (sha256, providers_sha256) DO UPDATE SET models = EXCLUDED.models, endpoints = EXCLUDED.endpoints,
        aliases = EXCLUDED.aliases, synths = EXCLUDED.synths
    RETURNING content_no INTO n;
    RETURN n;
END $$;

-- The three that follow are those of 041, with orchestrations. Those of 041 stay for the former release, whose catalogs
-- have none.
CREATE FUNCTION catalog_draft(p_text text, p_providers bytea, p_models jsonb, p_endpoints jsonb, p_aliases jsonb,
                              p_synths jsonb, p_author text, p_note text) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
    v integer;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    SELECT coalesce(max(version), 0) + 1 INTO v FROM catalog_version;
    INSERT INTO catalog_version (version, state, origin, author, note, base, content_no)
    VALUES (v, 'draft', 'rest', p_author, p_note, catalog_in_force(),
            catalog_content_put(p_text, p_providers, p_models, p_endpoints, p_aliases, p_synths));
    RETURN (SELECT catalog_version_object(d) FROM catalog_version d WHERE d.version = v);
END $$;
CREATE OR REPLACE FUNCTION catalog_draft(p_text text, p_providers bytea, p_models jsonb, p_endpoints jsonb,
    p_aliases jsonb, p_author text, p_note text) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    RETURN catalog_draft(p_text, p_providers, p_models, p_endpoints, p_aliases, '[]'::jsonb, p_author, p_note);
END $$;

CREATE FUNCTION catalog_publish(p_draft integer, p_base integer, p_text text, p_providers bytea, p_models jsonb,
    p_endpoints jsonb, p_aliases jsonb, p_synths jsonb, p_origin text, p_author text, p_note text, p_file bytea,
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
    content := catalog_content_put(p_text, p_providers, p_models, p_endpoints, p_aliases, p_synths);
    changed := catalog_apply_models(p_models);
    changed := changed + catalog_apply_endpoints(p_endpoints);
    changed := changed + catalog_apply_aliases(p_aliases);
    changed := changed + catalog_apply_synths(p_synths);
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
CREATE OR REPLACE FUNCTION catalog_publish(p_draft integer, p_base integer, p_text text, p_providers bytea, p_models jsonb,
    p_endpoints jsonb, p_aliases jsonb, p_origin text, p_author text, p_note text, p_file bytea,
    OUT outcome text, OUT o_version bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT p.outcome, p.o_version INTO outcome, o_version
    FROM catalog_publish(p_draft, p_base, p_text, p_providers, p_models, p_endpoints, p_aliases, '[]'::jsonb, p_origin,
                         p_author, p_note, p_file) p;
END $$;

CREATE OR REPLACE FUNCTION catalog_diff(p_from integer, p_to integer) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('from', p_from, 'to', p_to,
        'models', catalog_list_diff(f.models, t.models, '{id}'),
        'endpoints', catalog_list_diff(f.endpoints, t.endpoints, '{model,provider}'),
        'aliases', catalog_list_diff(f.aliases, t.aliases, '{id}'),
        'synths', catalog_list_diff(f.synths, t.synths, '{id}'))
    FROM catalog_version a JOIN catalog_content f USING (content_no),
         catalog_version b JOIN catalog_content t USING (content_no)
    WHERE a.version = p_from AND b.version = p_to
$$;

CREATE OR REPLACE FUNCTION catalog_version_object(v catalog_version) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('version', v.version, 'state', v.state, 'origin', v.origin, 'author', v.author,
        'note', v.note, 'base', v.base, 'created_at', utc_text(v.created_at), 'published_at', utc_text(v.published_at),
        'content', CASE WHEN v.content_no IS NULL THEN NULL ELSE
            (SELECT json_build_object('sha256', encode(c.sha256, 'hex'), 'models', jsonb_array_length(c.models),
                'endpoints', jsonb_array_length(c.endpoints), 'aliases', jsonb_array_length(c.aliases),
                'synths', jsonb_array_length(c.synths))
             FROM catalog_content c WHERE c.content_no = v.content_no) END)
$$;

CREATE FUNCTION catalog_synth_object(s model_synth) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('id', m.id, 'name', m.name, 'description', m.description,
        'preset', (ARRAY['none', 'quality', 'budget', 'frontier'])[s.preset + 1], 'code', s.code, 'generic', s.generic,
        'panel', s.panel, 'judges', s.judges, 'finals', s.finals, 'panel_tokens', s.panel_tokens,
        'judge_tokens', s.judge_tokens, 'final_tokens', s.final_tokens)
    FROM model m WHERE m.model_no = s.model_no
$$;

-- As in 041, with orchestrations: all, that of this model, or those that name it.
CREATE OR REPLACE FUNCTION catalog_object(p_model text) RETURNS json LANGUAGE sql STABLE AS $$
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
                OR a.models @> ARRAY(SELECT m.model_no::bigint FROM model m WHERE m.id = p_model)),
        'synths', (SELECT coalesce(json_agg(catalog_synth_object(s) ORDER BY m.id), '[]')
            FROM model_synth s JOIN model m USING (model_no)
            WHERE m.enabled AND (p_model IS NULL OR p_model = m.id OR p_model = ANY (s.panel || s.judges || s.finals))))
$$;

-- As in 041, with orchestrations (4): the panel, the judges and the finals, each separated by spaces.
CREATE VIEW catalog_every_row (what, no, id, name, description, numbers) AS
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
FROM model_alias
UNION ALL
SELECT 4, s.model_no, array_to_string(s.panel, ' '), array_to_string(s.judges, ' '), array_to_string(s.finals, ' '),
    ARRAY[s.preset, s.code::integer, s.generic::integer, s.panel_tokens, s.judge_tokens, s.final_tokens]
FROM model_synth s JOIN model m USING (model_no) WHERE m.enabled AND m.kind = 7;

-- What the former release reads: nothing of orchestrations, which it could not send on.
CREATE OR REPLACE VIEW catalog_row (what, no, id, name, description, numbers) AS
SELECT what, no, id, name, description, numbers FROM catalog_every_row
WHERE what < 4 AND NOT (what = 1 AND numbers[7] = 7)
    AND NOT (what = 3 AND EXISTS (SELECT 1 FROM model m WHERE m.model_no = numbers[4] AND m.kind = 7));
