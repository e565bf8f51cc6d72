-- Tokens written to a cache, of audio and of images, by day and key: /activity tells them. The trigger of 020 keeps
-- them too, so that booking stays one statement; records without such tokens cost it nothing.

ALTER TABLE usage_day
    ADD COLUMN tokens_cache_write bigint NOT NULL DEFAULT 0 CHECK (tokens_cache_write >= 0),
    ADD COLUMN tokens_audio_input bigint NOT NULL DEFAULT 0 CHECK (tokens_audio_input >= 0),
    ADD COLUMN tokens_audio_output bigint NOT NULL DEFAULT 0 CHECK (tokens_audio_output >= 0),
    ADD COLUMN tokens_image_input bigint NOT NULL DEFAULT 0 CHECK (tokens_image_input >= 0),
    ADD COLUMN tokens_image_output bigint NOT NULL DEFAULT 0 CHECK (tokens_image_output >= 0);

UPDATE usage_day d SET tokens_cache_write = s.written
FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
             sum(tokens_cache_write)::bigint AS written
      FROM usage WHERE tokens_cache_write > 0 GROUP BY 1, 2, 3, 4) s
WHERE d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
  AND d.endpoint_no = s.endpoint_no;

CREATE OR REPLACE FUNCTION usage_day_cached() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE usage_day d SET tokens_cached = d.tokens_cached + s.cached,
        tokens_cache_write = d.tokens_cache_write + s.written,
        tokens_audio_input = d.tokens_audio_input + s.audio_input,
        tokens_audio_output = d.tokens_audio_output + s.audio_output,
        tokens_image_input = d.tokens_image_input + s.image_input,
        tokens_image_output = d.tokens_image_output + s.image_output
    FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, model_no, endpoint_no,
                 sum(tokens_cached_read)::bigint AS cached, sum(tokens_cache_write)::bigint AS written,
                 sum(tokens_audio_input)::bigint AS audio_input,
                 sum(tokens_audio_output)::bigint AS audio_output,
                 sum(tokens_image_input)::bigint AS image_input,
                 sum(tokens_image_output)::bigint AS image_output
          FROM fresh WHERE tokens_cached_read + tokens_cache_write + tokens_audio_input + tokens_audio_output
                           + tokens_image_input + tokens_image_output > 0 GROUP BY 1, 2, 3, 4) s
    WHERE d.key_id = s.key_id AND d.day = s.day AND d.model_no = s.model_no
      AND d.endpoint_no = s.endpoint_no;
    RETURN NULL;
END $$;
