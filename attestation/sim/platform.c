#include "sim.h"

#include "conf.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROOT_YEARS = 25,
    VCEK_YEARS = 7,
    FILE_MAX = 16 << 10, /* the largest file is ark.pem, 2.3 KB */
    RSA_BITS = 4096,
    PSS_SALT_BYTES = 48,
    PATH_MAX_BYTES = 1024,
};

const struct snp_tcb sim_tcb = {{[SNP_BOOTLOADER] = 10, [SNP_SNP] = 27, [SNP_MICROCODE] = 88}};

#define ARK_NAME "SIMULATED-ARK-Genoa"
#define ASK_NAME "SIMULATED-SEV-Genoa"
#define VCEK_NAME "SIMULATED-SEV-VCEK"

/* --- certificates */

/* AMD's names, in AMD's order. */
static bool name_fill(X509_NAME *name, const char *common_name)
{
    static const struct {
        int nid;
        const char *value;
    } fields[] = {
        {NID_organizationalUnitName, "Engineering"},
        {NID_countryName, "US"},
        {NID_localityName, "Santa Clara"},
        {NID_stateOrProvinceName, "CA"},
        {NID_organizationName, "Advanced Micro Devices"},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (X509_NAME_add_entry_by_NID(name, fields[i].nid, MBSTRING_UTF8,
                                       (const unsigned char *)fields[i].value, -1, -1, 0) != 1)
            return false;
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static X509 *cert_new(const char *subject, const char *issuer, EVP_PKEY *key, long serial,
                      int years)
{
    X509 *x = X509_new();

    if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(x), serial) == 1 &&
        name_fill(X509_get_subject_name(x), subject) &&
        name_fill(X509_get_issuer_name(x), issuer) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -3600) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(x), 365 * years, 0, NULL) != NULL &&
        X509_set_pubkey(x, key) == 1)
        return x;
    X509_free(x);
    return NULL;
}

