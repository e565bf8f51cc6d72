#include "policy.h"

#include "conf.h"
#include "policy_words.h"
#include "time_text.h"

#include <stddef.h>
#include <stdlib.h>

/* The file as the configuration reader fills it; turned into a struct attest_policy afterwards. */
struct top_text {
    char version[POLICY_NAME_MAX], expires[32], audience[128];
    int roots;
    bool allow_simulated, provisional_firmware, allow_vlek, require_crl, allow_unlocked_memory;
    char csp_id[CSP_ID_MAX + 1];
    char report_versions[32], products[64];
    char guest_allow[128], guest_require[128], platform_require[128], platform_forbid[128];
    char min_firmware[16], min_guest_abi[16];
    uint64_t min_guest_svn;
    char mitigations_require[17], author_key_sha384[97], family_id[33], image_id[33];
    uint8_t host_data[32], id_key_sha384[48];
};
struct floor_text {
    char name[16]; /* "genoa" or "19-11-01" */
    char firmware[16], bulletin[POLICY_BULLETIN_MAX];
    uint64_t part[SNP_PART_COUNT];
};
struct chip_text {
    char id[2 * 64 + 1];
};
struct root_text {
    char file[512];
};
enum {
    POLICY_SECTIONS_MAX =
        POLICY_MEASUREMENTS_MAX + POLICY_CHIPS_MAX + POLICY_ROOTS_MAX + POLICY_FLOORS_MAX
};
struct policy_text {
    struct digest32 seen[POLICY_SECTIONS_MAX]; /* of each section's kind and name */
    size_t n_seen;
    struct top_text top;
    struct digest48 measurements[POLICY_MEASUREMENTS_MAX];
    struct chip_text chips[POLICY_CHIPS_MAX];
    struct root_text roots[POLICY_ROOTS_MAX];
    struct floor_text floors[POLICY_FLOORS_MAX];
    size_t n_measurements, n_chips, n_roots, n_floors;
};

/* --- the file's fields */

enum { ROOTS_NONE, ROOTS_AMD };
static const char *const roots_names[] = {[ROOTS_NONE] = "none", [ROOTS_AMD] = "amd", NULL};

#define SIZE_OF(type, field) sizeof(((struct type *)0)->field)
#define FIELD(type, kind, field, required)                                                         \
    {                                                                                              \
#field, kind, offsetof(struct type, field), SIZE_OF(type, field), 0, 0, NULL, required     \
    }
static const struct conf_field top_fields[] = {
    FIELD(top_text, CONF_TEXT, version, false),
    FIELD(top_text, CONF_TEXT, expires, false),
    FIELD(top_text, CONF_TEXT, audience, false),
    {"roots", CONF_NAME, offsetof(struct top_text, roots), sizeof(int), 0, 0, roots_names, false},
    FIELD(top_text, CONF_BOOL, allow_simulated, false),
    FIELD(top_text, CONF_BOOL, provisional_firmware, false),
    FIELD(top_text, CONF_BOOL, allow_vlek, false),
    FIELD(top_text, CONF_TEXT, csp_id, false),
    FIELD(top_text, CONF_BOOL, require_crl, false),
    FIELD(top_text, CONF_BOOL, allow_unlocked_memory, false),
    FIELD(top_text, CONF_TEXT, report_versions, false),
    FIELD(top_text, CONF_TEXT, products, false),
    FIELD(top_text, CONF_TEXT, guest_allow, false),
    FIELD(top_text, CONF_TEXT, guest_require, false),
    FIELD(top_text, CONF_TEXT, platform_require, false),
    FIELD(top_text, CONF_TEXT, platform_forbid, false),
    FIELD(top_text, CONF_TEXT, min_firmware, false),
    FIELD(top_text, CONF_TEXT, min_guest_abi, false),
    FIELD(top_text, CONF_TEXT, mitigations_require, false),
    FIELD(top_text, CONF_TEXT, author_key_sha384, false),
    FIELD(top_text, CONF_TEXT, family_id, false),
    FIELD(top_text, CONF_TEXT, image_id, false),
    {"min_guest_svn", CONF_U64, offsetof(struct top_text, min_guest_svn), sizeof(uint64_t), 0,
     UINT32_MAX, NULL, false},
    FIELD(top_text, CONF_HEX, host_data, false),
    FIELD(top_text, CONF_HEX, id_key_sha384, false),
};
static const struct conf_field measurement_fields[] = {
    {"sha384", CONF_HEX, 0, sizeof(struct digest48), 0, 0, NULL, true},
};
static const struct conf_field chip_fields[] = {FIELD(chip_text, CONF_TEXT, id, true)};
static const struct conf_field root_fields[] = {FIELD(root_text, CONF_TEXT, file, true)};
#define PART(name, which)                                                                          \
    {                                                                                              \
        name, CONF_U64, offsetof(struct floor_text, part) + (which) * sizeof(uint64_t),            \
            sizeof(uint64_t), 0, UINT8_MAX, NULL, false                                            \
    }
