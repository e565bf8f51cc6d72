/* What a model thought goes through a client as one opaque text and must come back byte for byte; what
 * another API signed, or a client made up, must not be taken for it. */
#include "replay.h"

#include "check.h"

#define CLAUDE "{\"type\":\"reasoning.text\",\"signature\":\"c2ln/+==\",\"format\":\"anthropic-claude-v1\",\"index\":0}"
#define CRYPT "{\"type\":\"reasoning.encrypted\",\"data\":\"gAAA-_\",\"id\":\"rs_1\",\"format\":\"openai-responses-v1\",\"index\":1}"

/* What is sealed -> what the provider gets, given what the client has beside it. */
static const struct {
    const char *details, *text, *beside, *want;
} turns[] = {
    {CLAUDE, "", "Two \\\"tools\\\".\\n\\u00fc",
     "{\"text\":\"Two \\\"tools\\\".\\n\\u00fc\",\"type\":\"reasoning.text\",\"signature\":\"c2ln/+==\","
     "\"format\":\"anthropic-claude-v1\",\"index\":0}"},
    {CLAUDE "," CRYPT, "hidden", "",
     "{\"text\":\"hidden\",\"type\":\"reasoning.text\",\"signature\":\"c2ln/+==\",\"format\":"
     "\"anthropic-claude-v1\",\"index\":0}," CRYPT},
    {"{\"type\":\"reasoning.summary\",\"id\":\"rs_1\"}", "", "short",
     "{\"summary\":\"short\",\"type\":\"reasoning.summary\",\"id\":\"rs_1\"}"},
    /* one that is whole stays as it is, odd spelling included */
    {"{ \"type\" : \"reasoning.text\", \"text\":\"own\", \"n\":1e400 }", "", "beside",
     "{ \"type\" : \"reasoning.text\", \"text\":\"own\", \"n\":1e400 }"},
    {CRYPT, "", "beside", CRYPT},
    /* a long text is given once, however many elements a client made up */
    {"{\"type\":\"reasoning.text\"},{\"type\":\"reasoning.text\"},{\"type\":\"reasoning.summary\"}", "", "long",
     "{\"text\":\"long\",\"type\":\"reasoning.text\"},{\"type\":\"reasoning.text\"},"
     "{\"type\":\"reasoning.summary\"}"},
    {"", "only text", "", ""},
};

static void comes_back(void)
{
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        struct buf sealed, out;
        struct replay r;

        buf_init(&sealed, 4096);
        buf_init(&out, 4096);
        CHECK_INT(replay_seal(view_str("a\"b/m"), view_str(turns[i].text), view_str(turns[i].details),
                              &sealed),
                  ERR_NONE);
        CHECK(replay_is_sealed(buf_view(&sealed)));
        for (size_t k = 0; k < sealed.len; k++) /* no JSON writer escapes any of it */
            CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", sealed.ptr[k]));
        CHECK_INT(replay_open(buf_view(&sealed), &r), ERR_NONE);
        CHECK_BYTES(r.maker.ptr, r.maker.len, "a\\\"b/m", 6);
        CHECK_BYTES(r.text.ptr, r.text.len, turns[i].text, strlen(turns[i].text));
        CHECK_INT(replay_details(&r, view_str(turns[i].beside), &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, turns[i].want, strlen(turns[i].want));
        replay_close(&r);
        buf_free(&sealed);
        buf_free(&out);
    }
}

/* base64url of these is refused; the first, which is right, shows that the helper seals as we do. */
static const struct {
    const char *plain;
    enum err want;
} forged[] = {
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[]}", ERR_NONE},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[{\"type\":\"reasoning.x\"}]}", ERR_NONE},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[{\"type\":\"text\"}]}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[{}]}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[1]}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[{\"type\":\"reasoning.x\",\"type\":\"y\"}]}",
     ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":{}}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":1,\"details\":[]}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"details\":[],\"text\":\"\"}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[],\"x\":1}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[]},{}", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\",\"details\":[", ERR_FORMAT},
    {"{\"tr\":1,\"maker\":\"a/b\",\"text\":\"\xff\",\"details\":[]}", ERR_FORMAT},
};