/* RSASSA-PSS, SHA-384, MGF1 SHA-384, salt 48: the only signature of AMD's chain. */
static bool cert_sign(X509 *x, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, &pctx, EVP_sha384(), NULL, key) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, EVP_sha384()) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, PSS_SALT_BYTES) == 1 &&
              X509_sign_ctx(x, ctx) > 0;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool extension_conf(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool extension_raw(X509 *x, const char *oid, const void *value, size_t len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    X509_EXTENSION *e = NULL;
    bool ok = object != NULL && bytes != NULL &&
              ASN1_OCTET_STRING_set(bytes, value, (int)len) == 1 &&
              (e = X509_EXTENSION_create_by_OBJ(NULL, object, 0, bytes)) != NULL &&
              X509_add_ext(x, e, -1) == 1;

    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(bytes);
    ASN1_OBJECT_free(object);
    return ok;
}

/* A DER INTEGER of one unsigned byte. */
static bool extension_u8(X509 *x, const char *oid, uint8_t v)
{
    const uint8_t small[] = {0x02, 0x01, v}, large[] = {0x02, 0x02, 0x00, v};

    return v < 0x80 ? extension_raw(x, oid, small, sizeof small)
                    : extension_raw(x, oid, large, sizeof large);
}

#define AMD "1.3.6.1.4.1.3704.1."
static bool vcek_extensions(X509 *x, const uint8_t chip_id[static SIM_CHIP_ID_BYTES])
{
    static const uint8_t product[] = {0x16, 5, 'G', 'e', 'n', 'o', 'a'};
    const uint8_t *tcb = sim_tcb.part;

    return extension_u8(x, AMD "1", 0) && extension_raw(x, AMD "2", product, sizeof product) &&
           extension_u8(x, AMD "3.1", tcb[SNP_BOOTLOADER]) &&
           extension_u8(x, AMD "3.2", tcb[SNP_TEE]) && extension_u8(x, AMD "3.4", 0) &&
           extension_u8(x, AMD "3.5", 0) && extension_u8(x, AMD "3.6", 0) &&
           extension_u8(x, AMD "3.7", 0) && extension_u8(x, AMD "3.3", tcb[SNP_SNP]) &&
           extension_u8(x, AMD "3.8", tcb[SNP_MICROCODE]) &&
           extension_raw(x, AMD "4", chip_id, SIM_CHIP_ID_BYTES);
}

/* --- a platform in memory, before it is written */

struct made {
    EVP_PKEY *ark_key, *ask_key, *vcek_key;
    X509 *ark, *ask, *vcek;
    uint8_t chip_id[SIM_CHIP_ID_BYTES];
};

static void made_free(struct made *m)
{
    X509_free(m->ark);
    X509_free(m->ask);
    X509_free(m->vcek);
    EVP_PKEY_free(m->ark_key);
    EVP_PKEY_free(m->ask_key);
    EVP_PKEY_free(m->vcek_key);
}

static bool made_build(struct made *m)
{
    secret_random(m->chip_id, sizeof m->chip_id);
    m->ark_key = EVP_RSA_gen(RSA_BITS);
    m->ask_key = EVP_RSA_gen(RSA_BITS);
    m->vcek_key = EVP_EC_gen("P-384");
    if (m->ark_key == NULL || m->ask_key == NULL || m->vcek_key == NULL)
        return false;
    m->ark = cert_new(ARK_NAME, ARK_NAME, m->ark_key, 0x10000, ROOT_YEARS);
    m->ask = cert_new(ASK_NAME, ARK_NAME, m->ask_key, 0x10001, ROOT_YEARS);
    m->vcek = cert_new(VCEK_NAME, ASK_NAME, m->vcek_key, 0, VCEK_YEARS);
    return m->ark != NULL && m->ask != NULL && m->vcek != NULL &&
           extension_conf(m->ark, m->ark, NID_subject_key_identifier, "hash") &&
           extension_conf(m->ark, m->ark, NID_basic_constraints, "critical,CA:TRUE") &&
           extension_conf(m->ark, m->ark, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           cert_sign(m->ark, m->ark_key) &&
           extension_conf(m->ask, m->ark, NID_subject_key_identifier, "hash") &&
           extension_conf(m->ask, m->ark, NID_authority_key_identifier, "keyid:always") &&
           extension_conf(m->ask, m->ark, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           extension_conf(m->ask, m->ark, NID_key_usage, "critical,keyCertSign") &&
           cert_sign(m->ask, m->ark_key) && vcek_extensions(m->vcek, m->chip_id) &&
           cert_sign(m->vcek, m->ask_key);
}

/* --- files */

static bool path_join(char out[static PATH_MAX_BYTES], const char *dir, const char *name)
{
    int n = snprintf(out, PATH_MAX_BYTES, "%s/%s", dir, name);

    return n > 0 && n < PATH_MAX_BYTES;
}

/* Whole or not at all: written beside its place, then renamed into it. */
static bool file_write(const char *dir, const char *name, mode_t mode, const void *p, size_t len)
{
    char path[PATH_MAX_BYTES], beside[PATH_MAX_BYTES + 8];
    bool ok = path_join(path, dir, name);
    int fd;

    if (!ok)
        return false;
    snprintf(beside, sizeof beside, "%s.new", path);
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return false;
    ok = write(fd, p, len) == (ssize_t)len && fsync(fd) == 0;
    ok = close(fd) == 0 && ok && rename(beside, path) == 0;
    return ok;
}

static bool bio_write_file(const char *dir, const char *name, mode_t mode, BIO *bio)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);

    return n > 0 && file_write(dir, name, mode, p, (size_t)n);
}

static bool made_write(const struct made *m, const char *dir)
{
    BIO *ark = BIO_new(BIO_s_mem()), *ask = BIO_new(BIO_s_mem()), *vcek = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_secmem());
    char chip_id[2 * SIM_CHIP_ID_BYTES + 1];
    bool ok = false;

    hex_encode(m->chip_id, sizeof m->chip_id, chip_id);
    if (ark != NULL && ask != NULL && vcek != NULL && key != NULL)
        ok = PEM_write_bio_X509(ark, m->ark) == 1 && i2d_X509_bio(ask, m->ask) == 1 &&
             i2d_X509_bio(vcek, m->vcek) == 1 &&
             PEM_write_bio_PrivateKey(key, m->vcek_key, NULL, NULL, 0, NULL, NULL) == 1 &&
             bio_write_file(dir, "vcek.key", 0600, key) &&
             bio_write_file(dir, "vcek.der", 0644, vcek) &&
             bio_write_file(dir, "ask.der", 0644, ask) &&
             file_write(dir, "chip_id", 0644, chip_id, sizeof chip_id - 1) &&
             bio_write_file(dir, "ark.pem", 0644, ark);
    BIO_free(ark);
    BIO_free(ask);
    BIO_free(vcek);
    BIO_free(key);
    return ok;
}

