-- Classes of tokens beside text (audio, images, cache writes for an hour) and units beside tokens.

ALTER TABLE usage
    ADD COLUMN tokens_cache_write_long bigint NOT NULL DEFAULT 0,
    ADD COLUMN tokens_audio_input bigint NOT NULL DEFAULT 0,
    ADD COLUMN tokens_audio_output bigint NOT NULL DEFAULT 0,
    ADD COLUMN tokens_image_input bigint NOT NULL DEFAULT 0,
    ADD COLUMN tokens_image_output bigint NOT NULL DEFAULT 0,
    ADD COLUMN units bigint NOT NULL DEFAULT 0,
    ADD COLUMN unit_kind smallint NOT NULL DEFAULT 0;
ALTER TYPE usage_record
    ADD ATTRIBUTE tokens_cache_write_long bigint,
    ADD ATTRIBUTE tokens_audio_input bigint,
    ADD ATTRIBUTE tokens_audio_output bigint,
    ADD ATTRIBUTE tokens_image_input bigint,
    ADD ATTRIBUTE tokens_image_output bigint,
    ADD ATTRIBUTE units bigint,
    ADD ATTRIBUTE unit_kind bigint;

-- A booked record as a row of usage: its columns in their order. Inlined where it is used.
CREATE OR REPLACE FUNCTION usage_row(r usage_record, p_boot uuid, p_now timestamptz, p_lease bigint,
                          p_available bigint)
RETURNS SETOF usage LANGUAGE sql STABLE AS $$
    SELECT p_boot, r.seq, r.request_id, r.account_id, r.key_id, r.lease_id, r.received_ms, p_now,
           r.user_hash, r.cost_nusd, p_lease, p_available, r.cost_nusd - p_lease - p_available,
           r.model_no, r.endpoint_no, r.first_model_no, r.price_version, r.catalog_version,
           r.route_us, r.first_byte_us, r.total_ms, r.tokens_prompt, r.tokens_completion,
           r.tokens_cached_read, r.tokens_cache_write, r.tokens_reasoning, r.http_status::integer,
           r.flags::integer, r.region_no::integer, r.error_class::smallint, r.finish::smallint,
           r.route_reason::smallint, r.attempt::smallint, r.attempts::smallint,
           coalesce(r.tokens_cache_write_long, 0), coalesce(r.tokens_audio_input, 0),
           coalesce(r.tokens_audio_output, 0), coalesce(r.tokens_image_input, 0),
           coalesce(r.tokens_image_output, 0), coalesce(r.units, 0), coalesce(r.unit_kind, 0)::smallint
$$;