static enum err open_plain(const char *plain, struct view tail)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct view v = view_str(plain);
    struct replay r;
    struct buf text;
    enum err e = ERR_NONE;

    buf_init(&text, 4096);
    for (size_t bit = 0; e == ERR_NONE && bit < v.len * 8; bit += 6) {
        unsigned two = (unsigned)v.ptr[bit / 8] << 8 | (bit / 8 + 1 < v.len ? v.ptr[bit / 8 + 1] : 0u);

        e = buf_append_byte(&text, (uint8_t)digits[two >> (10 - bit % 8) & 63]);
    }
    CHECK_INT(e, ERR_NONE);
    CHECK_INT(buf_append(&text, tail), ERR_NONE);
    e = replay_open(buf_view(&text), &r);
    replay_close(&r);
    buf_free(&text);
    return e;
}

/* The other alphabet of base64 says the same; only one spelling is ours. */
static void one_spelling(void)
{
    struct buf sealed;
    struct replay r;
    uint8_t *minus = NULL;

    buf_init(&sealed, 4096);
    for (int pad = 0; minus == NULL && pad < 3; pad++) {
        buf_reset(&sealed);
        CHECK_INT(replay_seal(view_str("a/b"), view_str(&"  >>>>>>"[pad]), VIEW_EMPTY, &sealed), ERR_NONE);
        minus = memchr(sealed.ptr, '-', sealed.len);
    }
    CHECK(minus != NULL);
    CHECK_INT(replay_open(buf_view(&sealed), &r), ERR_NONE);
    replay_close(&r);
    if (minus != NULL)
        *minus = '+';
    CHECK_INT(replay_open(buf_view(&sealed), &r), ERR_FORMAT);
    replay_close(&r);
    buf_free(&sealed);
}

static void made_up(void)
{
    struct replay r;

    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        if (open_plain(forged[i].plain, VIEW_EMPTY) != forged[i].want)
            printf("# %s\n", forged[i].plain);
        CHECK_INT(open_plain(forged[i].plain, VIEW_EMPTY), forged[i].want);
    }
    CHECK_INT(open_plain(forged[0].plain, VIEW_LIT("=")), ERR_FORMAT);
    CHECK_INT(open_plain(forged[0].plain, VIEW_LIT("\\u0041")), ERR_FORMAT);
    CHECK(!replay_is_sealed(VIEW_LIT("EuQCCkgIDRABGAIqQDu3")));
    CHECK_INT(replay_open(VIEW_LIT("EuQCCkgIDRABGAIqQDu3"), &r), ERR_FORMAT);
    replay_close(&r);
    CHECK_INT(replay_open(VIEW_EMPTY, &r), ERR_FORMAT);
    replay_close(&r);
}

/* What opens is in the list with the name of the model that thought it: only its maker's models get it. */
static void its_maker_is_known(void)
{
    struct prompt_list l;
    struct buf sealed;
    uint64_t bound = 0;

    prompt_list_init(&l);
    buf_init(&sealed, 4096);
    CHECK_INT(replay_seal(view_str("a/b"), view_str("text"), view_str(CRYPT "," CRYPT), &sealed), ERR_NONE);
    CHECK_INT(replay_add(&l, buf_view(&sealed), VIEW_EMPTY, &bound), ERR_NONE);
    CHECK_INT(l.n_items, 3);
    CHECK_INT(l.item[0].kind, ITEM_REASONING);
    CHECK_INT(l.item[0].name.len, 0);
    for (size_t i = 1; i < l.n_items; i++) {
        CHECK_INT(l.item[i].kind, ITEM_DETAIL);
        CHECK_BYTES(l.item[i].text.bytes.ptr, l.item[i].text.bytes.len, CRYPT, strlen(CRYPT));
        CHECK_BYTES(l.item[i].name.ptr, l.item[i].name.len, "a/b", 3);
    }
    prompt_list_free(&l);
    buf_free(&sealed);
}

/* A full buffer keeps what it had. */
static void no_room(void)
{
    struct buf out;

    buf_init(&out, 60);
    CHECK_INT(buf_append(&out, VIEW_LIT("x")), ERR_NONE);
    CHECK_INT(replay_seal(view_str("a/b"), view_str("text"), view_str(CRYPT), &out), ERR_LIMIT);
    CHECK_INT(out.len, 1);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"sealed_thoughts_come_back", comes_back},
    {"made_up_ones_are_refused", made_up},
    {"one_spelling", one_spelling},
    {"its_maker_is_known", its_maker_is_known},
    {"a_full_buffer_keeps_what_it_had", no_room},
};
CHECK_MAIN(cases)
