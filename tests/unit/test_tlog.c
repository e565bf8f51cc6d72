/* The log's proofs are what an auditor trusts instead of us. Roots come from RFC 6962's published
 * test tree; every proof of every small tree is checked against a recursive definition written
 * straight from the RFC, and every mutation of it must be refused. */
#include "tlog.c"

#include "check.h"

static const struct {
    const char *entry;
    size_t len;
    const char *root; /* of the tree that ends with this entry */
} reference[] = {
    {"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
    {"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
    {"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
    {"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
    {"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
    {"\x40\x41\x42\x43", 4, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
    {"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
     "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
    {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
     "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

enum { TREE_MAX = 40 };
static struct digest32 leaves[TREE_MAX];
static struct digest32 stored[8][TREE_MAX];

static void store(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    (void)cookie;
    CHECK(level < 8 && index < TREE_MAX);
    stored[level][index] = *hash;
}

static enum err stored_read(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    uint64_t size = *(const uint64_t *)cookie;

    /* Only complete subtrees of the tree in question exist. */
    CHECK(level < 8 && (index + 1) << level <= size);
    *out = stored[level][index];
    return ERR_NONE;
}

/* MTH of RFC 6962 2.1, as it is written there. */
static struct digest32 tree_hash(size_t begin, size_t n)
{
    struct digest32 l, r, out;
    size_t k = 1;

    if (n == 1)
        return leaves[begin];
    while (2 * k < n)
        k *= 2;
    l = tree_hash(begin, k);
    r = tree_hash(begin + k, n - k);
    tlog_node_hash(&l, &r, &out);
    return out;
}

static void grow(void)
{
    struct tlog_edge t = {0};

    for (size_t i = 0; i < TREE_MAX; i++) {
        uint8_t entry[3] = {'e', (uint8_t)i, 0};
        struct digest32 root, want;

        tlog_leaf_hash(view_of(entry, sizeof entry), &leaves[i]);
        tlog_append(&t, &leaves[i], store, NULL);
        tlog_root(&t, &root);
        want = tree_hash(0, i + 1);
        CHECK(memcmp(root.b, want.b, 32) == 0);
    }
    CHECK_INT(t.size, TREE_MAX);
}

static void reference_tree(void)
{
    struct tlog_edge t = {0};
    struct digest32 leaf, root;
    char hex[65];

    tlog_root(&t, &root);
    hex_encode(root.b, 32, hex);
    CHECK_BYTES(hex, 64, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 64);
    for (size_t i = 0; i < sizeof reference / sizeof reference[0]; i++) {
        tlog_leaf_hash(view_of(reference[i].entry, reference[i].len), &leaf);
        tlog_append(&t, &leaf, NULL, NULL);
        tlog_root(&t, &root);
        hex_encode(root.b, 32, hex);
        CHECK_BYTES(hex, 64, reference[i].root, 64);
    }
}

static void every_inclusion_proof(void)
{
    grow();
    for (uint64_t size = 1; size <= TREE_MAX; size++) {
        struct digest32 root = tree_hash(0, size);

        for (uint64_t index = 0; index < size; index++) {
            struct tlog_proof p;

            CHECK_INT(tlog_prove_inclusion(size, index, stored_read, &size, &p), ERR_NONE);
            CHECK(tlog_check_inclusion(size, index, &leaves[index], &p, &root));
            /* twins: another leaf, another place, a changed, a missing and an extra hash */
            CHECK(!tlog_check_inclusion(size, index, &leaves[(index + 1) % TREE_MAX], &p, &root));
            CHECK(size == 1 || !tlog_check_inclusion(size, (index + 1) % size, &leaves[index], &p,
                                                     &root));
            for (size_t i = 0; i < p.n; i++) {
                p.hashes[i].b[i] ^= 1;
                CHECK(!tlog_check_inclusion(size, index, &leaves[index], &p, &root));
                p.hashes[i].b[i] ^= 1;
            }
            p.n++;
            CHECK(!tlog_check_inclusion(size, index, &leaves[index], &p, &root));
            p.n -= 2;
            CHECK(p.n > TLOG_PROOF_MAX ||
                  !tlog_check_inclusion(size, index, &leaves[index], &p, &root));
        }
        CHECK_INT(tlog_prove_inclusion(size, size, stored_read, &size, &(struct tlog_proof){.n = 0}),
                  ERR_RANGE);
    }
}

static void every_consistency_proof(void)
{
    grow();
    for (uint64_t size = 1; size <= TREE_MAX; size++) {
        struct digest32 root = tree_hash(0, size);

        for (uint64_t old = 1; old <= size; old++) {
            struct digest32 old_root = tree_hash(0, old);
            struct tlog_proof p;

            CHECK_INT(tlog_prove_consistency(old, size, stored_read, &size, &p), ERR_NONE);
            CHECK(tlog_check_consistency(old, size, &old_root, &root, &p));
            /* twins: a fork (other old root), another size, a changed hash */
            CHECK(!tlog_check_consistency(old, size, &leaves[TREE_MAX - 1], &root, &p));
            CHECK(old == size || !tlog_check_consistency(old, size, &old_root, &old_root, &p));
            for (size_t i = 0; i < p.n; i++) {
                p.hashes[i].b[7] ^= 0x80;
                CHECK(!tlog_check_consistency(old, size, &old_root, &root, &p));
                p.hashes[i].b[7] ^= 0x80;
            }
            p.n++;
            CHECK(!tlog_check_consistency(old, size, &old_root, &root, &p));
        }
        CHECK_INT(tlog_prove_consistency(0, size, stored_read, &size, &(struct tlog_proof){.n = 0}),
                  ERR_RANGE);
        CHECK_INT(tlog_prove_consistency(size + 1, size, stored_read, &size,
                                         &(struct tlog_proof){.n = 0}),
                  ERR_RANGE);
    }
}

static const struct check_case cases[] = {
    {"tlog: RFC 6962 reference tree", reference_tree},
    {"tlog: every inclusion proof, and its mutants", every_inclusion_proof},
    {"tlog: every consistency proof, and its mutants", every_consistency_proof},
};
CHECK_MAIN(cases)
