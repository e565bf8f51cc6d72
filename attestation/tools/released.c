/* Boots of a log against its releases, entry by entry. */
#include "released.h"

#include "command.h"
#include "json.h"
#include "logged.h"
#include "manifest.h"
#include "tlog.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROGRAMS_MAX =
        1 << 18,       /* measurements of all releases: 24 MB; more than a log has in a decade */
    SIGNED_MAX = 4096, /* manifests in a directory */
    PATH_BYTES = 4096,
};

/* One measurement of one logged release. */
struct program {
    struct digest32 leaf;
    uint8_t measurement[48];
    bool simulated, is_signed;
};
struct released {
    struct program *programs;
    size_t n, room;
    struct digest32 *signed_leaves;
    size_t n_signed;
    bool must_be_signed;
    struct released_answer answer;
};

struct released *released_new(void)
{
    return calloc(1, sizeof(struct released));
}

void released_free(struct released *r)
{
    if (r == NULL)
        return;
    free(r->programs);
    free(r->signed_leaves);
    free(r);
}

void released_answer(const struct released *r, struct released_answer *out)
{
    *out = r->answer;
}

/* --- signed manifests in a directory */

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

/* Other files may lie there: what is not signed by this key is passed over. */
static bool manifest_take(struct released *r, const char *path, const struct minisign_key *key)
{
    char beside[PATH_BYTES + 16];
    struct buf text, signature;
    bool ok;

    snprintf(beside, sizeof beside, "%s.minisig", path);
    buf_init(&signature, MINISIGN_SIGNATURE_MAX);
    ok = file_load(path, MANIFEST_MAX, &text) &&
         file_load(beside, MINISIGN_SIGNATURE_MAX, &signature);
    if (ok && minisign_check(buf_view(&text), buf_view(&signature), key, NULL) == ERR_NONE)
        tlog_leaf_hash(buf_view(&text), &r->signed_leaves[r->n_signed++]);
    buf_free(&text);
    buf_free(&signature);
    return ok;
}

bool released_require(struct released *r, const char *dir, const struct minisign_key *key)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    bool ok = true;

    r->must_be_signed = true;
    r->signed_leaves = calloc(SIGNED_MAX, sizeof *r->signed_leaves);
    if (d == NULL || r->signed_leaves == NULL) {
        complain("cannot read the directory %s", dir);
        ok = false;
    }
    while (ok && (e = readdir(d)) != NULL) {
        char path[PATH_BYTES];
        size_t n;

        if (!ends_with(e->d_name, ".json.minisig"))
            continue;
        n = (size_t)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (n >= sizeof path || r->n_signed == SIGNED_MAX) {
            complain("%s holds too many releases, or one with too long a name", dir);
            ok = false;
            continue;
        }
        path[n - strlen(".minisig")] = '\0';
        ok = manifest_take(r, path, key);
    }
    if (d != NULL)
        closedir(d);
    return ok;
}

/* --- entries */

static bool is_signed(const struct released *r, const struct digest32 *leaf)
{
    for (size_t i = 0; i < r->n_signed; i++)
        if (secret_equal(r->signed_leaves[i].b, leaf->b, sizeof leaf->b))
            return true;
    return false;
}

/* A release that finds no room is as good as none: its boots are then called unreleased. */
static void release_take(struct released *r, const struct digest32 *leaf, const struct manifest *m)
{
    bool vouched = is_signed(r, leaf);

    if (r->room - r->n < m->n_measurements) {
        size_t room = r->room == 0 ? 1024 : 2 * r->room;
        struct program *more =
            room > PROGRAMS_MAX ? NULL : realloc(r->programs, room * sizeof *r->programs);

        if (more == NULL)
            return;
        r->programs = more;
        r->room = room;
    }
    for (size_t i = 0; i < m->n_measurements; i++) {
        struct program *p = &r->programs[r->n++];

        *p = (struct program){.leaf = *leaf, .simulated = m->simulated, .is_signed = vouched};
        memcpy(p->measurement, m->measurements[i].measurement, sizeof p->measurement);
    }
}

/* The newest first: that is what most boots are of. */
static const struct program *program_find(const struct released *r, const struct digest32 *leaf,
                                          const uint8_t measurement[static 48], bool simulated)
{
    for (size_t i = r->n; i-- > 0;) {
        const struct program *p = &r->programs[i];

        if (p->simulated == simulated && memcmp(p->leaf.b, leaf->b, sizeof leaf->b) == 0 &&
            memcmp(p->measurement, measurement, sizeof p->measurement) == 0)
            return p;
    }
    return NULL;
}

static void boot_judge(struct released *r, uint64_t index, struct json_value boot,
                       struct view statement)
{
    struct released_answer *a = &r->answer;
    const struct program *p = NULL;
    struct json_value measurement, simulated;
    struct digest32 leaf;
    uint8_t measured[48];
    struct view hex;

    if (json_only(boot, "measurement", &measurement) == ERR_NONE &&
        json_string_plain(measurement, &hex) &&
        hex_decode(hex, measured, sizeof measured) == ERR_NONE &&
        json_only(boot, "simulated", &simulated) == ERR_NONE &&
        logged_release(statement, &leaf) == ERR_NONE)
        p = program_find(r, &leaf, measured, simulated.kind == JSON_TRUE);
    a->boots++;
    if (p == NULL && a->unreleased++ == 0)
        a->first_unreleased = index;
    if (p != NULL && r->must_be_signed && !p->is_signed && a->unsigned_++ == 0)
        a->first_unsigned = index;
}

void released_entry(struct released *r, uint64_t index, const struct digest32 *leaf,
                    struct view statement)
{
    struct json_value doc, purpose;
    struct manifest m;

    if (statement.len > MANIFEST_MAX || json_check(statement, &doc, NULL) != ERR_NONE ||
        doc.kind != JSON_OBJECT || json_only(doc, "purpose", &purpose) != ERR_NONE)
        return;
    if (json_string_is(purpose, "tr.boot.v1"))
        boot_judge(r, index, doc, statement);
    else if (json_string_is(purpose, "tr.release.v1") && manifest_parse(statement, &m) == ERR_NONE)
        release_take(r, leaf, &m);
}
