-- What the catalog says beyond names and two prices: all classes and units of a price with its tiers, limits and
-- sources of endpoints, what models take and make, aliases. catalog_apply() takes it as JSON, catalog_row gives it.

ALTER TABLE model
    DROP CONSTRAINT model_context_length_check, ADD CHECK (context_length >= 0), -- 0: not known
    DROP CONSTRAINT model_max_output_check, ADD CHECK (max_output >= 0),
    ADD COLUMN description   text NOT NULL DEFAULT '' CHECK (length(description) <= 240),
    ADD COLUMN knowledge_day bigint NOT NULL DEFAULT 0 CHECK (knowledge_day BETWEEN 0 AND 4294967295),
    ADD COLUMN facts_day     bigint NOT NULL DEFAULT 0 CHECK (facts_day BETWEEN 0 AND 4294967295),
    ADD COLUMN kind          integer NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 255),
    ADD COLUMN inputs        integer NOT NULL DEFAULT 0 CHECK (inputs BETWEEN 0 AND 255),
    ADD COLUMN outputs       integer NOT NULL DEFAULT 0 CHECK (outputs BETWEEN 0 AND 255),
    ADD COLUMN open_weights  integer NOT NULL DEFAULT 0 CHECK (open_weights BETWEEN 0 AND 2),
    ADD COLUMN gates         bigint NOT NULL DEFAULT 0 CHECK (gates BETWEEN 0 AND 4294967295),
    ADD COLUMN efforts       integer NOT NULL DEFAULT 0 CHECK (efforts BETWEEN 0 AND 255),
    ADD COLUMN budget_min    bigint NOT NULL DEFAULT 0 CHECK (budget_min BETWEEN 0 AND 4294967295),
    ADD COLUMN budget_max    bigint NOT NULL DEFAULT 0 CHECK (budget_max BETWEEN 0 AND 4294967295),
    ADD COLUMN fallbacks     bigint[] NOT NULL DEFAULT '{}';

-- present: the catalog in force names it. What is not named keeps its number, and is not told to data planes.
ALTER TABLE endpoint
    ADD COLUMN source         text NOT NULL DEFAULT '' CHECK (length(source) <= 63),
    ADD COLUMN source_day     bigint NOT NULL DEFAULT 0 CHECK (source_day BETWEEN 0 AND 4294967295),
    ADD COLUMN retires_day    bigint NOT NULL DEFAULT 0 CHECK (retires_day BETWEEN 0 AND 4294967295),
    ADD COLUMN context_length bigint NOT NULL DEFAULT 0 CHECK (context_length BETWEEN 0 AND 4294967295),
    ADD COLUMN max_output     bigint NOT NULL DEFAULT 0 CHECK (max_output BETWEEN 0 AND 4294967295),
    ADD COLUMN lacks          integer NOT NULL DEFAULT 0 CHECK (lacks BETWEEN 0 AND 65535),
    ADD COLUMN quantization   integer NOT NULL DEFAULT 0 CHECK (quantization BETWEEN 0 AND 255),
    ADD COLUMN retains_data   boolean NOT NULL DEFAULT false,
    ADD COLUMN present        boolean NOT NULL DEFAULT true;

CREATE TYPE price_tier AS (
    above_prompt_tokens bigint, from_minute bigint, until_minute bigint,
    prompt_pusd bigint, completion_pusd bigint, cached_pusd bigint, cache_write_pusd bigint
);

-- Prices of before cost what a request cost then: the class that each new one has unless it is said.
ALTER TABLE price
    ADD COLUMN cache_write_long_pusd bigint CHECK (cache_write_long_pusd >= 0),
    ADD COLUMN reasoning_pusd        bigint CHECK (reasoning_pusd >= 0),
    ADD COLUMN audio_input_pusd      bigint CHECK (audio_input_pusd >= 0),
    ADD COLUMN audio_output_pusd     bigint CHECK (audio_output_pusd >= 0),
    ADD COLUMN image_input_pusd      bigint CHECK (image_input_pusd >= 0),
    ADD COLUMN image_output_pusd     bigint CHECK (image_output_pusd >= 0),
    ADD COLUMN request_nusd   bigint NOT NULL DEFAULT 0 CHECK (request_nusd >= 0),
    ADD COLUMN image_nusd     bigint NOT NULL DEFAULT 0 CHECK (image_nusd >= 0),
    ADD COLUMN second_nusd    bigint NOT NULL DEFAULT 0 CHECK (second_nusd >= 0),
    ADD COLUMN character_nusd bigint NOT NULL DEFAULT 0 CHECK (character_nusd >= 0),
    ADD COLUMN query_nusd     bigint NOT NULL DEFAULT 0 CHECK (query_nusd >= 0),
    ADD COLUMN tiers price_tier[] NOT NULL DEFAULT '{}';