static const struct conf_field floor_fields[] = {
    PART("fmc", SNP_FMC),
    PART("bootloader", SNP_BOOTLOADER),
    PART("tee", SNP_TEE),
    PART("snp", SNP_SNP),
    PART("microcode", SNP_MICROCODE),
    FIELD(floor_text, CONF_TEXT, firmware, false),
    FIELD(floor_text, CONF_TEXT, bulletin, false),
};

#define TARGET(fields, base)                                                                       \
    (struct conf_target)                                                                           \
    {                                                                                              \
        fields, sizeof fields / sizeof fields[0], base                                             \
    }
static const struct conf_target no_target = {NULL, 0, NULL};

/* False when a section of this kind and name was there before: of two, one would not count. */
static bool section_is_new(struct policy_text *t, struct view kind, struct view name)
{
    struct digest32 k, both;

    digest_sha256(kind, &k);
    digest_sha256_2(view_of(k.b, sizeof k.b), name, &both);
    for (size_t i = 0; i < t->n_seen; i++)
        if (memcmp(t->seen[i].b, both.b, sizeof both.b) == 0)
            return false;
    if (t->n_seen == POLICY_SECTIONS_MAX)
        return false;
    t->seen[t->n_seen++] = both;
    return true;
}

static struct conf_target policy_section(void *cookie, struct view kind, struct view name)
{
    struct policy_text *t = cookie;

    if (kind.len == 0)
        return TARGET(top_fields, &t->top);
    if (name.len == 0 || !section_is_new(t, kind, name))
        return no_target;
    if (view_eq(kind, VIEW_LIT("measurement")) && t->n_measurements < POLICY_MEASUREMENTS_MAX)
        return TARGET(measurement_fields, &t->measurements[t->n_measurements++]);
    if (view_eq(kind, VIEW_LIT("chip")) && t->n_chips < POLICY_CHIPS_MAX)
        return TARGET(chip_fields, &t->chips[t->n_chips++]);
    if (view_eq(kind, VIEW_LIT("root")) && t->n_roots < POLICY_ROOTS_MAX)
        return TARGET(root_fields, &t->roots[t->n_roots++]);
    if (view_eq(kind, VIEW_LIT("floor")) && t->n_floors < POLICY_FLOORS_MAX &&
        name.len < SIZE_OF(floor_text, name)) {
        struct floor_text *f = &t->floors[t->n_floors++];

        memcpy(f->name, name.ptr, name.len);
        return TARGET(floor_fields, f);
    }
    return no_target;
}

/* --- sections */

static bool floor_take(const struct floor_text *t, struct policy_floor *out)
{
    uint8_t cpuid[3];
    uint64_t product;

    *out = (struct policy_floor){.exact = false};
    for (size_t i = 0; i < SNP_PART_COUNT; i++)
        out->tcb.part[i] = (uint8_t)t->part[i];
    memcpy(out->bulletin, t->bulletin, sizeof out->bulletin);
    if (!policy_words_numbers(t->firmware, 3, &out->firmware))
        return false;
    if (policy_words(t->name, POLICY_WORDS_PRODUCT, &product) && product != 0) {
        while (product >> out->product != 1)
            out->product++;
        return product == UINT64_C(1) << out->product; /* of a floor of two, readers could take either */
    }
    if (strlen(t->name) != 8 || t->name[2] != '-' || t->name[5] != '-')
        return false;
    for (size_t i = 0; i < 3; i++)
        if (hex_decode(view_of(t->name + 3 * i, 2), &cpuid[i], 1) != ERR_NONE)
            return false;
    out->exact = true;
    out->family = cpuid[0];
    out->model = cpuid[1];
    out->stepping = cpuid[2];
    out->product = snp_product_of_cpuid(cpuid[0], cpuid[1]);
    return out->product != SNP_PRODUCT_UNKNOWN;
}

/* 64 bytes, or the 8 of a Turin chip, whose report pads them with zeros. */
static bool chip_take(const char *id, uint8_t out[static 64])
{
    size_t n = strlen(id) / 2;

    memset(out, 0, 64);
    return (n == 64 || n == 8) && hex_decode(view_str(id), out, n) == ERR_NONE;
}

