/* What operators do by REST is one SQL function each, and two control planes may call it at once: which catalog and which
 * policy are in force is never in doubt, an evicted boot stays out exactly as long as it should, and no figure of the
 * status document is one customer's. Against a real PostgreSQL. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

#define CATALOG(price)                                                                                                 \
    "'[{\"id\":\"a/b\",\"name\":\"B\",\"description\":\"\",\"context_length\":9,\"max_output\":9,\"created\":1,"       \
    "\"knowledge_day\":0,\"facts_day\":0,\"capabilities\":0,\"kind\":0,\"inputs\":0,\"outputs\":0,"                    \
    "\"open_weights\":0,\"gates\":0,\"efforts\":0,\"budget_min\":0,\"budget_max\":0,\"fallbacks\":[]}]',"              \
    "'[{\"model\":\"a/b\",\"provider\":\"p\",\"provider_no\":0,\"upstream_model\":\"b\",\"weight\":100,"               \
    "\"source\":\"\",\"source_day\":0,\"retires_day\":0,\"context_length\":0,\"max_output\":0,\"lacks\":0,"            \
    "\"quantization\":0,\"retains_data\":false,\"prompt_pusd\":" price ",\"completion_pusd\":1,\"cached_pusd\":1,"     \
    "\"cache_write_pusd\":1,\"cache_write_long_pusd\":1,\"reasoning_pusd\":1,\"audio_input_pusd\":1,"                  \
    "\"audio_output_pusd\":1,\"image_input_pusd\":1,\"image_output_pusd\":1,\"request_nusd\":0,\"image_nusd\":0,"      \
    "\"second_nusd\":0,\"character_nusd\":0,\"query_nusd\":0,\"tiers\":[]}]','[]'"
#define P32 "sha256('providers')"
#define PUBLISH(draft, base, text, price, file)                                                                        \
    "SELECT outcome || ' ' || o_version FROM catalog_publish(" draft ", " base ", '" text "', " P32 ", " CATALOG(price) \
    ", 'rest', 'key x', '', " file ")"

static void says(const char *sql, const char *want)
{
    const char *got = pg_sql(sql);

    if (strcmp(got, want) != 0)
        printf("# %s\n# gives %s, not %s\n", sql, got, want);
    CHECK(strcmp(got, want) == 0);
}

/* Orchestrations are part of a version; what a control plane of the former release reads and publishes has none. */
#define MADE "'[{\"id\":\"s/s\",\"name\":\"S\",\"description\":\"\",\"context_length\":0,\"max_output\":0,\"created\":1,"    \
             "\"knowledge_day\":0,\"facts_day\":0,\"capabilities\":0,\"kind\":7,\"inputs\":0,\"outputs\":0,"               \
             "\"open_weights\":0,\"gates\":0,\"efforts\":0,\"budget_min\":0,\"budget_max\":0,\"fallbacks\":[]}]',"        \
             "'[]','[{\"id\":\"latest\",\"models\":[\"s/s\"],\"wants\":0,\"sort\":0,\"listed\":true}]'"
#define SYNTHS(panel) ",'[{\"id\":\"s/s\",\"preset\":1,\"code\":true,\"generic\":false,\"panel_tokens\":5,"                 \
                      "\"judge_tokens\":6,\"final_tokens\":7,\"panel\":" panel ",\"judges\":[\"~j/latest\"],"             \
                      "\"finals\":[\"f/1\",\"f/2\"]}]'"
#define PUBLISH_MADE(text, panel)                                                                                          \
    "SELECT outcome || ' ' || o_version FROM catalog_publish(NULL, NULL, '" text "', " P32 ", " MADE SYNTHS(panel)           \
    ", 'rest', 'key x', '', NULL::bytea)"

