/* Sealing keys go to a processor like ours only: of the same product by certificate and by report, that signs with its
 * own key and protects its memory as ours does. Reports are of a synthetic chain of AMD's shape, because the simulator
 * makes those of one Genoa only; each refused one stands beside one that is given the keys. */
#include "check.h"

#include "clock.h"
#include "identity.h"
#include "seal_peer.h"
#include "synthetic_amd.h"

enum { GENOA = 1, MILAN, TURIN, CLOUD, KINDS };

/* Milan and Genoa with the same firmware: only the processor tells them apart. */
static const struct {
    struct amd_vek vek;
    const char *authority;
    long serial;
    uint8_t family, model;
} kinds[KINDS - GENOA] = {
    {{.product = "Genoa", .tcb = {{[SNP_BOOTLOADER] = 10, 0, 27, 88}}}, "SEV-", 0x10001, 0x19, 0x11},
    {{.product = "Milan", .tcb = {{[SNP_BOOTLOADER] = 10, 0, 27, 88}}}, "SEV-", 0x10001, 0x19, 0x01},
    {{.product = "Turin", .tcb = {{1, 1, 1, 4, 200}}}, "SEV-", 0x10001, 0x1a, 0x02},
    {{.vlek = true, .product = "Genoa", .csp_id = "CN=cloud", .tcb = {{[SNP_BOOTLOADER] = 10, 0, 27, 88}}},
     "SEV-VLEK-", 0x20101, 0x19, 0x11},
};

static uint64_t made_s; /* an identity begins with the real one */
static struct identity_keys *keys;
static struct {
    struct buf root, middle, vek;
} chain[KINDS - GENOA];

static void setup(void)
{
    const struct identity_config c = {.audience = "api.test"};

    made_s = clock_unix_ms() / 1000;
    CHECK(amd_keys_make());
    CHECK_INT(identity_keys_new(&c, &keys), ERR_NONE);
    for (size_t k = 0; k < KINDS - GENOA; k++) {
        const struct amd_vek *v = &kinds[k].vek;

        amd_authority("ARK-", v->product, 0x10000, made_s, &chain[k].root);
        amd_authority(kinds[k].authority, v->product, kinds[k].serial, made_s, &chain[k].middle);
        amd_vek_make(v, made_s, &chain[k].vek);
    }
}

/* One change, at an offset of a report; bytes 0: none. */
struct edit {
    uint16_t at;
    uint8_t bytes;
    uint64_t value;
};

static void report_of(int kind, const struct edit *edit, uint8_t r[static SNP_REPORT_BYTES])
{
    amd_report_make(&kinds[kind - GENOA].vek, r);
    r[SNP_AT_CPUID_FAMILY] = kinds[kind - GENOA].family;
    r[SNP_AT_CPUID_MODEL] = kinds[kind - GENOA].model;
    amd_store(r + edit->at, edit->value, edit->bytes);
}

#define VERSION_2 {SNP_AT_VERSION, 4, 2}
#define CPUID(family, model) {SNP_AT_CPUID_FAMILY, 2, (family) | (model) << 8}
#define KEY_INFO(v) {SNP_AT_KEY_INFO, 4, v}
#define PLATFORM(v) {SNP_AT_PLATFORM_INFO, 8, v}
enum { ECC = SNP_PLATFORM_ECC, ALIAS = SNP_PLATFORM_ALIAS_CHECK, HIDING = SNP_PLATFORM_CIPHERTEXT_HIDING,
       RAPL = SNP_PLATFORM_RAPL_DISABLED, SMT = SNP_PLATFORM_SMT };

