/* tr-verify log: a transparency log is read whole (log_read.h), what ran is printed, and each boot
 * is held against the releases that were logged before it. */
#include "command.h"
#include "file.h"
#include "https.h"
#include "json.h"
#include "log_read.h"
#include "release_file.h"
#include "released.h"

#include <inttypes.h>
#include <stdio.h>

struct log_options {
    const char *place, *key, *kept, *save, *ca, *releases, *release_key;
    unsigned timeout_s;
    bool quiet, json;
};

struct audit {
    const struct log_options *o;
    struct note_key key;
    struct fetch *from;
    struct released *released;
    struct buf note, kept_note; /* checkpoints: as served, as kept */
    struct checkpoint head, kept;
    bool has_kept;
};

/* --- what ran --- */

/* Text from a log: shown only when it is plain printable ASCII. */
static void field_print(struct json_value doc, const char *label, const char *name)
{
    struct json_value v;
    struct view text;

    if (!json_get(doc, name, &v))
        return;
    if (!json_string_plain(v, &text)) {
        uint64_t n;

        if (json_u64(v, &n) == ERR_NONE)
            printf(" %s %" PRIu64, label, n);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return;
    }
    printf(" %s %.*s", label, (int)(text.len > 200 ? 200 : text.len), (const char *)text.ptr);
}

static void measurements_print(struct json_value doc)
{
    struct json_value list;
    struct json_member m;
    struct json_iter it;

    if (!json_get(doc, "measurements", &list) || list.kind != JSON_ARRAY)
        return;
    it = json_iter(list);
    while (json_next(&it, &m))
        field_print(m.value, "measurement", "measurement");
}

static void entry_print(uint64_t index, struct view statement)
{
    static const char *const fields[][2] = {
        {"version", "version"},
        {"at", "logged_at"},
        {"boot", "boot"},
        {"measurement", "measurement"},
        {"receipts", "receipt_ed25519"},
        {"policy", "policy_sha256"},
        {"named", "policy_version"},
        {"because of", "trigger"},
        {"providers", "providers_sha256"},
    };
    struct json_value doc, release, simulated;

    printf("%" PRIu64, index);
    if (json_check(statement, &doc, NULL) != ERR_NONE || doc.kind != JSON_OBJECT) {
        puts(" not JSON");
        return;
    }
    field_print(doc, "is", "purpose");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        field_print(doc, fields[i][0], fields[i][1]);
    if (json_get(doc, "release", &release))
        field_print(release, "release", "version");
    measurements_print(doc);
    if (json_get(doc, "simulated", &simulated) && simulated.kind == JSON_TRUE)
        fputs(" SIMULATED", stdout);
    putchar('\n');
}

static void entry_take(void *cookie, uint64_t index, const struct digest32 *leaf,
                       struct view statement)
{
    struct audit *a = cookie;

    released_entry(a->released, index, leaf, statement);
    if (!a->o->quiet && !a->o->json)
        entry_print(index, statement);
}

/* --- verdicts --- */

/* Nothing more to say is EXIT_ACCEPT. */
static enum exit_code fault_print(const struct audit *a, enum log_fault f)
{
    enum exit_code code = EXIT_REJECT;

    if (f == LOG_SOUND)
        return EXIT_ACCEPT;
    if (f == LOG_UNREACHABLE)
        code = EXIT_UNREACHABLE;
    if (f == LOG_CHECKPOINT)
        code = EXIT_MALFORMED;
    if (f == LOG_ASKED)
        return EXIT_USAGE; /* said already */
    return refusal_print(a->o->json, code, log_fault_code(f), "%s", log_fault_text(f));
}

static enum exit_code kept_open(struct audit *a)
{
    enum log_fault f;

    if (a->o->kept == NULL)
        return EXIT_ACCEPT;
    buf_free(&a->kept_note);
    if (!file_load(a->o->kept, LOG_NOTE_MAX, &a->kept_note))
        return EXIT_USAGE;
    f = log_checkpoint_open(buf_view(&a->kept_note), &a->key, &a->kept);
    if (f != LOG_SOUND)
        return refusal_print(a->o->json, f == LOG_SIGNATURE ? EXIT_REJECT : EXIT_MALFORMED,
                             log_fault_code(f), "the remembered checkpoint: %s", log_fault_text(f));
    a->has_kept = a->kept.size != 0;
    return EXIT_ACCEPT;
}

static enum exit_code boots_check(const struct audit *a, struct released_answer *got)
{
    released_answer(a->released, got);
    if (got->unreleased != 0)
        return refusal_print(a->o->json, EXIT_REJECT, "UNRELEASED",
                             "%" PRIu64 " of %" PRIu64 " boots, the first of them entry %" PRIu64
                             ", ran a program that no release logged before names",
                             got->unreleased, got->boots, got->first_unreleased);
    if (got->unsigned_ != 0)
        return refusal_print(a->o->json, EXIT_REJECT, "RELEASE_SIG",
                             "%" PRIu64 " of %" PRIu64 " boots, the first of them entry %" PRIu64
                             ", ran a release that is not in %s, signed by the release key",
                             got->unsigned_, got->boots, got->first_unsigned, a->o->releases);
    return EXIT_ACCEPT;
}

static enum exit_code head_save(const struct audit *a)
{
    const char *path = a->o->save;