/* --- the whole: NULL, or what is wrong with the policy */

static const char *take_top(const struct top_text *t, struct attest_policy *p)
{
    _Static_assert(sizeof p->audience == sizeof t->audience, "copied whole");
    _Static_assert(sizeof p->csp_id == sizeof t->csp_id, "copied whole");
    memcpy(p->version, t->version, sizeof p->version);
    memcpy(p->audience, t->audience, sizeof p->audience);
    memcpy(p->csp_id, t->csp_id, sizeof p->csp_id);
    memcpy(p->host_data, t->host_data, sizeof p->host_data);
    memcpy(p->id_key_sha384, t->id_key_sha384, sizeof p->id_key_sha384);
    p->allow_simulated = t->allow_simulated;
    p->provisional_firmware = t->provisional_firmware;
    p->allow_vlek = t->allow_vlek;
    p->require_crl = t->require_crl;
    p->allow_unlocked_memory = t->allow_unlocked_memory;
    p->min_guest_svn = (uint32_t)t->min_guest_svn;
    if (!policy_words_some(t->report_versions, POLICY_WORDS_VERSION, &p->versions))
        return "report_versions takes 2, 3, 4, 5";
    if (!policy_words_some(t->products, POLICY_WORDS_PRODUCT, &p->products))
        return "products takes milan, genoa, turin";
    if (!policy_words(t->guest_allow, POLICY_WORDS_GUEST, &p->guest_allow))
        return "guest_allow has an unknown word";
    if (!policy_words(t->guest_require, POLICY_WORDS_GUEST_REQUIRE, &p->guest_require))
        return "guest_require has an unknown word";
    if (!policy_words(t->platform_require, POLICY_WORDS_PLATFORM, &p->platform_require))
        return "platform_require has an unknown word";
    if (!policy_words(t->platform_forbid, POLICY_WORDS_PLATFORM, &p->platform_forbid))
        return "platform_forbid has an unknown word";
    if (!policy_words_numbers(t->min_firmware, 3, &p->min_firmware))
        return "min_firmware is not of the form 1.55.40";
    if (!policy_words_numbers(t->min_guest_abi, 2, &p->min_guest_abi))
        return "min_guest_abi is not of the form 1.55";
    if (!policy_words_mask(t->mitigations_require, &p->mitigations_require))
        return "mitigations_require is not 16 hex digits";
    if (!policy_words_pin(t->author_key_sha384, 48, &p->author_key))
        return "author_key_sha384 is not 96 hex digits";
    if (!policy_words_pin(t->family_id, 16, &p->family_id) ||
        !policy_words_pin(t->image_id, 16, &p->image_id))
        return "family_id and image_id are 32 hex digits";
    if (*t->expires != '\0' && !time_parse(t->expires, &p->expires_s))
        return "expires is not of the form 2027-02-01T00:00:00Z";
    if (p->allow_vlek && *p->csp_id == '\0')
        return "allow_vlek needs the csp_id of the cloud whose machines are meant";
    return NULL;
}

static const char *take_roots(const struct policy_text *t, struct attest_policy *p)
{
    const char *wrong = t->top.roots == ROOTS_AMD ? policy_roots_amd(p) : NULL;

    for (size_t i = 0; i < t->n_roots && wrong == NULL; i++)
        wrong = policy_root_file(p, t->roots[i].file);
    return wrong;
}

/* "[floor 1a-02-01]" and "[floor 1A-02-01]" are one. */
static bool floor_repeated(const struct attest_policy *p)
{
    for (size_t i = 0; i < p->n_floors; i++)
        for (size_t j = 0; j < i; j++) {
            const struct policy_floor *a = &p->floors[i], *b = &p->floors[j];

            if (a->exact == b->exact && a->product == b->product && a->family == b->family &&
                a->model == b->model && a->stepping == b->stepping)
                return true;
        }
    return false;
}

static const char *take_sections(const struct policy_text *t, struct attest_policy *p)
{
    memcpy(p->measurements, t->measurements, sizeof p->measurements);
    p->n_measurements = t->n_measurements;
    for (; p->n_chips < t->n_chips; p->n_chips++)
        if (!chip_take(t->chips[p->n_chips].id, p->chips[p->n_chips]))
            return "a chip's id is not 128 (Turin: 16) hex digits";
    for (; p->n_floors < t->n_floors; p->n_floors++)
        if (!floor_take(&t->floors[p->n_floors], &p->floors[p->n_floors]))
            return "a floor's name is neither a product nor family-model-stepping in hex";
    if (floor_repeated(p))
        return "a floor is there twice";
    return take_roots(t, p);
}