static void synths(void)
{
    pg_sql("DELETE FROM endpoint_override; DELETE FROM catalog_version");
    says(PUBLISH_MADE("with", "[\"a/b\",\"x\"]"), "published 1");
    says(PUBLISH_MADE("with", "[\"a/b\",\"x\"]"), "same 1");
    says("SELECT id || '|' || name || '|' || description || '|' || array_to_string(numbers, ' ') FROM catalog_every_row"
         " WHERE what = 4", "a/b x|~j/latest|f/1 f/2|1 1 0 5 6 7");
    says("SELECT string_agg(what || id, ' ' ORDER BY what) FROM catalog_every_row WHERE what IN (1, 3)", "1s/s 3latest");
    says("SELECT string_agg(what::text, ' ') FROM catalog_row", "0");
    says(PUBLISH_MADE("other", "[\"a/b\"]"), "published 2");
    says("SELECT (catalog_diff(1, 2) -> 'synths' -> 'changed' -> 0)::text",
         "{\"id\" : \"s/s\", \"from\" : { \"panel\" : [\"a/b\", \"x\"] }, \"to\" : { \"panel\" : [\"a/b\"] }}");
    says("SELECT (catalog_object('f/2') -> 'synths' -> 0 ->> 'preset') || (catalog_object('s/s') -> 'synths' -> 0 ->> 'finals')"
         " || json_array_length(catalog_object('f/3') -> 'synths')", "quality[\"f/1\",\"f/2\"]0");
    says("SELECT catalog_version_object(v) -> 'content' ->> 'synths' FROM catalog_version v WHERE version = 2", "1");
    says(PUBLISH("NULL", "NULL", "former", "1", "NULL::bytea"), "published 3");
    says("SELECT count(*) FROM catalog_every_row WHERE what = 4 OR id IN ('s/s', 'latest')", "0");
    says("SELECT count(*) FROM model_synth", "0");
    says("SELECT string_agg(what::text, ' ' ORDER BY what) FROM catalog_row", "0 1 2");
}

static void versions(void)
{
    says(PUBLISH("NULL", "NULL", "one", "1", "sha256('f1')"), "published 1");
    says(PUBLISH("NULL", "NULL", "one", "1", "sha256('f1')"), "same 1");
    says("SELECT price_version FROM endpoint", "1");
    says("SELECT catalog_draft('two', " P32 ", " CATALOG("2") ", 'key x', 'n') ->> 'version'", "2");
    says("SELECT catalog_in_force() || ' ' || price_version FROM endpoint", "1 1"); /* a draft changes nothing */
    says(PUBLISH("NULL", "1", "three", "3", "NULL"), "published 3");
    says(PUBLISH("2", "NULL", "two", "2", "NULL"), "moved 3"); /* its base is not in force any more */
    says(PUBLISH("NULL", "1", "four", "4", "NULL"), "moved 3");
    says(PUBLISH("1", "NULL", "one", "1", "NULL"), "unknown 3"); /* no draft */
    says("SELECT price_version FROM endpoint", "2");
    says("SELECT count(*) FROM catalog_version WHERE state = 'published'", "1");
    says("SELECT catalog_draft('five', " P32 ", " CATALOG("5") ", 'key x', '') ->> 'base'", "3");
    says(PUBLISH("4", "NULL", "five", "5", "NULL"), "published 4");
    says("SELECT string_agg(version || state, ' ' ORDER BY version) FROM catalog_version",
         "1retired 2draft 3retired 4published");
    says("SELECT json_array_length(catalog_diff(3, 4) -> 'endpoints' -> 'changed') || ' ' ||"
         " (catalog_diff(3, 4) -> 'endpoints' -> 'changed' -> 0 ->> 'to')", "1 { \"prompt_pusd\" : 5 }");
    says("SELECT coalesce(catalog_diff(3, 99)::text, 'none')", "none");
    /* A release that knows no versions starts meanwhile: what it says is in force, and has no text. */
    says("SELECT catalog_apply(" CATALOG("5") ")", "4");
    says("SELECT catalog_apply(" CATALOG("6") ")", "5");
    says("SELECT state || coalesce(content_no::text, 'none') FROM catalog_version WHERE version = 5", "publishednone");
}