ALTER TABLE price DISABLE TRIGGER price_immutable;
UPDATE price SET cache_write_long_pusd = cache_write_pusd, reasoning_pusd = completion_pusd,
    audio_input_pusd = prompt_pusd, audio_output_pusd = completion_pusd,
    image_input_pusd = prompt_pusd, image_output_pusd = completion_pusd;
SET CONSTRAINTS ALL IMMEDIATE; -- ALTER TABLE waits for nothing that is deferred
ALTER TABLE price ENABLE TRIGGER price_immutable,
    ALTER COLUMN cache_write_long_pusd SET NOT NULL, ALTER COLUMN reasoning_pusd SET NOT NULL,
    ALTER COLUMN audio_input_pusd SET NOT NULL, ALTER COLUMN audio_output_pusd SET NOT NULL,
    ALTER COLUMN image_input_pusd SET NOT NULL, ALTER COLUMN image_output_pusd SET NOT NULL;

CREATE TABLE model_alias (
    id     text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 128),
    models bigint[] NOT NULL CHECK (cardinality(models) BETWEEN 1 AND 8),
    wants  integer NOT NULL CHECK (wants BETWEEN 0 AND 255),
    sort   integer NOT NULL CHECK (sort BETWEEN 0 AND 255),
    listed boolean NOT NULL
);

-- Numbers of the models that are named, in that order.
CREATE FUNCTION model_numbers(p_ids text[]) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(m.model_no::bigint ORDER BY a.place), '{}')
    FROM unnest(p_ids) WITH ORDINALITY AS a (id, place) JOIN model m USING (id)
$$;

CREATE FUNCTION catalog_apply_models(p_models jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := 0;
    n bigint;
BEGIN
    CREATE TEMP TABLE said ON COMMIT DROP AS
    SELECT r.*, a.place FROM jsonb_array_elements(p_models) WITH ORDINALITY AS a (v, place),
        jsonb_to_record(a.v) AS r (id text, name text, description text, context_length bigint,
            max_output bigint, created bigint, knowledge_day bigint, facts_day bigint, capabilities integer,
            kind integer, inputs integer, outputs integer, open_weights integer, gates bigint,
            efforts integer, budget_min bigint, budget_max bigint, fallbacks text[]);
    INSERT INTO model AS m (id, name, description, context_length, max_output, created, knowledge_day,
        facts_day, capabilities, kind, inputs, outputs, open_weights, gates, efforts, budget_min, budget_max,
        enabled)
    SELECT id, name, description, context_length, max_output, created, knowledge_day, facts_day, capabilities,
        kind, inputs, outputs, open_weights, gates, efforts, budget_min, budget_max, true
    FROM said ORDER BY place
    ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, description = EXCLUDED.description,
        context_length = EXCLUDED.context_length, max_output = EXCLUDED.max_output,
        created = EXCLUDED.created, knowledge_day = EXCLUDED.knowledge_day, facts_day = EXCLUDED.facts_day,
        capabilities = EXCLUDED.capabilities, kind = EXCLUDED.kind, inputs = EXCLUDED.inputs,
        outputs = EXCLUDED.outputs, open_weights = EXCLUDED.open_weights, gates = EXCLUDED.gates,
        efforts = EXCLUDED.efforts, budget_min = EXCLUDED.budget_min, budget_max = EXCLUDED.budget_max,
        enabled = true
    WHERE (m.name, m.description, m.context_length, m.max_output, m.created, m.knowledge_day, m.facts_day,
           m.capabilities, m.kind, m.inputs, m.outputs, m.open_weights, m.gates, m.efforts, m.budget_min,
           m.budget_max, m.enabled)
        IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.description, EXCLUDED.context_length, EXCLUDED.max_output,
           EXCLUDED.created, EXCLUDED.knowledge_day, EXCLUDED.facts_day, EXCLUDED.capabilities, EXCLUDED.kind,
           EXCLUDED.inputs, EXCLUDED.outputs, EXCLUDED.open_weights, EXCLUDED.gates, EXCLUDED.efforts,
           EXCLUDED.budget_min, EXCLUDED.budget_max, true);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;
    UPDATE model m SET fallbacks = model_numbers(s.fallbacks) FROM said s
    WHERE s.id = m.id AND m.fallbacks IS DISTINCT FROM model_numbers(s.fallbacks);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;
    UPDATE model m SET enabled = false WHERE m.enabled AND NOT EXISTS (SELECT 1 FROM said s WHERE s.id = m.id);
    GET DIAGNOSTICS n = ROW_COUNT;
    DROP TABLE said;
    RETURN changed + n;