/* A processor line that is taken needs a floor. */
static const char *floors_complete(const struct attest_policy *p)
{
    for (unsigned product = SNP_MILAN; product < SNP_PRODUCT_COUNT; product++) {
        bool found = (p->products & 1u << product) == 0;

        for (size_t i = 0; i < p->n_floors; i++)
            found = found || p->floors[i].product == product;
        if (!found)
            return "a product has no TCB floor";
    }
    return NULL;
}

/* The control plane's policy decides on its own whom to trust: nothing is let in by omission. */
static const char *link_complete(const struct attest_policy *p)
{
    if (*p->audience == '\0')
        return "audience is missing";
    if (p->n_measurements == 0)
        return "no measurement is allowed";
    if (p->n_roots == 0)
        return "there is no root";
    for (size_t i = 0; i < p->n_roots; i++) {
        if (p->roots[i].ark.simulated && !p->allow_simulated)
            return "a root is a simulator's, but allow_simulated is off";
        if (!p->roots[i].ark.simulated && p->n_chips == 0)
            return "a real root needs the list of chips that are ours";
        if (!p->roots[i].ark.simulated && p->expires_s == 0)
            return "expires is missing: under a real root a policy is good for a limited time";
    }
    if (p->allow_vlek)
        return "allow_vlek: a cloud's key names no chip, and the link needs chips that are ours";
    return NULL;
}

static enum err parse(struct view text, const char *name, bool for_link, struct attest_policy **out,
                      struct buf *why)
{
    struct policy_text *t = calloc(1, sizeof *t);
    struct attest_policy *p = calloc(1, sizeof *p);
    const char *wrong = NULL;
    enum err e = ERR_MEMORY;

    if (t == NULL || p == NULL)
        goto done;
    /* The defaults: what is not said is the stricter answer. */
    t->top = (struct top_text){
        .report_versions = "3 5", .products = "genoa turin", .platform_require = "ecc alias_check"};
    t->top.roots = for_link ? ROOTS_NONE : ROOTS_AMD;
    digest_sha256(text, &p->digest);
    e = conf_parse(text, name, policy_section, t, why);
    if (e != ERR_NONE)
        goto done;
    wrong = take_top(&t->top, p);
    if (wrong == NULL)
        wrong = take_sections(t, p);
    if (wrong == NULL && for_link)
        wrong = link_complete(p);
    if (wrong == NULL)
        wrong = floors_complete(p);
    if (wrong != NULL) {
        e = ERR_CONFIG;
        buf_reset(why);
        if (buf_appendf(why, "%s: %s", name, wrong) != ERR_NONE)
            buf_reset(why);
        goto done;
    }
    *out = p;
    p = NULL;
done:
    attest_policy_free(p);
    free(t);
    return e;
}

enum err attest_policy_parse(struct view text, const char *name, struct attest_policy **out,
                             struct buf *why)
{
    return parse(text, name, false, out, why);
}

enum err attest_policy_parse_link(struct view text, struct attest_policy **out, struct buf *why)
{
    return parse(text, "attestation.conf", true, out, why);
}

bool attest_policy_simulated(const struct attest_policy *p)
{
    return p->allow_simulated;
}

enum err attest_policy_load(const char *path, struct attest_policy **out, struct buf *why)
{
    struct buf text;
    enum err e;

    buf_init(&text, POLICY_FILE_MAX);
    e = conf_read_file(path, POLICY_FILE_MAX, &text);
    if (e == ERR_NONE) {
        e = attest_policy_parse_link(buf_view(&text), out, why);
    } else {
        buf_reset(why);
        if (buf_append(why, VIEW_LIT("attestation.conf: cannot be read")) != ERR_NONE)
            buf_reset(why);
    }
    buf_free(&text);
    return e;
}

struct digest32 attest_policy_digest(const struct attest_policy *p)
{
    return p->digest;
}

const char *attest_policy_version(const struct attest_policy *p)
{
    return p->version;
}

void attest_policy_free(struct attest_policy *p)
{
    if (p == NULL)
        return;
    policy_roots_clear(p);
    free(p);
}

const struct policy_floor *policy_floor(const struct attest_policy *p, enum snp_product product,
                                        const struct snp_report *r)
{
    const struct policy_floor *found = NULL;

    for (size_t i = 0; i < p->n_floors; i++) {
        const struct policy_floor *f = &p->floors[i];

        if (f->exact && r->version >= 3 && f->family == r->family && f->model == r->model &&
            f->stepping == r->stepping)
            return f;
        if (!f->exact && f->product == product)
            found = f;
    }
    return found;
}