static void overrides(void)
{
    says("SELECT outcome FROM catalog_override(999, true, NULL, '', '')", "unknown");
    says("SELECT outcome || ' ' || o_version FROM catalog_override(1, true, (extract(epoch FROM now()) * 1000)::bigint + 3600000,"
         " 'slow', '')", "ok 6");
    says("SELECT numbers[3] FROM catalog_row WHERE what = 2", "0");
    says("SELECT weight FROM endpoint", "100");
    says("SELECT catalog_overrides_end()", "f");
    says("UPDATE endpoint_override SET off_until = now()", "");
    says("SELECT catalog_overrides_end()", "t");
    says("SELECT catalog_overrides_end()", "f"); /* another control plane: once is enough */
    says("SELECT numbers[3] FROM catalog_row WHERE what = 2", "100");
    says("SELECT catalog_in_force()", "7");
    says("SELECT outcome || ' ' || o_version FROM catalog_override(1, false, NULL, '', '')", "ok 7"); /* it is on already */
}

#define BEGIN_POLICY(text) "SELECT outcome || ' ' || o_version FROM policy_begin('rest', sha256('" text "'), 'n', false, '" text "', '', '')"

static void policies(void)
{
    says(BEGIN_POLICY("one"), "ok 1");
    says("SELECT outcome FROM policy_begin('rest', sha256('two'), '', false, 'two', '', '')", "busy");
    says("SELECT coalesce(policy_in_force()::text, 'none')", "none");
    says("SELECT policy_end(1, 7)", "t");
    says("SELECT policy_end(1, 8)", "f"); /* once */
    says("SELECT policy_in_force() = sha256('one')", "t");
    says(BEGIN_POLICY("one"), "same 1");
    says(BEGIN_POLICY("two"), "ok 2");
    says("SELECT policy_end(2, NULL)", "t"); /* the log refused it */
    says("SELECT policy_in_force() = sha256('one')", "t");
    says(BEGIN_POLICY("three"), "ok 3");
    says("UPDATE policy_version SET created_at = created_at - interval '31 seconds' WHERE version = 3", "");
    says(BEGIN_POLICY("four"), "ok 4"); /* the one who announced the third has gone */
    says("SELECT policy_end(3, 9)", "f");
    says("SELECT policy_end(4, 9)", "t");
    says("SELECT string_agg(version || state, ' ' ORDER BY version) FROM policy_version",
         "1retired 2failed 3failed 4in_force");
}

/* A file that has counted once is known for ever, whatever came after it; what operators sent is no file. */
static void files_seen(void)
{
    says("SELECT file_is_seen('policy', sha256('one'))", "f"); /* by REST */
    says("SELECT o_version FROM policy_begin('file', sha256('f1'), 'n', false, 'f1', '', '')", "5");
    says("SELECT file_is_seen('policy', sha256('f1'))", "f"); /* the log may refuse it */
    says("SELECT policy_end(5, NULL)", "t");
    says("SELECT file_is_seen('policy', sha256('f1'))", "f");
    says("SELECT o_version FROM policy_begin('file', sha256('f1'), 'n', false, 'f1', '', '')", "6");
    says("SELECT policy_end(6, 11)", "t");
    says("SELECT o_version FROM policy_begin('file', sha256('f2'), 'n', false, 'f2', '', '')", "7");
    says("SELECT policy_end(7, 12)", "t");
    says("SELECT file_is_seen('policy', sha256('f1')) AND file_is_seen('policy', sha256('f2'))", "t");
    says("SELECT outcome FROM policy_begin('file', sha256('four'), 'n', false, 'four', '', '')", "ok");
    says("SELECT policy_end(8, 13)", "t");
    says("SELECT file_is_seen('catalog', sha256('f1'))", "t"); /* of the versions above */
    says(PUBLISH("NULL", "NULL", "seven", "7", "sha256('f2')"), "published 8");
    says(PUBLISH("NULL", "NULL", "seven", "7", "sha256('f3')"), "same 8");
    says("SELECT string_agg(file_is_seen('catalog', sha256(f::bytea))::text, ' ' ORDER BY f)"
         " FROM unnest(ARRAY['f1', 'f2', 'f3', 'f4']) f", "true true true false");
}

