#include "stmt.h"

#include "usage_fields.h"

#include <assert.h>

/* A key as the API shows it (OpenRouter's object, and our role and rates). s is its key_spend. */
#define KEY_OBJECT                                                                                 \
    "encode(k.digest, 'hex') AS hash, k.name, k.label, k.role, k.disabled,"                        \
    " usd(k.limit_nusd) AS \"limit\","                                                             \
    " usd(CASE WHEN k.limit_nusd IS NOT NULL THEN greatest(0, k.limit_nusd - s.window_nusd) END)"  \
    " AS limit_remaining,"                                                                         \
    " nullif(k.limit_reset, 'none') AS limit_reset, false AS include_byok_in_limit,"               \
    " usd(s.total_nusd) AS usage, usd(s.daily_nusd) AS usage_daily,"                               \
    " usd(s.weekly_nusd) AS usage_weekly, usd(s.monthly_nusd) AS usage_monthly,"                   \
    " usd((key_own(k.key_id)).total_nusd) AS byok_usage,"                                          \
    " usd((key_own(k.key_id)).daily_nusd) AS byok_usage_daily,"                                    \
    " usd((key_own(k.key_id)).weekly_nusd) AS byok_usage_weekly,"                                  \
    " usd((key_own(k.key_id)).monthly_nusd) AS byok_usage_monthly,"                                \
    " k.requests_per_minute, k.tokens_per_minute, utc_text(k.created_at) AS created_at,"           \
    " utc_text(k.updated_at) AS updated_at, utc_text(k.expires_at) AS expires_at,"                 \
    " NULL AS creator_user_id, NULL AS external_user, NULL AS last_used_at,"                       \
    " k.account_id AS workspace_id"