END $$;

CREATE FUNCTION catalog_apply_endpoints(p_endpoints jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := 0;
    n bigint;
    e record;
BEGIN
    CREATE TEMP TABLE said ON COMMIT DROP AS
    SELECT r.*, a.place FROM jsonb_array_elements(p_endpoints) WITH ORDINALITY AS a (v, place),
        jsonb_to_record(a.v) AS r (model text, provider text, provider_no integer, upstream_model text,
            weight integer, source text, source_day bigint, retires_day bigint, context_length bigint, max_output bigint,
            lacks integer, quantization integer, retains_data boolean, prompt_pusd bigint,
            completion_pusd bigint, cached_pusd bigint, cache_write_pusd bigint,
            cache_write_long_pusd bigint, reasoning_pusd bigint, audio_input_pusd bigint,
            audio_output_pusd bigint, image_input_pusd bigint, image_output_pusd bigint,
            request_nusd bigint, image_nusd bigint, second_nusd bigint, character_nusd bigint,
            query_nusd bigint, tiers price_tier[]);
    FOR e IN
        SELECT a.*, m.model_no, o.endpoint_no, o.price_version,
               o.endpoint_no IS NOT NULL AND o.present
                   AND (o.provider_no, o.upstream_model, o.weight, o.source, o.source_day, o.retires_day, o.context_length,
                        o.max_output, o.lacks, o.quantization, o.retains_data)
                       IS NOT DISTINCT FROM (a.provider_no, a.upstream_model, a.weight, a.source,
                        a.source_day, a.retires_day, a.context_length, a.max_output, a.lacks, a.quantization,
                        a.retains_data) AS same,
               (p.prompt_pusd, p.completion_pusd, p.cached_pusd, p.cache_write_pusd,
                p.cache_write_long_pusd, p.reasoning_pusd, p.audio_input_pusd, p.audio_output_pusd,
                p.image_input_pusd, p.image_output_pusd, p.request_nusd, p.image_nusd, p.second_nusd,
                p.character_nusd, p.query_nusd, p.tiers)
                   IS NOT DISTINCT FROM (a.prompt_pusd, a.completion_pusd, a.cached_pusd, a.cache_write_pusd,
                a.cache_write_long_pusd, a.reasoning_pusd, a.audio_input_pusd, a.audio_output_pusd,
                a.image_input_pusd, a.image_output_pusd, a.request_nusd, a.image_nusd, a.second_nusd,
                a.character_nusd, a.query_nusd, a.tiers) AS same_price
        FROM said a JOIN model m ON m.id = a.model
        LEFT JOIN endpoint o ON o.model_no = m.model_no AND o.provider = a.provider
        LEFT JOIN price p ON p.endpoint_no = o.endpoint_no AND p.version = o.price_version
        ORDER BY a.place
    LOOP
        CONTINUE WHEN e.same AND e.same_price;
        changed := changed + 1;
        IF e.endpoint_no IS NULL THEN
            INSERT INTO endpoint (model_no, provider, provider_no, upstream_model, weight, price_version)
            VALUES (e.model_no, e.provider, e.provider_no, e.upstream_model, e.weight, 1)
            RETURNING endpoint_no, 0 INTO e.endpoint_no, e.price_version;
        END IF;
        UPDATE endpoint SET provider_no = e.provider_no, upstream_model = e.upstream_model,
            weight = e.weight, source = e.source, source_day = e.source_day, retires_day = e.retires_day,
            context_length = e.context_length, max_output = e.max_output, lacks = e.lacks,
            quantization = e.quantization, retains_data = e.retains_data, present = true
        WHERE endpoint_no = e.endpoint_no;
        IF NOT e.same_price THEN
            INSERT INTO price (endpoint_no, version, prompt_pusd, completion_pusd, cached_pusd,
                cache_write_pusd, cache_write_long_pusd, reasoning_pusd, audio_input_pusd,
                audio_output_pusd, image_input_pusd, image_output_pusd, request_nusd, image_nusd, second_nusd,
                character_nusd, query_nusd, tiers)
            VALUES (e.endpoint_no, e.price_version + 1, e.prompt_pusd, e.completion_pusd, e.cached_pusd,
                e.cache_write_pusd, e.cache_write_long_pusd, e.reasoning_pusd, e.audio_input_pusd,
                e.audio_output_pusd, e.image_input_pusd, e.image_output_pusd, e.request_nusd, e.image_nusd,
                e.second_nusd, e.character_nusd, e.query_nusd, e.tiers);
            UPDATE endpoint SET price_version = e.price_version + 1
            WHERE endpoint_no = e.endpoint_no;
        END IF;
    END LOOP;
    UPDATE endpoint o SET present = false, weight = 0
    WHERE o.present AND NOT EXISTS (SELECT 1 FROM said s JOIN model m ON m.id = s.model
                                    WHERE m.model_no = o.model_no AND s.provider = o.provider);
    GET DIAGNOSTICS n = ROW_COUNT;
    DROP TABLE said;
    RETURN changed + n;
END $$;

CREATE FUNCTION catalog_apply_aliases(p_aliases jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := 0;
    n bigint;
BEGIN
    CREATE TEMP TABLE said ON COMMIT DROP AS
    SELECT r.id, model_numbers(r.models) AS models, r.wants, r.sort, r.listed
    FROM jsonb_to_recordset(p_aliases) AS r (id text, models text[], wants integer, sort integer, listed boolean);
    INSERT INTO model_alias AS a (id, models, wants, sort, listed)
    SELECT id, models, wants, sort, listed FROM said
    ON CONFLICT (id) DO UPDATE SET models = EXCLUDED.models, wants = EXCLUDED.wants, sort = EXCLUDED.sort,
        listed = EXCLUDED.listed
    WHERE (a.models, a.wants, a.sort, a.listed)
        IS DISTINCT FROM (EXCLUDED.models, EXCLUDED.wants, EXCLUDED.sort, EXCLUDED.listed);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;
    DELETE FROM model_alias a WHERE NOT EXISTS (SELECT 1 FROM said s WHERE s.id = a.id);
    GET DIAGNOSTICS n = ROW_COUNT;
    DROP TABLE said;
    RETURN changed + n;
END $$;

DROP FUNCTION catalog_apply(text[], text[], bigint[], bigint[], bigint[], bigint[], text[], text[], bigint[],
    text[], bigint[], bigint[], bigint[], bigint[], bigint[]);

-- Make the catalog be what these say; what they do not name is switched off. Returns the version in force; a new
-- one, told to every control plane, only when something changed.
CREATE FUNCTION catalog_apply(p_models jsonb, p_endpoints jsonb, p_aliases jsonb)
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
    current_version integer;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;
    changed := catalog_apply_models(p_models);
    changed := changed + catalog_apply_endpoints(p_endpoints);
    changed := changed + catalog_apply_aliases(p_aliases);
    SELECT coalesce(max(version), 0) INTO current_version FROM catalog_version;
    IF changed > 0 OR current_version = 0 THEN
        current_version := current_version + 1;
        INSERT INTO catalog_version (version) VALUES (current_version);
        PERFORM pg_notify('tr_catalog', current_version::text);
    END IF;
    RETURN current_version;
END $$;

-- The catalog in force as rows: the version (0), models (1), endpoints (2), aliases (3). numbers are in the order in
-- which controlplane/money/catalog_read.c takes them.
CREATE VIEW catalog_row (what, no, id, name, description, numbers) AS
SELECT 0, max(version)::bigint, NULL, NULL, NULL, '{}'::bigint[]
FROM catalog_version HAVING max(version) IS NOT NULL
UNION ALL
SELECT 1, model_no, id, name, description,
    ARRAY[context_length, max_output, created, knowledge_day, facts_day, capabilities, kind, inputs, outputs,
          open_weights, gates, efforts, budget_min, budget_max] || fallbacks
FROM model WHERE enabled
UNION ALL
SELECT 2, e.endpoint_no, e.upstream_model, e.source, NULL,
    ARRAY[e.model_no, e.provider_no, e.weight, e.source_day, e.retires_day, e.price_version, e.context_length, e.max_output,
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
WHERE m.enabled AND e.present
UNION ALL
SELECT 3, row_number() OVER (ORDER BY id COLLATE "C"), id, NULL, NULL, ARRAY[wants, sort, listed::integer] || models
FROM model_alias;