#define BOOT "'00000000-0000-0000-0000-000000000001'"
#define ADMIT "SELECT o_evicted FROM boot_admit(" BOOT ", gen_random_uuid(), decode(repeat('ab', 48), 'hex'), false)"

static void evictions(void)
{
    says(ADMIT, "0");
    says("SELECT boot_order('00000000-0000-0000-0000-000000000009', 'evict', 'x', '')", "f");
    says("SELECT boot_order(" BOOT ", 'evict', 'odd', 'key x')", "t");
    says(ADMIT, "1"); /* it has never said STATE: its release does not know the reason */
    says("SELECT boot_said(" BOOT ", 4, false, 'eu')", "");
    says(ADMIT, "2");
    says("SELECT boot_object(b) ->> 'verdict' FROM boot b", "evicted");
    says("SELECT boot_order(" BOOT ", 'resume', '', '')", "t");
    says(ADMIT, "0");
    says("SELECT boot_order(" BOOT ", 'evict', 'odd', '')", "t");
    says(BEGIN_POLICY("five"), "ok 9");
    says("SELECT policy_end(9, 14)", "t");
    says(ADMIT, "2"); /* no policy ends it */
    says("UPDATE boot SET link = NULL, last_seen = last_seen - interval '1 year', linked_at = linked_at - interval '1 year',"
         " unlinked_at = now() - interval '1 year'", "");
    says("SELECT boot_forget(90, 10)", "0"); /* it would be let in as a new one */
    says(ADMIT, "2");
    says("SELECT boot_order(" BOOT ", 'resume', '', '')", "t");
    says(ADMIT, "0");
    says("SELECT boot_order(" BOOT ", 'drain', '', '')", "t");
    says("SELECT drain_wanted FROM boot", "t");
    says("SELECT string_agg(event, ' ' ORDER BY event_id) FROM boot_event", "evict resume evict resume drain");
}

/* Figures of 120 requests: of 4 accounts, and of 5. */
static void status_minimum(void)
{
    says("UPDATE endpoint SET weight = 100", "");
    says("INSERT INTO status_minute SELECT date_trunc('minute', ledger_now()) - interval '1 minute', e, 120, 3,"
         " array_prepend(119::bigint, array_append(array_fill(0::bigint, ARRAY[cardinality(status_bounds()) - 1]), 1::bigint)),"
         " ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 4)) FROM unnest(ARRAY[0, 1]) e", "");
    says("SELECT status_document() -> 'service' ->> 'status'", "unknown");
    says("SELECT (status_document() -> 'providers' -> 0)::text", "{\"id\": \"p\", \"status\": \"unknown\", \"requests\": null, \"availability\": null}");
    says("UPDATE status_minute SET accounts = accounts || gen_random_uuid()", "");
    says("SELECT status_document() -> 'service' ->> 'status'", "degraded"); /* 3 of 120 failed */
    says("SELECT (status_document() -> 'providers' -> 0)::text",
         "{\"id\": \"p\", \"status\": \"degraded\", \"requests\": 120, \"availability\": 0.97500}");
    says("SELECT status_document() #>> '{service,overhead_us,p50}' || ' ' ||"
         " coalesce(status_document() #>> '{service,overhead_us,p99}', 'none')", "50 50");
    says("SELECT coalesce(status_percentile(array_append(array_fill(0::bigint, ARRAY[cardinality(status_bounds())]), 1), 0.5)::text,"
         " 'none')", "none"); /* above the last bound */
    says("UPDATE status_minute SET requests = 99", "");
    says("SELECT status_document() -> 'service' ->> 'status'", "unknown");
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"operator_catalog_versions", versions},  {"operator_catalog_overrides", overrides},
        {"operator_policies", policies},          {"operator_files_seen", files_seen},
        {"operator_evictions", evictions},
        {"operator_status_minimum", status_minimum}, {"operator_synths", synths},
    };
    struct buf why;

    buf_init(&why, 1024);
    if (db_migrate(pg_url(), "sql", &why) != ERR_NONE) {
        printf("not ok operator_migrate: %.*s\n", (int)why.len, (const char *)why.ptr);
        return 1;
    }
    buf_free(&why);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
