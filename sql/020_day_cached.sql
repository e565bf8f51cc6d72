-- Tokens read from a provider's cache, by day and key: OpenRouter's newest clients require them in /activity. Kept by a
-- trigger, so that booking (019) stays one statement; records without such tokens cost it nothing.

ALTER TABLE usage_day ADD COLUMN tokens_cached bigint NOT NULL DEFAULT 0 CHECK (tokens_cached >= 0);

UPDATE usage_day d SET tokens_cached = s.cached
FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
             sum(tokens_cached_read)::bigint AS cached
      FROM usage WHERE tokens_cached_read > 0 GROUP BY 1, 2, 3, 4) s
WHERE d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
  AND d.endpoint_no = s.endpoint_no;

CREATE FUNCTION usage_day_cached() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE usage_day d SET tokens_cached = d.tokens_cached + s.cached
    FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
                 sum(tokens_cached_read)::bigint AS cached
          FROM fresh WHERE tokens_cached_read > 0 GROUP BY 1, 2, 3, 4) s
    WHERE d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
      AND d.endpoint_no = s.endpoint_no;
    RETURN NULL;
END $$;
CREATE TRIGGER usage_day_cached AFTER INSERT ON usage REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION usage_day_cached();
