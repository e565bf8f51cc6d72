#include "tlog.h"

#include <assert.h>

/* Domain separation of RFC 6962: a leaf can never be taken for a node. */
static const uint8_t leaf_prefix = 0x00, node_prefix = 0x01;

void tlog_leaf_hash(struct view entry, struct digest32 *out)
{
    digest_sha256_2(view_of(&leaf_prefix, 1), entry, out);
}

void tlog_node_hash(const struct digest32 *left, const struct digest32 *right, struct digest32 *out)
{
    uint8_t both[65];

    both[0] = node_prefix;
    memcpy(both + 1, left->b, 32);
    memcpy(both + 33, right->b, 32);
    digest_sha256(view_of(both, sizeof both), out);
}

void tlog_append(struct tlog_edge *t, const struct digest32 *leaf,
                 void (*completed)(void *cookie, unsigned level, uint64_t index,
                                   const struct digest32 *hash),
                 void *cookie)
{
    struct digest32 hash = *leaf;
    unsigned level = 0;

    assert(t->size < (UINT64_C(1) << TLOG_LEVELS) - 1);
    for (;; level++) {
        if (completed != NULL)
            completed(cookie, level, t->size >> level, &hash);
        if ((t->size >> level & 1) == 0)
            break;
        tlog_node_hash(&t->full[level], &hash, &hash);
    }
    t->full[level] = hash;
    t->size++;
}

void tlog_root(const struct tlog_edge *t, struct digest32 *out)
{
    bool any = false;

    if (t->size == 0) {
        digest_sha256(VIEW_EMPTY, out);
        return;
    }
    for (unsigned level = 0; level < TLOG_LEVELS; level++) {
        if ((t->size >> level & 1) == 0)
            continue;
        if (any)
            tlog_node_hash(&t->full[level], out, out);
        else
            *out = t->full[level];
        any = true;
    }
}

/* Largest power of two below n (n > 1), as an exponent. */
static unsigned split_level(uint64_t n)
{
    assert(n > 1);
    return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* The hash of leaves [begin, begin+n), which need not be a complete subtree: its right edge is put
 * together from complete ones. */
static enum err range_hash(uint64_t begin, uint64_t n, tlog_read_fn *read, void *cookie,
                           struct digest32 *out)
{
    struct digest32 parts[TLOG_LEVELS];
    size_t n_parts = 0;

    while (n != 0) {
        unsigned level = 63 - (unsigned)__builtin_clzll(n);
        enum err e = read(cookie, level, begin >> level, &parts[n_parts++]);

        if (e != ERR_NONE)
            return e;
        begin += UINT64_C(1) << level;
        n -= UINT64_C(1) << level;
    }
    *out = parts[--n_parts];
    while (n_parts != 0)
        tlog_node_hash(&parts[--n_parts], out, out);
    return ERR_NONE;
}

static void reverse(struct tlog_proof *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct digest32 other = p->hashes[p->n - 1 - i];

        p->hashes[p->n - 1 - i] = p->hashes[i];
        p->hashes[i] = other;
    }
}

/* PATH(m, D[n]) of RFC 6962 2.1.1, walked from the root down, so collected in reverse. */
enum err tlog_prove_inclusion(uint64_t size, uint64_t index, tlog_read_fn *read, void *cookie,
                              struct tlog_proof *out)
{
    uint64_t begin = 0, n = size;

    out->n = 0;
    if (index >= size || size >> TLOG_LEVELS != 0)
        return ERR_RANGE;
    while (n > 1) {
        uint64_t left = UINT64_C(1) << split_level(n);
        bool right = index - begin >= left;
        enum err e = right ? range_hash(begin, left, read, cookie, &out->hashes[out->n])
                           : range_hash(begin + left, n - left, read, cookie, &out->hashes[out->n]);

        if (e != ERR_NONE)
            return e;
        out->n++;
        begin += right ? left : 0;
        n = right ? n - left : left;
    }
    reverse(out);
    return ERR_NONE;
}

/* PROOF(m, D[n]) of RFC 6962 2.1.2, from the root down. */
enum err tlog_prove_consistency(uint64_t old, uint64_t size, tlog_read_fn *read, void *cookie,
                                struct tlog_proof *out)
{
    uint64_t begin = 0, n = size, m = old;
    bool whole = true; /* the old tree is a complete subtree that the verifier already knows */

    out->n = 0;
    if (old == 0 || old > size || size >> TLOG_LEVELS != 0)
        return ERR_RANGE;
    while (m != n) {
        uint64_t left = UINT64_C(1) << split_level(n);
        enum err e;

        if (m <= left) {
            e = range_hash(begin + left, n - left, read, cookie, &out->hashes[out->n]);
            n = left;
        } else {
            e = range_hash(begin, left, read, cookie, &out->hashes[out->n]);
            begin += left;
            n -= left;
            m -= left;
            whole = false;
        }
        if (e != ERR_NONE)
            return e;
        out->n++;
    }
    if (!whole) {
        enum err e = range_hash(begin, n, read, cookie, &out->hashes[out->n]);

        if (e != ERR_NONE)
            return e;
        out->n++;
    }
    reverse(out);
    return ERR_NONE;
}

/* RFC 9162 2.1.3.2. */
bool tlog_inclusion_root(uint64_t size, uint64_t index, const struct digest32 *leaf,
                         const struct tlog_proof *p, struct digest32 *root)
{
    uint64_t fn = index, sn = size - 1;
    struct digest32 r = *leaf;

    if (index >= size || p->n > TLOG_PROOF_MAX)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            tlog_node_hash(&p->hashes[i], &r, &r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            tlog_node_hash(&r, &p->hashes[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return false;
    *root = r;
    return true;
}

bool tlog_check_inclusion(uint64_t size, uint64_t index, const struct digest32 *leaf,
                          const struct tlog_proof *p, const struct digest32 *root)
{
    struct digest32 r;

    return tlog_inclusion_root(size, index, leaf, p, &r) && memcmp(r.b, root->b, 32) == 0;
}

/* RFC 9162 2.1.4.2. */
bool tlog_check_consistency(uint64_t old, uint64_t size, const struct digest32 *old_root,
                            const struct digest32 *root, const struct tlog_proof *p)
{
    uint64_t fn = old - 1, sn = size - 1;
    struct digest32 fr, sr;
    size_t i = 0;

    if (old == 0 || old > size || p->n > TLOG_PROOF_MAX)
        return false;
    if (old == size)
        return p->n == 0 && memcmp(old_root->b, root->b, 32) == 0;
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    if (fn == 0) { /* the old size is a power of two: its root is the first hash */
        fr = *old_root;
    } else {
        if (p->n == 0)
            return false;
        fr = p->hashes[i++];
    }
    sr = fr;
    for (; i < p->n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            tlog_node_hash(&p->hashes[i], &fr, &fr);
            tlog_node_hash(&p->hashes[i], &sr, &sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            tlog_node_hash(&sr, &p->hashes[i], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(fr.b, old_root->b, 32) == 0 && memcmp(sr.b, root->b, 32) == 0;
}
