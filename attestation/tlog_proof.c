#include "tlog_proof.h"

#include "base64.h"

#define FIRST_LINE VIEW_LIT("c2sp.org/tlog-proof@v1\n")
#define EXTRA VIEW_LIT("extra ")
#define INDEX VIEW_LIT("index ")

static bool take_literal(struct view *v, struct view literal)
{
    struct view skipped;

    return view_starts(*v, literal) && view_take(v, literal.len, &skipped);
}

/* One line without its newline. */
static bool take_line(struct view *v, struct view *line)
{
    const uint8_t *end = v->len == 0 ? NULL : memchr(v->ptr, '\n', v->len);
    struct view newline;

    return end != NULL && view_take(v, (size_t)(end - v->ptr), line) && view_take(v, 1, &newline);
}

enum err tlog_proof_encode(const struct tlog_proof_text *p, struct buf *out)
{
    enum err e = buf_append(out, FIRST_LINE);

    if (e == ERR_NONE)
        e = buf_append(out, INDEX);
    if (e == ERR_NONE)
        e = buf_append_u64(out, p->index);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '\n');
    for (size_t i = 0; i < p->path.n && e == ERR_NONE; i++) {
        e = base64_append(view_of(p->path.hashes[i].b, 32), out);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '\n');
    }
    if (e == ERR_NONE)
        e = buf_append_byte(out, '\n');
    return e == ERR_NONE ? buf_append(out, p->note) : e;
}

enum err tlog_proof_decode(struct view text, struct tlog_proof_text *out)
{
    struct tlog_proof_text p = {.index = 0};
    struct view line;

    if (text.len > TLOG_PROOF_TEXT_MAX)
        return ERR_LIMIT;
    if (!take_literal(&text, FIRST_LINE))
        return ERR_FORMAT;
    if (view_starts(text, EXTRA) && !take_line(&text, &line))
        return ERR_FORMAT;
    if (!take_literal(&text, INDEX) || !take_line(&text, &line))
        return ERR_FORMAT;
    if ((line.len > 1 && line.ptr[0] == '0') || !view_u64(line, &p.index))
        return ERR_FORMAT;
    for (;;) {
        if (!take_line(&text, &line))
            return ERR_FORMAT;
        if (line.len == 0)
            break;
        if (p.path.n == TLOG_PROOF_MAX)
            return ERR_LIMIT;
        if (base64_exact(line, p.path.hashes[p.path.n++].b, 32) != ERR_NONE)
            return ERR_FORMAT;
    }
    p.note = text;
    *out = p;
    return ERR_NONE;
}

enum err tlog_proof_check(struct view text, struct view statement, const struct note_key *key,
                          uint64_t *index, struct checkpoint *checkpoint)
{
    struct tlog_proof_text p;
    struct digest32 leaf;
    struct checkpoint c;
    struct view signed_text;
    enum err e = tlog_proof_decode(text, &p);

    if (e == ERR_NONE)
        e = note_open(p.note, key, &signed_text);
    if (e == ERR_NONE)
        e = checkpoint_decode(signed_text, &c);
    if (e != ERR_NONE)
        return e;
    if (!view_eq(c.origin, view_str(key->name)))
        return ERR_AUTH;
    tlog_leaf_hash(statement, &leaf);
    if (!tlog_check_inclusion(c.size, p.index, &leaf, &p.path, &c.root))
        return ERR_NOT_FOUND;
    *index = p.index;
    if (checkpoint != NULL)
        *checkpoint = c;
    return ERR_NONE;
}