    if (path == NULL || file_write(path, 0644, false, buf_view(&a->note)) == ERR_NONE)
        return EXIT_ACCEPT;
    complain("cannot write %s", path);
    return EXIT_INTERNAL;
}

static void accept_print_json(const struct audit *a, const struct released_answer *got)
{
    bool is_signed = a->o->releases != NULL;
    char root[65];

    hex_encode(a->head.root.b, sizeof a->head.root.b, root);
    printf("{\"verdict\":\"accept\",\"code\":\"ACCEPT\",\"checks\":["
           "{\"code\":\"ROOT\",\"ok\":true,\"detail\":\"ok\"},"
           "{\"code\":\"UNRELEASED\",\"ok\":%s,\"detail\":\"%" PRIu64 " boots\"},"
           "{\"code\":\"RELEASE_SIG\",\"ok\":%s,\"detail\":\"%s\"}],\"origin\":",
           got->boots != 0 ? "true" : "null", got->boots,
           is_signed && got->boots != 0 ? "true" : "null", is_signed ? "ok" : "not asked");
    json_string_print(a->key.name);
    printf(",\"tree_size\":%" PRIu64 ",\"root_hash\":\"%s\",\"continues\":", a->head.size, root);
    if (a->has_kept)
        printf("%" PRIu64 "}\n", a->kept.size);
    else
        puts("null}");
}

static void accept_print(const struct audit *a, const struct released_answer *got)
{
    char root[65];

    hex_encode(a->head.root.b, sizeof a->head.root.b, root);
    printf("accept: %s, %" PRIu64 " entries, root %s\n", a->key.name, a->head.size, root);
    if (a->has_kept)
        printf("continues the remembered checkpoint of %" PRIu64 " entries\n", a->kept.size);
    printf("%" PRIu64 " boots, each of a release that was logged before it%s\n", got->boots,
           a->o->releases != NULL ? " and is signed by the release key"
                                  : "; whether the releases are signed was not asked "
                                    "(--releases DIR --release-key KEY)");
}

static enum exit_code audit_run(struct audit *a)
{
    enum exit_code code = kept_open(a);
    struct released_answer got;
    struct log_ask ask = {.from = a->from, .key = &a->key, .entry = entry_take, .cookie = a};

    ask.known = a->has_kept ? &a->kept : NULL;
    if (code == EXIT_ACCEPT)
        code = fault_print(a, log_read(&ask, &a->note, &a->head));
    if (code == EXIT_ACCEPT)
        code = boots_check(a, &got);
    if (code == EXIT_ACCEPT)
        code = head_save(a);
    if (code == EXIT_ACCEPT && a->o->json)
        accept_print_json(a, &got);
    else if (code == EXIT_ACCEPT)
        accept_print(a, &got);
    return code;
}

/* --- the command line --- */

static enum exit_code log_open_and_run(const struct log_options *o)
{
    struct audit a = {.o = o, .released = released_new()};
    enum exit_code code = EXIT_USAGE;
    struct minisign_key signer;
    enum err e;

    buf_init(&a.note, LOG_NOTE_MAX);
    buf_init(&a.kept_note, LOG_NOTE_MAX);
    if (a.released == NULL) {
        code = EXIT_INTERNAL;
        goto done;
    }
    e = fetch_open(o->place, o->ca, o->timeout_s, &a.from);
    if (e != ERR_NONE) {
        complain("%s is no place that can be read (%s)", o->place, err_name(e));
        goto done;
    }
    if (o->releases != NULL && (!release_key_load(o->release_key, &signer) ||
                                !released_require(a.released, o->releases, &signer)))
        goto done;
    if (log_key_load(o->key, &a.key))
        code = audit_run(&a);
done:
    fetch_close(a.from);
    released_free(a.released);
    buf_free(&a.note);
    buf_free(&a.kept_note);
    return code;
}

static enum exit_code log_run(int argc, char **argv)
{
    struct log_options o = {.place = NULL};
    const char *timeout = NULL;
    const struct option_value options[] = {
        {"--key", &o.key, NULL},           {"--from", &o.kept, NULL},
        {"--save", &o.save, NULL},         {"--ca", &o.ca, NULL},
        {"--releases", &o.releases, NULL}, {"--release-key", &o.release_key, NULL},
        {"--timeout", &timeout, NULL},     {"--quiet", NULL, &o.quiet},
        {"--json", NULL, &o.json},
    };

    if (!options_parse(argc, argv, "URL or directory", &o.place, options,
                       sizeof options / sizeof options[0]) ||
        !timeout_parse(timeout, &o.timeout_s))
        return EXIT_USAGE;
    if (o.key == NULL) {
        complain("log needs --key KEY: the log's verifier key, or a file with it");
        return EXIT_USAGE;
    }
    if ((o.releases == NULL) != (o.release_key == NULL)) {
        complain("--releases DIR and --release-key KEY go together: manifests, each with its "
                 "signature beside it, and the key that signed them");
        return EXIT_USAGE;
    }
    return log_open_and_run(&o);
}

const struct command command_log = {
    "log",
    "URL|DIR --key KEY [--releases DIR --release-key KEY] [--from CHECKPOINT] "
    "[--save CHECKPOINT] [--ca FILE] [--timeout SECONDS] [--quiet] [--json]",
    log_run,
};
