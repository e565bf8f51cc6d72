/* OpenAI's embeddings: a vector is made from the SHA-256 of its input, each value a multiple of 1/256, so that
 * every encoding of it is exact. */
#include "job_internal.h"
#include "wire.h"

#include "secret.h"

#include <openssl/evp.h>

enum { DIMENSIONS = 16, DIMENSIONS_MAX = 4096, INPUTS_MAX = 2048 };

static const char *const members[] = {"model", "input", "encoding_format", "dimensions", "user", NULL};

static void keep_digest(struct job *j, struct view input)
{
    struct digest32 d;

    digest_sha256(input, &d);
    job_keep(j, d.b, sizeof d.b);
    j->inputs++;
}

/* A string, or an array of tokens; or an array of these. */
static void embeddings_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v;
    struct json_member item = {0};
    bool several = false;

    j->dimensions = ask_count(m, n, "dimensions");
    if (j->dimensions == 0 || j->dimensions > DIMENSIONS_MAX)
        j->dimensions = DIMENSIONS;
    j->base64 = ask_get(m, n, "encoding_format", &v) && json_string_is(v, "base64") &&
                !j->spec.floats;
    j->stream = false;
    if (!ask_get(m, n, "input", &v))
        return;
    a->prompt_bytes = v.text.len;
    j->digests.off = j->payload.len;
    if (v.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
            several = several || item.value.kind != JSON_NUMBER;
            if (several && j->inputs < INPUTS_MAX)
                keep_digest(j, item.value.text);
        }
    if (!several)
        keep_digest(j, v.text);
    j->digests.len = j->payload.len - j->digests.off;
}

static float value_of(const uint8_t digest[static 32], unsigned k)
{
    return (float)((int)digest[k % 32] - 128) / 256.0F;
}

static void put_vector(struct job *j, struct bytes *out, const uint8_t digest[static 32])
{
    static uint8_t packed[DIMENSIONS_MAX * sizeof(float)];
    static unsigned char text[DIMENSIONS_MAX * sizeof(float) * 4 / 3 + 8];

    if (!j->base64) {
        for (unsigned k = 0; k < j->dimensions; k++)
            bytes_printf(out, "%s%.9g", k == 0 ? "[" : ",", (double)value_of(digest, k));
        BYTES_LIT(out, "]");
        return;
    }
    for (unsigned k = 0; k < j->dimensions; k++) {
        float f = value_of(digest, k);
        memcpy(packed + k * sizeof f, &f, sizeof f); /* little-endian, as the API is and this machine */
    }
    int len = EVP_EncodeBlock(text, packed, (int)(j->dimensions * sizeof(float)));
    BYTES_LIT(out, "\"");
    bytes_put(out, text, (size_t)len);
    BYTES_LIT(out, "\"");
}

static void embeddings_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"object\":\"list\",\"data\":[");
    for (unsigned i = 0; i < j->inputs; i++) {
        bytes_printf(out, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":", i == 0 ? "" : ",", i);
        put_vector(j, out, (const uint8_t *)j->payload.ptr + j->digests.off + (size_t)i * 32);
        BYTES_LIT(out, "}");
    }
    BYTES_LIT(out, "],\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\"");
    j->completion = 0;
    if (j->spec.usage != USAGE_MISSING)
        bytes_printf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}", usage_prompt(j),
                     usage_prompt(j));
    BYTES_LIT(out, "}");
}

static void embeddings_step(struct job *j, const struct step *s, struct bytes *out)
{
    (void)j; /* there are no streams of embeddings */
    (void)s;
    (void)out;
}

const struct wire wire_embeddings = {
    .path = {(const uint8_t *)"/embeddings", sizeof "/embeddings" - 1},
    .members = members,
    .unknown = {"Unrecognized request argument supplied: ", ""},
    .read = embeddings_read,
    .step = embeddings_step,
    .whole = embeddings_whole,
    .error = openai_error,
};
