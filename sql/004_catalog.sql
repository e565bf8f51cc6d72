-- Models, endpoints and prices. Numbers are given once and never reused: usage refers to them.

CREATE TABLE catalog_version (
    version    integer PRIMARY KEY CHECK (version > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE model (
    model_no       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             text NOT NULL UNIQUE CHECK (length(id) BETWEEN 3 AND 128),
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 128),
    context_length bigint NOT NULL CHECK (context_length > 0),
    max_output     bigint NOT NULL CHECK (max_output > 0),
    created        bigint NOT NULL CHECK (created >= 0),
    capabilities   integer NOT NULL CHECK (capabilities BETWEEN 0 AND 65535),
    enabled        boolean NOT NULL
);

CREATE TABLE endpoint (
    endpoint_no    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_no       integer NOT NULL REFERENCES model,
    provider       text NOT NULL CHECK (length(provider) BETWEEN 1 AND 31),
    provider_no    integer NOT NULL CHECK (provider_no BETWEEN 0 AND 65535),
    upstream_model text NOT NULL CHECK (length(upstream_model) BETWEEN 1 AND 128),
    weight         integer NOT NULL CHECK (weight BETWEEN 0 AND 65535),
    price_version  integer NOT NULL CHECK (price_version > 0),
    UNIQUE (model_no, provider)
);

-- Pico-USD per token. A price is never changed, only followed by the next version.
CREATE TABLE price (
    endpoint_no      integer NOT NULL REFERENCES endpoint,
    version          integer NOT NULL CHECK (version > 0),
    prompt_pusd      bigint NOT NULL CHECK (prompt_pusd >= 0),
    completion_pusd  bigint NOT NULL CHECK (completion_pusd >= 0),
    cached_pusd      bigint NOT NULL CHECK (cached_pusd >= 0),
    cache_write_pusd bigint NOT NULL CHECK (cache_write_pusd >= 0),
    valid_from       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_no, version)
);
ALTER TABLE endpoint ADD CONSTRAINT endpoint_has_price
    FOREIGN KEY (endpoint_no, price_version) REFERENCES price (endpoint_no, version)
    DEFERRABLE INITIALLY DEFERRED;
CREATE TRIGGER price_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON price
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Make the catalog be what the arrays say: parallel arrays of models, then of endpoints. What they
-- do not name is switched off. Returns the version in force; a new one, told to every control
-- plane, only when something changed.
CREATE FUNCTION catalog_apply(
    p_model_id text[], p_model_name text[], p_context bigint[], p_max_output bigint[],
    p_created bigint[], p_capabilities bigint[],
    p_ep_model text[], p_ep_provider text[], p_ep_provider_no bigint[], p_ep_upstream text[],
    p_ep_weight bigint[], p_prompt bigint[], p_completion bigint[], p_cached bigint[],
    p_cache_write bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := 0;
    n bigint;
    current_version integer;
    e record;
BEGIN
    LOCK TABLE catalog_version IN EXCLUSIVE MODE;

    INSERT INTO model AS m (id, name, context_length, max_output, created, capabilities, enabled)
    SELECT a.id, a.name, a.context_length, a.max_output, a.created, a.capabilities, true
    FROM unnest(p_model_id, p_model_name, p_context, p_max_output, p_created, p_capabilities)
        WITH ORDINALITY AS a (id, name, context_length, max_output, created, capabilities, place)
    ORDER BY a.place
    ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, context_length = EXCLUDED.context_length,
        max_output = EXCLUDED.max_output, created = EXCLUDED.created,
        capabilities = EXCLUDED.capabilities, enabled = true
    WHERE (m.name, m.context_length, m.max_output, m.created, m.capabilities, m.enabled)
        IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.context_length, EXCLUDED.max_output,
                          EXCLUDED.created, EXCLUDED.capabilities, true);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;
    UPDATE model SET enabled = false WHERE enabled AND id <> ALL (p_model_id);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;

    FOR e IN
        SELECT a.*, m.model_no, o.endpoint_no, o.price_version,
               o.endpoint_no IS NOT NULL
                   AND (o.provider_no, o.upstream_model, o.weight)
                       IS NOT DISTINCT FROM (a.provider_no, a.upstream_model, a.weight) AS same,
               (p.prompt_pusd, p.completion_pusd, p.cached_pusd, p.cache_write_pusd)
                   IS NOT DISTINCT FROM (a.prompt, a.completion, a.cached, a.cache_write) AS same_price
        FROM unnest(p_ep_model, p_ep_provider, p_ep_provider_no, p_ep_upstream, p_ep_weight,
                    p_prompt, p_completion, p_cached, p_cache_write)
            WITH ORDINALITY AS a (model, provider, provider_no, upstream_model, weight, prompt,
                                  completion, cached, cache_write, place)
        JOIN model m ON m.id = a.model
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
        ELSE
            UPDATE endpoint SET provider_no = e.provider_no, upstream_model = e.upstream_model,
                weight = e.weight WHERE endpoint_no = e.endpoint_no;
        END IF;
        IF NOT e.same_price THEN
            INSERT INTO price (endpoint_no, version, prompt_pusd, completion_pusd, cached_pusd,
                               cache_write_pusd)
            VALUES (e.endpoint_no, e.price_version + 1, e.prompt, e.completion, e.cached,
                    e.cache_write);
            UPDATE endpoint SET price_version = e.price_version + 1
            WHERE endpoint_no = e.endpoint_no;
        END IF;
    END LOOP;
    UPDATE endpoint o SET weight = 0 FROM model m
    WHERE m.model_no = o.model_no AND o.weight <> 0
      AND NOT EXISTS (SELECT 1 FROM unnest(p_ep_model, p_ep_provider) AS a (model, provider)
                      WHERE a.model = m.id AND a.provider = o.provider);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := changed + n;

    SELECT coalesce(max(version), 0) INTO current_version FROM catalog_version;
    IF changed > 0 OR current_version = 0 THEN
        current_version := current_version + 1;
        INSERT INTO catalog_version (version) VALUES (current_version);
        PERFORM pg_notify('tr_catalog', current_version::text);
    END IF;
    RETURN current_version;
END $$;