static void why_set(struct buf *why, const char *sentence)
{
    buf_reset(why);
    if (buf_append(why, view_str(sentence)) != ERR_NONE)
        buf_reset(why);
}

enum err sim_platform_make(const char *dir, struct buf *why)
{
    struct made m = {0};
    char ark[PATH_MAX_BYTES];
    enum err e = ERR_IO;

    if (!path_join(ark, dir, "ark.pem") || (mkdir(dir, 0755) != 0 && errno != EEXIST)) {
        why_set(why, "the simulated platform's directory cannot be made");
        goto done;
    }
    if (access(ark, F_OK) == 0) {
        e = ERR_CONFLICT;
        why_set(why, "the directory holds a simulated platform already");
        goto done;
    }
    if (!made_build(&m)) {
        e = ERR_CRYPTO;
        why_set(why, "the simulated platform's certificates cannot be made");
        goto done;
    }
    if (!made_write(&m, dir)) {
        why_set(why, "the simulated platform's files cannot be written");
        goto done;
    }
    e = ERR_NONE;
done:
    made_free(&m);
    return e;
}

/* --- loading */

static enum err file_read(const char *dir, const char *name, struct buf *out)
{
    char path[PATH_MAX_BYTES];

    return path_join(path, dir, name) ? conf_read_file(path, FILE_MAX, out) : ERR_IO;
}

static EVP_PKEY *key_parse(struct view pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return key;
}

enum err sim_platform_load(const char *dir, struct sim_platform *out)
{
    struct buf key, chip_id;
    enum err e;

    *out = (struct sim_platform){.vcek_key = NULL};
    buf_init(&out->vcek, QUOTE_CERT_MAX);
    buf_init(&out->ask, QUOTE_CERT_MAX);
    buf_init(&key, FILE_MAX);
    buf_init(&chip_id, FILE_MAX);
    e = file_read(dir, "vcek.der", &out->vcek);
    if (e == ERR_NONE)
        e = file_read(dir, "ask.der", &out->ask);
    if (e == ERR_NONE)
        e = file_read(dir, "vcek.key", &key);
    if (e == ERR_NONE)
        e = file_read(dir, "chip_id", &chip_id);
    if (e != ERR_NONE)
        goto done;
    e = ERR_CONFIG;
    out->vcek_key = key_parse(buf_view(&key));
    if (out->vcek_key != NULL &&
        hex_decode(buf_view(&chip_id), out->chip_id, sizeof out->chip_id) == ERR_NONE)
        e = ERR_NONE;
done:
    buf_free(&key);
    buf_free(&chip_id);
    if (e != ERR_NONE)
        sim_platform_free(out);
    return e;
}

void sim_platform_free(struct sim_platform *p)
{
    EVP_PKEY_free(p->vcek_key);
    p->vcek_key = NULL;
    buf_free(&p->vcek);
    buf_free(&p->ask);
}