/* The arrays of usage_ingest, one per field of a usage record: "$3::bigint[], $4::uuid[], ...". */
#define INGEST_SEQ(parameter) parameter "::bigint[]"
#define INGEST_ID(parameter) ", " parameter "::uuid[]"
#define INGEST_NUMBER(parameter) ", " parameter "::bigint[]"
#define INGEST_U8 INGEST_NUMBER
#define INGEST_U16 INGEST_NUMBER
#define INGEST_U32 INGEST_NUMBER
#define INGEST_U64 INGEST_NUMBER
#define INGEST_I64 INGEST_NUMBER
#define INGEST_MS INGEST_NUMBER
#define INGEST_ONE(no, field, type, bits, max, column, why) INGEST_##type("$" #no)
#define INGEST_ONE_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_ONE, no, class)
#define INGEST_COUNT(no, field, type, bits, max, column, why) INGEST_AT_##field,
#define INGEST_COUNT_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_COUNT, no, class)
enum { USAGE_EACH(INGEST_COUNT) INGEST_FIELDS };
#define INGEST_COUNTED(no, field, type, bits, max, column, why)                                    \
    _Static_assert(no == 3 + INGEST_AT_##field, "parameters are counted up in the list's order");
#define INGEST_COUNTED_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_COUNTED, no, class)
USAGE_EACH(INGEST_COUNTED)

static const struct {
    const char *name;
    size_t params;
    bool pooled;
    const char *sql;
} table[STMT_COUNT] = {
    [STMT_PING] = {"ping", 0, true, "SELECT 1"},
    [STMT_BOOT_LINK] = {"boot_link", 4, true,
                        "SELECT o_acked, o_lapse FROM boot_link($1, $2, $3, $4)"},
    [STMT_BOOT_UNLINK] = {"boot_unlink", 2, true, "SELECT boot_unlink($1, $2)"},
    [STMT_BOOT_SETTLED] = {"boot_settled", 4, true, "SELECT boot_settled($1, $2, $3, $4)"},
    [STMT_BOOT_PLACE] = {"boot_place", 2, true, "SELECT boot_place($1, $2)"},
    [STMT_LEASE_OPEN] =
        {"lease_open", 6, true,
         "SELECT outcome, o_key, o_account, o_lease, o_granted, o_requests, o_tokens,"
         " o_expires_ms, o_version, o_most, o_own FROM lease_open($1, $2, $3, $4, $5, $6)"},
    [STMT_LEASE_EXTEND] = {"lease_extend", 7, true,
                           "SELECT outcome, o_granted, o_lease_ms, o_requests, o_tokens,"
                           " o_expires_ms, o_version, o_most, o_own"
                           " FROM lease_extend($1, $2, $3, $4, $5, $6, $7)"},
    [STMT_LEASE_RETURN] = {"lease_return", 4, true, "SELECT lease_give_back($1, $2, $3, $4)"},
    [STMT_RECLAIM_ROUND] = {"reclaim_round", 5, true,
                            "SELECT o_count, o_now_ms, o_up_ms"
                            " FROM reclaim_round($1, $2, $3, $4, $5)"},
    [STMT_KEY_CHANGES] = {"key_changes", 2, true,
                          "SELECT digest, outcome, version FROM key_changes($1, $2)"},
    /* $3 and on: one array per field, which become records */
    [STMT_USAGE_INGEST] = {"usage_ingest", 2 + INGEST_FIELDS, true,
                           "SELECT usage_ingest($1, ARRAY(SELECT ROW(r.*)::usage_record FROM unnest("
                           USAGE_EACH(INGEST_ONE) ") AS r), $2)"},
    [STMT_USAGE_LOST] = {"usage_lost", 3, true, "SELECT usage_lost($1, $2, $3)"},
    [STMT_USAGE_REBOOK] = {"usage_rebook", 1, true, "SELECT usage_rebook('busy', $1)"},
    /* Sums of what data planes say, so they may be more than a bigint. */
    [STMT_BOOKING_STATE] =
        {"booking_state", 0, true,
         "SELECT usage_set_aside(), b.busy, coalesce((SELECT (extract(epoch FROM ledger_now() -"
         " min(aside_at)) * 1000)::bigint FROM usage_aside WHERE reason = 'busy'), 0), b.gaps,"
         " least(b.lost_records, 9223372036854775807)::bigint,"
         " least(b.lost_bound_nusd, 9223372036854775807)::bigint,"
         " EXISTS (SELECT 1 FROM usage_gap WHERE seen_at > ledger_now() - interval '1 day')"
         " FROM booking_state b"},
    [STMT_IDEMPOTENCY_CLAIM] =
        {"idempotency_claim", 6, true,
         "SELECT outcome, o_first FROM idempotency_claim($1, $2, $3, $4, $5, $6)"},
    [STMT_IDEMPOTENCY_RELEASE] = {"idempotency_release", 2, true,
                                  "SELECT idempotency_release($1, $2)"},
    [STMT_IDEMPOTENCY_CLEAN] = {"idempotency_clean", 2, true, "SELECT idempotency_clean($1, $2)"},
    /* One statement, one snapshot: the version, then models, endpoints, aliases. */
    [STMT_CATALOG_READ] = {"catalog_read", 0, true,
                           "SELECT what, no, id, name, description, array_to_string(numbers, ' ')"
                           " FROM catalog_row ORDER BY 1, 2"},
    [STMT_CATALOG_APPLY] = {"catalog_apply", 3, true, "SELECT catalog_apply($1::json::jsonb, $2::json::jsonb, $3::json::jsonb)"},

    /* The tree as it is (which 0) and as it was at a size (1): the right edge of both. */
    [STMT_LOG_EDGE] = {"log_edge", 1, true,
                       "SELECT s.which, s.size, e.level, e.hash FROM"
                       " (SELECT 0 AS which, log_size() AS size UNION ALL SELECT 1, $1::bigint) s"
                       " LEFT JOIN LATERAL log_edge(s.size) e ON true ORDER BY 1, 3"},
    [STMT_LOG_APPEND] = {"log_append", 8, true,
                         "SELECT outcome, o_index FROM log_append($1, $2, $3, $4, $5, $6, $7, $8)"},
    [STMT_LOG_SIGN] = {"log_sign", 3, true,
                       "INSERT INTO log_checkpoint (size, root, note) VALUES ($1, $2, $3)"
                       " ON CONFLICT (size) DO NOTHING"},
    [STMT_LOG_HEAD] = {"log_head", 0, true,
                       "SELECT size, root, note FROM log_checkpoint ORDER BY size DESC LIMIT 1"},
    /* The head, and the entry if the head covers it. */
    [STMT_LOG_ENTRY] =
        {"log_entry", 1, true,
         "SELECT c.size, c.root, c.note, e.kind, e.statement, e.leaf, utc_text(e.created)"
         " FROM (SELECT * FROM log_checkpoint ORDER BY size DESC LIMIT 1) c"
         " LEFT JOIN log_entry e ON e.index = $1 AND e.index < c.size"},
    /* The latest entries before $1 (NULL: the end), newest first. */
    [STMT_LOG_LIST] =
        {"log_list", 2, true,
         "SELECT coalesce(json_agg(o), '[]') FROM (SELECT e.index, e.kind,"
         " encode(e.leaf, 'hex') AS leaf_hash, utc_text(e.created) AS logged_at FROM log_entry e"
         " WHERE e.index < coalesce($1::bigint, log_size())"
         " AND e.index < (SELECT max(size) FROM log_checkpoint)"
         " ORDER BY e.index DESC LIMIT $2::bigint) o"},
    [STMT_LOG_NODES] = {"log_nodes", 2, true,
                        "SELECT n.level, n.index, n.hash"
                        " FROM unnest($1::bigint[], $2::bigint[]) AS q(level, index)"
                        " JOIN log_node n ON n.level = q.level AND n.index = q.index"},
    /* Hashes $2 .. $2+$3-1 of level $1, all under the head, or fewer. */
    [STMT_LOG_TILE] =
        {"log_tile", 3, true,
         "SELECT count(*), coalesce(string_agg(n.hash, ''::bytea ORDER BY n.index), '')"
         " FROM log_node n WHERE n.level = $1::bigint AND n.index >= $2::bigint"
         " AND n.index < $2::bigint + $3::bigint"
         " AND n.index < (SELECT max(size) >> $1::bigint::int FROM log_checkpoint)"},
    [STMT_LOG_BUNDLE] =
        {"log_bundle", 2, true,
         "SELECT count(*), coalesce(string_agg(substring(int4send(octet_length(e.statement)) FROM 3)"
         " || e.statement, ''::bytea ORDER BY e.index), '') FROM log_entry e"
         " WHERE e.index >= $1::bigint AND e.index < $1::bigint + $2::bigint"
         " AND e.index < (SELECT max(size) FROM log_checkpoint)"},
    /* The latest release that has this measurement (hex). */
    [STMT_LOG_RELEASE] =
        {"log_release", 1, true,
         "SELECT e.leaf, j.doc ->> 'version' FROM log_entry e"
         " CROSS JOIN LATERAL (SELECT convert_from(e.statement, 'UTF8')::jsonb AS doc) j"
         " WHERE e.kind = 'release' AND j.doc -> 'measurements' @>"
         " jsonb_build_array(jsonb_build_object('measurement', $1::text))"
         " ORDER BY e.index DESC LIMIT 1"},

    [STMT_ACCOUNT_CREATE] =
        {"account_create", 8, true,
         "WITH a AS (INSERT INTO account (account_id, name, operator) VALUES ($1, $2, $3)"
         " RETURNING account_id, created_at)"
         " INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
         " SELECT $4, a.account_id, $5, $6, $7, $8 FROM a RETURNING utc_text(created_at)"},
    [STMT_KEY_AUTH] = {"key_auth", 1, true,
                       "SELECT k.key_id, k.account_id, k.role, CASE WHEN k.disabled THEN 'disabled'"
                       " WHEN k.expires_at <= ledger_now() THEN 'expired' ELSE 'ok' END"
                       " FROM api_key k WHERE k.digest = $1 AND k.deleted_at IS NULL"},
    [STMT_KEY_CREATE] =
        {"key_create", 11, true,
         "INSERT INTO api_key (key_id, account_id, digest, name, label, role, limit_nusd,"
         " limit_reset, expires_at, requests_per_minute, tokens_per_minute)"
         " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9::bigint / 1000.0), $10::bigint,"
         " $11::bigint)"},
    [STMT_KEY_LIST] =
        {"key_list", 3, true,
         "SELECT coalesce(json_agg(o), '[]') FROM (SELECT " KEY_OBJECT
         " FROM api_key k JOIN key_spend s USING (key_id)"
         " WHERE k.account_id = $1 AND k.deleted_at IS NULL AND (NOT k.disabled OR $2::boolean)"
         " ORDER BY k.created_at, k.key_id LIMIT 100 OFFSET $3::bigint) o"},
    [STMT_KEY_GET] = {"key_get", 2, true,
                      "SELECT row_to_json(o) FROM (SELECT " KEY_OBJECT
                      " FROM api_key k JOIN key_spend s USING (key_id)"
                      " WHERE k.account_id = $1 AND k.digest = $2 AND k.deleted_at IS NULL) o"},
    /* NULL leaves a column as it is; a limit and an expiry, which may become NULL, have a flag. */
    [STMT_KEY_PATCH] =
        {"key_patch", 12, true,
         "UPDATE api_key SET name = coalesce($3, name), disabled = coalesce($4, disabled),"
         " limit_nusd = CASE WHEN $5::boolean THEN $6::bigint ELSE limit_nusd END,"
         " limit_reset = coalesce($7, limit_reset),"
         " expires_at = CASE WHEN $8::boolean THEN to_timestamp($9::bigint / 1000.0)"
         " ELSE expires_at END,"
         " requests_per_minute = coalesce($10::bigint, requests_per_minute),"
         " tokens_per_minute = coalesce($11::bigint, tokens_per_minute), updated_at = now()"
         " WHERE account_id = $1 AND digest = $2 AND deleted_at IS NULL"
         " AND (role <> 'operator' OR $12) RETURNING key_id"},
    [STMT_KEY_DELETE] =
        {"key_delete", 3, true,
         "UPDATE api_key SET deleted_at = now(), disabled = true, updated_at = now()"
         " WHERE account_id = $1 AND digest = $2 AND deleted_at IS NULL"
         " AND (role <> 'operator' OR $3) RETURNING key_id"},
    [STMT_KEY_SELF] =
        {"key_self", 1, true,
         "SELECT row_to_json(o) FROM (SELECT " KEY_OBJECT
         ", false AS is_free_tier, k.role <> 'inference' AS is_management_key,"
         " k.role <> 'inference' AS is_provisioning_key,"
         " json_build_object('requests', CASE WHEN k.requests_per_minute = 0 THEN -1"
         " ELSE k.requests_per_minute END, 'interval', '1m', 'note', 'requests per minute, -1 is"
         " unlimited') AS rate_limit, '[]'::json AS allowed_data_regions,"
         " json_build_object('limit', 0, 'remaining', 0, 'used', 0) AS free_model_daily_requests,"
         " NULL AS organization_id, key_budget(k, s.window_nusd) AS effective_budget,"
         " CASE WHEN k.limit_nusd IS NULL THEN '[]'::json"
         " ELSE json_build_array(key_budget(k, s.window_nusd)) END AS budgets"
         " FROM api_key k JOIN key_spend s USING (key_id) WHERE k.key_id = $1) o"},
    /* What came in is what is there and what was paid: deposits are not summed up again. */
    [STMT_CREDITS] =
        {"credits", 1, true,
         "SELECT json_build_object('total_credits', usd(b.available + b.leased + t.billed),"
         " 'total_usage', usd(t.billed), 'available', usd(b.available), 'leased', usd(b.leased))"
         " FROM (SELECT sum(balance_nusd) FILTER (WHERE kind = 'available') AS available,"
         " sum(balance_nusd) FILTER (WHERE kind = 'leased') AS leased"
         " FROM ledger_account WHERE owner = $1) b,"
         " (SELECT coalesce(sum(billed_nusd), 0) AS billed FROM key_total WHERE account_id = $1) "
         "t"},
    [STMT_BYOK_LIST] =
        {"byok_list", 2, true,
         "SELECT json_build_object('data', coalesce(json_agg(byok_object(b) ORDER BY b.sort_order,"
         " b.created_at), '[]'), 'total_count', count(*)) FROM byok_key b"
         " WHERE b.account_id = $1 AND b.provider = coalesce($2::text, b.provider)"},
    [STMT_BYOK_GET] = {"byok_get", 2, true,
                       "SELECT byok_object(b) FROM byok_key b"
                       " WHERE b.account_id = $1 AND b.byok_id = $2"},
    [STMT_BYOK_CREATE] = {"byok_create", 10, true,
                          "SELECT byok_create($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"},
    [STMT_BYOK_PATCH] =
        {"byok_patch", 9, true,
         "UPDATE byok_key SET name = coalesce($3::text, name), sealed = coalesce($4::bytea, sealed),"
         " seal_id = coalesce($5::bytea, seal_id), disabled = coalesce($6::boolean, disabled),"
         " is_fallback = coalesce($7::boolean, is_fallback),"
         " always_use = coalesce($8::boolean, always_use),"
         " sort_order = coalesce($9::bigint, sort_order), updated_at = now()"
         " WHERE account_id = $1 AND byok_id = $2 RETURNING 1"},
    [STMT_BYOK_DELETE] = {"byok_delete", 2, true,
                          "DELETE FROM byok_key WHERE account_id = $1 AND byok_id = $2 RETURNING 1"},
    /* One snapshot: the version in every row, and one row without a key when there is none. */
    [STMT_BYOK_SEALED] =
        {"byok_sealed", 1, true,
         "SELECT byok_version($1), b.byok_id, b.provider,"
         " (b.always_use::int + 2 * b.is_fallback::int)::bigint, b.seal_id, b.sealed FROM (SELECT 1) x"
         " LEFT JOIN (SELECT * FROM byok_key WHERE account_id = $1 AND NOT disabled"
         " ORDER BY sort_order, created_at LIMIT 32) b ON true ORDER BY b.sort_order, b.created_at"},
    [STMT_TOPUP] = {"topup", 3, true,
                    "SELECT outcome, o_transfer, o_available FROM ledger_topup($1, $2, $3)"},
    [STMT_ACTIVITY] =
        {"activity", 3, true,
         "SELECT coalesce(json_agg(o), '[]') FROM (SELECT to_char(d.day, 'YYYY-MM-DD') AS date,"
         " coalesce(m.id, 'unknown') AS model, coalesce(m.id, 'unknown') AS model_permaslug,"
         " d.endpoint_no::text AS endpoint_id, coalesce(e.provider, 'unknown') AS provider_name,"
         " usd(sum(d.cost_nusd)) AS usage, usd(sum(d.own_nusd)) AS byok_usage_inference,"
         " sum(d.requests)::bigint AS requests, sum(d.tokens_prompt)::bigint AS prompt_tokens,"
         " sum(d.tokens_completion)::bigint AS completion_tokens,"
         " sum(d.tokens_reasoning)::bigint AS reasoning_tokens,"
         " sum(d.tokens_cached)::bigint AS cached_tokens,"
         " sum(d.tokens_cache_write)::bigint AS cache_write_tokens,"
         " sum(d.tokens_audio_input)::bigint AS audio_input_tokens,"
         " sum(d.tokens_audio_output)::bigint AS audio_output_tokens,"
         " sum(d.tokens_image_input)::bigint AS image_input_tokens,"
         " sum(d.tokens_image_output)::bigint AS image_output_tokens"
         " FROM usage_day d JOIN api_key k USING (key_id) LEFT JOIN model m USING (model_no)"
         " LEFT JOIN endpoint e USING (endpoint_no)"
         " WHERE d.account_id = $1 AND d.day > (ledger_now() AT TIME ZONE 'UTC')::date - 30"
         " AND d.day = coalesce($2::text::date, d.day) AND k.digest = coalesce($3, k.digest)"
         " GROUP BY d.day, m.id, d.endpoint_no, e.provider"
         " ORDER BY d.day DESC, m.id, d.endpoint_no) o"},
    /* flags and finish are proto/usage.h's: stream 1, byok 2, client gone 16; a model with capability 16 makes
     * embeddings and nothing else (proto/message.h). */
    [STMT_GENERATION] =
        {"generation", 3, true,
         "SELECT row_to_json(o) FROM (SELECT 'gen-' || replace(u.request_id::text, '-', '') AS id,"
         " replace(u.request_id::text, '-', '') AS request_id, NULL AS upstream_id,"
         " coalesce(m.id, 'unknown') AS model, e.provider AS provider_name,"
         " utc_text(to_timestamp(u.received_ms / 1000.0)) AS created_at,"
         " (u.flags & 1) <> 0 AS streamed, (u.flags & 16) <> 0 AS cancelled,"
         " (u.flags & 2) <> 0 AS is_byok, u.first_byte_us / 1000 AS latency,"
         " NULL AS moderation_latency,"
         " greatest(0, u.total_ms - u.first_byte_us / 1000) AS generation_time,"
         " (ARRAY['stop', 'length', 'tool_calls', 'content_filter', 'error'])[u.finish]"
         " AS finish_reason,"
         " (ARRAY['stop', 'length', 'tool_calls', 'content_filter', 'error'])[u.finish]"
         " AS native_finish_reason,"
         " u.tokens_prompt, u.tokens_completion, u.tokens_prompt AS native_tokens_prompt,"
         " u.tokens_completion AS native_tokens_completion,"
         " u.tokens_reasoning AS native_tokens_reasoning,"
         " u.tokens_cached_read AS native_tokens_cached,"
         " u.tokens_image_output AS native_tokens_completion_images,"
         " u.tokens_cache_write AS native_tokens_cache_write,"
         " u.tokens_cache_write_long AS native_tokens_cache_write_long,"
         " u.tokens_audio_input AS native_tokens_audio_prompt,"
         " u.tokens_audio_output AS native_tokens_audio_completion,"
         " u.tokens_image_input AS native_tokens_image_prompt,"
         " NULL AS num_media_prompt, NULL AS num_media_completion, NULL AS num_input_audio_prompt,"
         " NULL AS num_search_results, NULL AS num_fetches, NULL AS web_search_engine,"
         " usd(u.cost_nusd) AS total_cost, usd(u.cost_nusd) AS usage, NULL AS cache_discount,"
         " CASE WHEN u.own_cost > 0 THEN usd(u.own_cost * 100) END AS upstream_inference_cost, '' AS origin, NULL AS http_referer, NULL AS user_agent,"
         " NULL AS app_id, NULL AS external_user, NULL AS preset_id,"
         " CASE WHEN m.capabilities & 16 <> 0 THEN 'embeddings' ELSE 'completions' END AS api_type,"
         " NULL AS router, NULL AS service_tier, NULL AS provider_responses, NULL AS session_id,"
         " 'global' AS data_region, u.account_id AS workspace_id, u.http_status,"
         " u.attempt, u.attempts, (u.flags & 4) <> 0 AS usage_estimated"
         " FROM usage u LEFT JOIN model m USING (model_no) LEFT JOIN endpoint e USING (endpoint_no)"
         " WHERE u.request_id = $2 AND u.account_id = $1 AND u.key_id = coalesce($3, u.key_id)) o"},

    [STMT_REBUILD_LOCK] = {"rebuild_lock", 0, false,
                           "SELECT pg_advisory_xact_lock(7310851245102802)"},
    [STMT_REBUILD_SIZE] = {"rebuild_size", 0, false, "SELECT log_size()"},
    [STMT_REBUILD_READ] = {"rebuild_read", 2, false,
                           "SELECT index, statement FROM log_entry WHERE index >= $1::bigint"
                           " ORDER BY index LIMIT $2::bigint"},
    [STMT_REBUILD_ADD] =
        {"rebuild_add", 6, false,
         "INSERT INTO log_entry (index, kind, subject, statement, leaf, created)"
         " VALUES ($1, $2, $3, $4, $5, coalesce(to_timestamp($6::bigint), now()))"},
    [STMT_REBUILD_NODES] = {"rebuild_nodes", 0, false, "SELECT log_rebuild_nodes()"},
    [STMT_REBUILD_ROOT] = {"rebuild_root", 1, false, "SELECT log_root($1)"},

    [STMT_MIGRATE_LOCK] = {"migrate_lock", 0, false, "SELECT pg_advisory_lock(7310851245102801)"},
    [STMT_MIGRATE_TABLE] =
        {"migrate_table", 0, false,
         "CREATE TABLE IF NOT EXISTS schema_migration (file text PRIMARY KEY,"
         " sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"},
    [STMT_MIGRATE_LIST] = {"migrate_list", 0, false,
                           "SELECT file, sha256 FROM schema_migration ORDER BY file"},
    [STMT_MIGRATE_DONE] = {"migrate_done", 2, false,
                           "INSERT INTO schema_migration (file, sha256) VALUES ($1, $2)"},
};

const char *stmt_name(enum stmt s)
{
    assert(s < STMT_COUNT && table[s].name != NULL);
    return table[s].name;
}

const char *stmt_sql(enum stmt s)
{
    assert(s < STMT_COUNT && table[s].sql != NULL);
    return table[s].sql;
}

size_t stmt_params(enum stmt s)
{
    assert(s < STMT_COUNT);
    return table[s].params;
}

bool stmt_pooled(enum stmt s)
{
    assert(s < STMT_COUNT);
    return table[s].pooled;
}

struct static_name stmt_log_name(enum stmt s)
{
    return (struct static_name){stmt_name(s)};
}