static const struct {
    const char *what;
    int ours, theirs;
    struct edit to_ours, to_theirs;
    enum seal_verdict want;
} cases_of[] = {
    {"Genoa to Genoa", GENOA, GENOA, {0}, {0}, SEAL_GOOD},
    {"Bergamo is Genoa", GENOA, GENOA, {0}, CPUID(0x19, 0xa0), SEAL_GOOD},
    {"Milan to Milan", MILAN, MILAN, {0}, {0}, SEAL_GOOD},
    {"Turin to Turin", TURIN, TURIN, {0}, {0}, SEAL_GOOD},
    {"Genoa to Milan", GENOA, MILAN, {0}, {0}, SEAL_PROCESSOR},
    {"Milan to Genoa", MILAN, GENOA, {0}, {0}, SEAL_PROCESSOR},
    {"Genoa to Turin", GENOA, TURIN, {0}, {0}, SEAL_PROCESSOR},
    {"their report names another one than their certificate", GENOA, GENOA, {0}, CPUID(0x19, 0x01), SEAL_PROCESSOR},
    {"ours does not say which", GENOA, GENOA, VERSION_2, {0}, SEAL_PROCESSOR},
    {"a cloud's key", GENOA, CLOUD, {0}, {0}, SEAL_PLATFORM},
    {"a cloud's key to a cloud's key", CLOUD, CLOUD, {0}, {0}, SEAL_PLATFORM},
    {"a cloud's key that calls itself the chip's", GENOA, CLOUD, {0}, KEY_INFO(0), SEAL_PLATFORM},
    {"a chip's key that calls itself a cloud's", GENOA, GENOA, {0}, KEY_INFO(1 << SNP_KEY_SIGNING_SHIFT),
     SEAL_MEASUREMENT},
    {"an author key that ours has not", GENOA, GENOA, {0}, KEY_INFO(SNP_KEY_AUTHOR), SEAL_MEASUREMENT},
    {"without alias check", GENOA, GENOA, {0}, PLATFORM(ECC), SEAL_PROCESSOR},
    {"without ECC", GENOA, GENOA, {0}, PLATFORM(ALIAS), SEAL_PROCESSOR},
    {"ciphertext hidden here only", GENOA, GENOA, PLATFORM(ECC | ALIAS | HIDING), {0}, SEAL_PROCESSOR},
    {"RAPL off here only", GENOA, GENOA, PLATFORM(ECC | ALIAS | RAPL), {0}, SEAL_PROCESSOR},
    {"hidden there only", GENOA, GENOA, {0}, PLATFORM(ECC | ALIAS | HIDING), SEAL_GOOD},
    {"SMT here only", GENOA, GENOA, PLATFORM(ECC | ALIAS | SMT), {0}, SEAL_GOOD},
};

static enum seal_verdict judged(size_t i)
{
    const int theirs = cases_of[i].theirs - GENOA;
    struct msg_seal_ask ask = {.leaf = {{9}}};
    uint8_t own[SNP_REPORT_BYTES], other[SNP_REPORT_BYTES];
    const struct seal_own mine = {identity_document(keys), own, buf_view(&chain[theirs].root)};
    struct identity who;

    report_of(cases_of[i].ours, &cases_of[i].to_ours, own);
    report_of(cases_of[i].theirs, &cases_of[i].to_theirs, other);
    evidence_report_data(identity_text(keys), &ask.leaf, other + SNP_AT_REPORT_DATA);
    amd_report_sign(other);
    ask.evidence = (struct msg_evidence){.identity = identity_text(keys),
                                         .report = view_of(other, sizeof other),
                                         .vek = buf_view(&chain[theirs].vek),
                                         .ask = buf_view(&chain[theirs].middle)};
    return seal_peer_judge(&mine, &ask, made_s, &who);
}

static void like_ours(void)
{
    for (size_t i = 0; i < sizeof cases_of / sizeof cases_of[0]; i++) {
        enum seal_verdict v = judged(i);

        if (v != cases_of[i].want)
            printf("# %s: %s\n", cases_of[i].what, seal_verdict_name(v));
        CHECK_INT(v, cases_of[i].want);
    }
}

static const struct check_case cases[] = {{"seal_processor_like_ours", like_ours}};

int main(int argc, char **argv)
{
    int failed;

    if (secret_init() != ERR_NONE)
        return 1;
    setup();
    failed = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    for (size_t k = 0; k < KINDS - GENOA; k++) {
        buf_free(&chain[k].root);
        buf_free(&chain[k].middle);
        buf_free(&chain[k].vek);
    }
    identity_keys_free(keys);
    amd_keys_free();
    return failed;
}
