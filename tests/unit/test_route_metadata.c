/* What a request says beside its body: which model, in an Azure client's path, and that its client wants to
 * be told of the route. A wrong model in the path's place is a wrong bill; a member too many, or one in the
 * wrong place, breaks clients that validate. */
#include "lib/chat_sides.h"
#include "json.h"

#define WHOLE                                                                                      \
    "{\"id\":\"up\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up-echo\","            \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"          \
    "\"total_tokens\":11}}"
#define CHUNK                                                                                      \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},"           \
    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"

static void header(const char *name, const char *value)
{
    client.in[client.n_in++] = (struct web_header){view_str(name), view_str(value)};
}

static bool said(const char *text)
{
    return strstr(client.out, text) != NULL;
}

#define CANDIDATES                                                                                 \
    "\"endpoints\":{\"total\":2,\"available\":[{\"provider\":\"%s\",\"model\":\"demo/echo\","         \
    "\"selected\":%s},{\"provider\":\"%s\",\"model\":\"demo/echo\",\"selected\":%s}]}"

/* The member of the answer, when demo-b answered behind demo-a, which failed with `status`. */
static void check_second(int status, const char *error)
{
    char text[1024];
    const char *a = providers.list[0].name, *b = providers.list[1].name;

    CHECK(said("\"openrouter_metadata\":{\"requested\":\"demo/echo\",\"strategy\":\"direct\","
               "\"region\":null,\"is_byok\":false,\"attempt\":2,"));
    snprintf(text, sizeof text, "\"summary\":\"available=2, selected=%s\"", b);
    CHECK(said(text));
    snprintf(text, sizeof text,
             "\"attempts\":[{\"provider\":\"%s\",\"model\":\"demo/echo\",\"status\":%d,\"reason\":\"price\",\"latency_ms\":", a,
             status);
    CHECK(said(text));
    snprintf(text, sizeof text,
             ",\"error\":\"%s\"},{\"provider\":\"%s\",\"model\":\"demo/echo\",\"status\":200,\"reason\":\"price\",\"latency_ms\":",
             error, b);
    CHECK(said(text));
    CHECK(said(",\"error\":null}],\"endpoints\":"));
    snprintf(text, sizeof text, CANDIDATES, a, "false", b, "true");
    CHECK(said(text));
}

static void test_whole(void)
{
    struct json_value root;

    reset();
    header("x-openrouter-metadata", "enabled");
    ask(ASK "}");
    CHECK(strstr(up.sent[0], "metadata") == NULL);
    up_head(500);
    up_bytes(VIEW_LIT("{\"error\":{\"message\":\"no\"}}"), 1000);
    up_done(ERR_NONE);
    up_head(200);
    up_bytes(VIEW_LIT(WHOLE), 1000);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 200);
    CHECK_INT(json_check(view_of(client.out, client.out_len), &root, NULL), ERR_NONE);
    check_second(500, "provider_status");
    CHECK(said("\"content\":\"hello\"") && said("\"usage\":{"));
}

/* A provider that said nothing has no status of its own. */
static void test_silent(void)
{
    reset();
    header("x-openrouter-experimental-metadata", "Enabled");
    ask(ASK "}");
    up_done(ERR_CONNECT);
    up_head(200);
    up_bytes(VIEW_LIT(WHOLE), 1000);
    up_done(ERR_NONE);
    check_second(502, "connect");
}

static void test_stream(void)
{
    const char *tail = "\"pipeline\":[]}}\n\ndata: [DONE]\n\n";

    reset();
    header("x-openrouter-metadata", "enabled");
    ask(ASK ",\"stream\":true}");
    up_head(429);
    up_done(ERR_NONE);
    up_head(200);
    up_bytes(VIEW_LIT(CHUNK), 1000);
    client_reads();
    up_done(ERR_NONE);
    CHECK(client.ended && !client.aborted);
    check_second(429, "provider_status");
    CHECK(said("\"choices\":[],\"openrouter_metadata\":{"));
    CHECK(strcmp(client.out + client.out_len - strlen(tail), tail) == 0);
}

static void test_not_wanted(void)
{
    static const char *const values[] = {NULL, "disabled", "", "true"};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        reset();
        if (values[i] != NULL)
            header("x-openrouter-metadata", values[i]);
        ask(ASK "}");
        up_head(200);
        up_bytes(VIEW_LIT(WHOLE), 1000);
        up_done(ERR_NONE);
        CHECK_INT(client.status, 200);
        CHECK(!said("openrouter_metadata"));
    }
}

/* The deployment is the model, whatever the body says of one. */
static void test_deployment(void)
{
    static const struct {
        const char *path, *members;
        int status; /* 0: a provider is asked */
    } cases[] = {
        {"/openai/deployments/demo/echo/chat/completions", "", 0},
        {"/openai/deployments/demo%2Fecho/chat/completions", "\"model\":\"gpt-4o\",", 0},
        {"/v1/deployments/demo/echo/chat/completions", "\"model\":\"demo/echo\",", 0},
        {"/openai/deployments/no/such/chat/completions", "\"model\":\"demo/echo\",", 404},
        {"/openai/deployments/demo%2/chat/completions", "\"model\":\"demo/echo\",", 404},
        {"/v1/chat/completions", "\"model\":\"gpt-4o\",", 404},
        {"/v1/chat/completions", "", 400},
    };
    char body[256], path[400];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        client.path = cases[i].path;
        snprintf(body, sizeof body, "{%s\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
                 cases[i].members);
        ask(body);
        CHECK_INT(client.status, cases[i].status);
        CHECK_INT(up.started, cases[i].status == 0);
        if (cases[i].status != 0)
            continue;
        CHECK(strstr(up.sent[0], "\"model\":\"up-echo\"") != NULL);
        CHECK(strstr(up.sent[0], "gpt-4o") == NULL);
        up_head(200);
        up_bytes(VIEW_LIT(WHOLE), 1000);
        up_done(ERR_NONE);
        CHECK_INT(client.status, 200);
    }
    /* longer than any id */
    reset();
    snprintf(path, sizeof path, "/openai/deployments/%0200d/chat/completions", 0);
    client.path = path;
    ask(ASK "}");
    CHECK_INT(client.status, 404);
}

static const struct check_case cases[] = {
    {"route_metadata_whole", test_whole},
    {"route_metadata_silent", test_silent},
    {"route_metadata_stream", test_stream},
    {"route_metadata_not_wanted", test_not_wanted},
    {"route_metadata_deployment", test_deployment},
};
CHECK_MAIN(cases)
