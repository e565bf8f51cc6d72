/* A model of Google's gets what a client of any dialect asked for only if the request says it in Google's words, within the
 * model's gates: each row of the translation is a case of exact bytes, or a setting for which the endpoint is no candidate.
 * With TR_WRITTEN=FILE each body goes there, one JSON object a line, for e2e/gemini.py, which holds it to the closed
 * definition. */
#include "gemini_render.h"
#include "lib/prompt_build.h"

#define json_object json_c_object /* the product has a function of that name */
#include <json-c/json.h>
#undef json_object

#include <stdio.h>
#include <stdlib.h>

#define DATA(id, data) "{\"type\":\"reasoning.encrypted\"," id "\"data\":\"" data "\",\"format\":\"google-gemini-v1\",\"index\":0}"

/* --- prompts --- */

static void plain(void)
{
    says(ROLE_USER, "a\\n\\\"b\\\" \\u00e9");
}

static void systems(void)
{
    says(ROLE_DEVELOPER, "d");
    says(ROLE_SYSTEM, "s");
    (void)item(ITEM_TEXT, "");
    says(ROLE_USER, "u");
    says(ROLE_SYSTEM, "later");
}

static void system_alone(void)
{
    says(ROLE_SYSTEM, "s");
}

static void nothing(void)
{
    message(ROLE_USER);
}

/* Q1 of the worked examples. */
static void worked(void)
{
    struct prompt_tool *t;

    prompt.max_tokens = 2048;
    prompt.list.setting[SETTING_TEMPERATURE] = v("0.5");
    prompt.list.parallel_calls = 0;
    prompt.list.choice = CHOICE_AUTO;
    says(ROLE_SYSTEM, "Be brief.");
    says(ROLE_USER, "Weather in the picture, and the time?");
    (void)item(ITEM_IMAGE, "data:image/png;base64,iVBORw0KGgo=");
    message(ROLE_ASSISTANT);
    (void)call("c1", "weather", "{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}");
    (void)call("c2", "now", "");
    (void)result("c1", "sunny");
    (void)result("c2", "12:00");
    says(ROLE_USER, "Go on.");
    t = tool(TOOL_FUNCTION, "weather",
             "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}");
    t->description = v("Weather of a city");
    t->strict = 1;
    (void)tool(TOOL_FUNCTION, "now", "{\"type\":\"object\",\"properties\":{}}");
}

/* Q3, and the switch for what Google keeps. */
#define WORKED(sign, id1, id2)                                                                                         \
    "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"          \
    "\"Weather in the picture, and the time?\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]},"      \
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{" id1 "\"name\":\"weather\",\"args\":{\"city\":\"Z\xc3\xbcrich\"}}" sign "},"    \
    "{\"functionCall\":{" id2 "\"name\":\"now\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{" id1                 \
    "\"name\":\"weather\",\"response\":{\"output\":\"sunny\"}}},{\"functionResponse\":{" id2 "\"name\":\"now\",\"response\":{"      \
    "\"output\":\"12:00\"}}},{\"text\":\"Go on.\"}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\",\"description\":"   \
    "\"Weather of a city\",\"parametersJsonSchema\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[" \
    "\"city\"],\"additionalProperties\":false}},{\"name\":\"now\"}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"VALIDATED\"}}," \
    "\"generationConfig\":{\"maxOutputTokens\":2048,\"temperature\":0.5}"

/* Calls of two turns, text between, results in another order, one that failed, one that is missing, one of no call. */
static void disordered(void)
{
    message(ROLE_ASSISTANT);
    (void)item(ITEM_TEXT, "one");
    (void)call("a", "f", "{}");
    message(ROLE_ASSISTANT);
    (void)call("b", "g", "[1, 2]");
    (void)call("c", "h", "no JSON \\\"");
    says(ROLE_USER, "and");
    result("b", "no")->failed = true;
    (void)item(ITEM_TEXT, "way");
    (void)result("a", "{\\\"n\\\": 1}");
    (void)result("z", "stray");
}

#define DISORDERED(sign, a, b, c)                                                                                             \
    "[{\"role\":\"model\",\"parts\":[{\"text\":\"one\"},{\"functionCall\":{" a "\"name\":\"f\",\"args\":{}}" sign "},"             \
    "{\"functionCall\":{" b "\"name\":\"g\",\"args\":{\"value\":[1, 2]}}},"                                                  \
    "{\"functionCall\":{" c "\"name\":\"h\",\"args\":{\"value\":\"no JSON \\\"\"}}}]},"                                      \
    "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{" a "\"name\":\"f\",\"response\":{\"n\": 1}}},"                     \
    "{\"functionResponse\":{" b "\"name\":\"g\",\"response\":{\"error\":\"no\\n\\nway\"}}},"                                \
    "{\"functionResponse\":{" c "\"name\":\"h\",\"response\":{\"error\":\"The tool gave no result.\"}}},"                   \
    "{\"text\":\"and\"},{\"text\":\"stray\"}]}]"

/* Images in results: inside of them since Gemini 3, behind them before. */
static void pictures(void)
{
    says(ROLE_USER, "u");
    message(ROLE_ASSISTANT);
    (void)call("a", "f", "{}");
    (void)call("b", "f", "{}");
    (void)result("a", "see");
    item(ITEM_IMAGE, "QQ==")->media_type = v("image/png");
    (void)result("b", NULL);
    item(ITEM_FILE, "Qg==")->media_type = v("application/pdf");
    says(ROLE_USER, "so?");
}

#define TWO_CALLS(sign, a, b)                                                                                               \
    "[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{" a               \
    "\"name\":\"f\",\"args\":{}}" sign "},{\"functionCall\":{" b "\"name\":\"f\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":["
#define PNG "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QQ==\"}"
#define PDF "\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"Qg==\"}"

/* A turn that thought: its own signature, those of its calls, and those of others. */
static void signed_turn(void)
{
    says(ROLE_USER, "u");
    message(ROLE_ASSISTANT);
    (void)item(ITEM_REASONING, "hm");
    (void)item(ITEM_DETAIL, DATA("", "QQ=="));
    (void)item(ITEM_DETAIL, DATA("\"id\":\"b\",", "Qg=="));
    (void)item(ITEM_DETAIL, "{\"type\":\"reasoning.encrypted\",\"id\":\"a\",\"data\":\"WA==\",\"format\":\"openai-responses-v1\"}");
    (void)item(ITEM_DETAIL, DATA("\"id\":\"a\",", "no base64!"));
    item(ITEM_REASONING, "other")->signature = v("WA==");
    (void)item(ITEM_TEXT, "x");
    (void)item(ITEM_TEXT, "y");
    (void)call("a", "f", "{}");
    (void)call("b", "f", "{}");
    (void)result("a", "1");
    (void)result("b", "2");
}

#define SIGNED(first)                                                                                                        \
    "[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"x\"},{\"text\":\"y\","      \
    "\"thoughtSignature\":\"QQ==\"},{\"functionCall\":{" first ",{\"functionCall\":{"
#define SIGNED_3                                                                                                             \
    SIGNED("\"id\":\"a\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"skip_thought_signature_validator\"}")             \
    "\"id\":\"b\",\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"Qg==\"}]},{\"role\":\"user\",\"parts\":["                \
    "{\"functionResponse\":{\"id\":\"a\",\"name\":\"f\",\"response\":{\"output\":\"1\"}}},"                                   \
    "{\"functionResponse\":{\"id\":\"b\",\"name\":\"f\",\"response\":{\"output\":\"2\"}}}]}]"
#define SIGNED_2                                                                                                             \
    SIGNED("\"name\":\"f\",\"args\":{}}}")                                                                                   \
    "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"Qg==\"}]},{\"role\":\"user\",\"parts\":["                            \
    "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"1\"}}},"                                               \
    "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"2\"}}}]}]"

/* A signature of a call whose id is another one now, and one that a client kept beside the call alone. */
static void signed_otherwise(void)
{
    says(ROLE_USER, "u");
    message(ROLE_ASSISTANT);
    (void)item(ITEM_DETAIL, DATA("\"id\":\"old\",", "QQ=="));
    (void)call("a", "f", "{}");
    call("b", "f", "{}")->signature = v("Qg==");
    (void)result("a", "1");
    (void)result("b", "2");
    message(ROLE_ASSISTANT);
    (void)item(ITEM_DETAIL, DATA("", "Qw=="));
    says(ROLE_USER, "v");
}

#define OTHERWISE                                                                                                            \
    "[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"a\","       \
    "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"QQ==\"},{\"functionCall\":{\"id\":\"b\",\"name\":\"f\",\"args\":{}}," \
    "\"thoughtSignature\":\"Qg==\"}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"a\",\"name\":\"f\","      \
    "\"response\":{\"output\":\"1\"}}},{\"functionResponse\":{\"id\":\"b\",\"name\":\"f\",\"response\":{\"output\":\"2\"}}}]}," \
    "{\"role\":\"model\",\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"Qw==\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"v\"}]}]"

/* Every kind of part, as bytes and by URL. */
static void parts(void)
{
    message(ROLE_USER);
    item(ITEM_IMAGE, "https://x.example/a.JPG?s=1.png")->extra = v("\"low\"");
    item(ITEM_IMAGE, "data:image\\/webp;base64,QQ==")->extra = v("\"auto\"");
    item(ITEM_AUDIO, "QQ==")->media_type = v("wav");
    item(ITEM_AUDIO, "QQ==")->media_type = v("audio/flac");
    item(ITEM_FILE, "QQ==")->name = v("b.pdf");
    (void)item(ITEM_FILE, "data:text/plain;charset=utf-8;base64,QQ==");
    (void)item(ITEM_VIDEO, "gs://bucket/c.mp4");
    (void)item(ITEM_VIDEO, "https://www.youtube.com/watch?v=1");
    item(ITEM_TEXT, " {\"a\" : 1}")->text.json = true;
}

#define PARTS(low)                                                                                                           \
    "[{\"role\":\"user\",\"parts\":[{\"fileData\":{\"mimeType\":\"image/jpeg\",\"fileUri\":\"https://x.example/a.JPG?s=1.png\"}" low "},"  \
    "{\"inlineData\":{\"mimeType\":\"image\\/webp\",\"data\":\"QQ==\"}},"                                                   \
    "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"QQ==\"}},"                                                      \
    "{\"inlineData\":{\"mimeType\":\"audio/flac\",\"data\":\"QQ==\"}},"                                                     \
    "{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"QQ==\"}},"                                                \
    "{\"inlineData\":{\"mimeType\":\"text/plain\",\"data\":\"QQ==\"}},"                                                     \
    "{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":\"gs://bucket/c.mp4\"}},"                                        \
    "{\"fileData\":{\"fileUri\":\"https://www.youtube.com/watch?v=1\"}},"                                                   \
    "{\"text\":\"{\\\"a\\\":1}\"}]}]"

static void every_setting(void)
{
    static const char *const values[SETTING_COUNT] = {
        "1", "0.9", "4e1", "0.1", "0.2", "-1", "1.5", "1.1", "-7", "[\"x\",\"y\"]", "{\"1\":2}", "false",
        "5", "\"low\"", "\"default\"", "\"key\"", "\"id\"",
    };

    for (size_t i = 0; i < SETTING_COUNT; i++)
        prompt.list.setting[i] = v(values[i]);
    prompt.n_choices = 2;
    plain();
}

static void odd_settings(void)
{
    prompt.list.setting[SETTING_SEED] = v("2147483648");
    prompt.list.setting[SETTING_TOP_K] = v("1.5");
    prompt.list.setting[SETTING_TEMPERATURE] = v("null");
    prompt.list.setting[SETTING_STOP] = v("\"x\"");
    plain();
}

static void format(void)
{
    prompt.list.format = FORMAT_JSON_SCHEMA;
    prompt.list.format_schema =
        v("{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"properties\":{\"const\":{\"const\":1},"
          "\"k\":{\"enum\":[\"a\"],\"const\":\"a\"},\"l\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/s\"}},"
          "\"d\":{\"type\":\"object\",\"default\":{\"const\":1}}},\"$defs\":{\"s\":{\"anyOf\":[{\"const\":\"x\"},{\"type\":\"null\"}]}}}");
    plain();
}

#define FORMAT                                                                                                               \
    "\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"const\":{\"enum\":[1]}," \
    "\"k\":{\"enum\":[\"a\"]},\"l\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/s\"}},"                                 \
    "\"d\":{\"type\":\"object\",\"default\":{\"const\":1}}},\"$defs\":{\"s\":{\"anyOf\":[{\"enum\":[\"x\"]},{\"type\":\"null\"}]}}}"

static void format_object(void)
{
    prompt.list.format = FORMAT_JSON_OBJECT;
    plain();
}

static void format_and_tools(void)
{
    tool(TOOL_FUNCTION, "f", NULL)->strict = 1;
    format_object();
}

static void format_and_no_tools(void)
{
    prompt.list.choice = CHOICE_NONE;
    format_and_tools();
}

static void format_and_forced(void)
{
    prompt.list.choice = CHOICE_REQUIRED;
    format_and_tools();
}

static void one_tool(void)
{
    (void)tool(TOOL_FUNCTION, "f", "{}");
    (void)tool(TOOL_FUNCTION, "ns:g.h-1", NULL);
    prompt.list.choice = CHOICE_TOOL;
    prompt.list.choice_name = v("f");
    plain();
}

static void no_tool(void)
{
    (void)tool(TOOL_FUNCTION, "f", NULL);
    prompt.list.choice = CHOICE_NONE;
    plain();
}

/* Free text goes as a function with one string. */
static void custom(void)
{
    (void)tool(TOOL_CUSTOM, "patch", "{\"type\":\"text\"}");
    prompt.list.choice = CHOICE_REQUIRED;
    says(ROLE_USER, "u");
    message(ROLE_ASSISTANT);
    call("c", "patch", "a \\\"b\\\"\\n")->custom = true;
    (void)result("c", "ok");
}

#define CUSTOM                                                                                                               \
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"patch\"," \
    "\"args\":{\"input\":\"a \\\"b\\\"\\n\"}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"patch\",\"response\":{" \
    "\"output\":\"ok\"}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"patch\",\"parametersJsonSchema\":{\"type\":\"object\"," \
    "\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}}]}],\"toolConfig\":{\"functionCallingConfig\":{"    \
    "\"mode\":\"ANY\"}},\"store\":false}"

/* --- thinking --- */

#define EFFORT(name, value)                                                                                                  \
    static void name(void)                                                                                                   \
    {                                                                                                                        \
        prompt.list.effort = value;                                                                                          \
        prompt.list.wants_reasoning = true;                                                                                  \
        plain();                                                                                                             \
    }
EFFORT(unsaid, EFFORT_UNSAID)
EFFORT(none, EFFORT_NONE)
EFFORT(minimal, EFFORT_MINIMAL)
EFFORT(medium, EFFORT_MEDIUM)
EFFORT(xhigh, EFFORT_XHIGH)
EFFORT(max, EFFORT_MAX)

static void budget(void)
{
    prompt.list.reasoning_tokens = 3000;
    plain();
}

static void large_budget(void)
{
    prompt.list.reasoning_tokens = 100000;
    plain();
}

static void hidden(void)
{
    prompt.hide_reasoning = true;
    unsaid();
}

static void unread(void)
{
    prompt.list.no_effort = true;
    prompt.list.effort = EFFORT_HIGH;
    plain();
}

/* --- endpoints --- */

static const struct provider studio = {.id = "google", .path = "/v1beta"},
                             vertex = {.id = "vertex", .path = "/v1/projects/p/locations/l/publishers/google"},
                             kept = {.id = "kept", .path = "/v1beta", .quirks = QUIRK_NO_STORE};

#define LEVELS(from) (uint8_t)((1u << EFFORT_HIGH) - (1u << ((from) - 1)))
#define THREE GATE_SIGNS_CALLS | GATE_THINKS_ADAPTIVELY | GATE_THINKS_ALWAYS | GATE_TOOLS_AND_FORMAT_AUTO | GATE_NO_PENALTIES
static const struct model_gates open = {0},
                                two = {.bits = GATE_NO_TOOLS_AND_FORMAT},
                                flash25 = {.bits = GATE_THINKS_BY_BUDGET | GATE_NO_TOOLS_AND_FORMAT | GATE_NO_PENALTIES,
                                           .budget_min = 1, .budget_max = 24576},
                                pro25 = {.bits = GATE_THINKS_BY_BUDGET | GATE_THINKS_ALWAYS | GATE_NO_TOOLS_AND_FORMAT,
                                         .budget_min = 128, .budget_max = 32768},
                                pro3 = {.bits = THREE, .efforts = LEVELS(EFFORT_LOW)},
                                flash3 = {.bits = THREE | GATE_NO_SAMPLING, .efforts = LEVELS(EFFORT_MINIMAL)},
                                hydrogen = {.bits = THREE, .efforts = LEVELS(EFFORT_LOW) | 1u << (EFFORT_XHIGH - 1)},
                                fixed = {.bits = GATE_NO_FORCED_TOOL | GATE_NO_SCHEMA | GATE_NO_URLS | GATE_NO_PREFILL};

#define HI "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\\n\\\"b\\\" \\u00e9\"}]}]"
#define CONTENTS(list) "{\"contents\":" list ",\"store\":false}"
#define CONFIG(members) HI ",\"generationConfig\":{" members "},\"store\":false}"
#define THINKS(members) CONFIG("\"thinkingConfig\":{" members "}")
#define SKIP ",\"thoughtSignature\":\"skip_thought_signature_validator\""
#define F_TOOL(mode) HI ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]" mode
#define MODE(mode) ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"" mode "\"}}"
#define JSON_ONLY ",\"generationConfig\":{\"responseMimeType\":\"application/json\"},\"store\":false}"

static const struct {
    void (*make)(void);
    const struct provider *provider;
    const struct model_gates *gates;
    uint32_t max_output;
    const char *want;
} cases[] = {
    {plain, &studio, &open, 0, HI ",\"store\":false}"},
    {plain, &vertex, &open, 0, HI "}"},
    {plain, &kept, &open, 4294967295u, HI ",\"generationConfig\":{\"maxOutputTokens\":4294967295}}"},
    {systems, &studio, &open, 0,
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"d\"},{\"text\":\"s\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"u\"},"
     "{\"text\":\"later\"}]}],\"store\":false}"},
    {system_alone, &studio, &open, 0, CONTENTS("[{\"role\":\"user\",\"parts\":[{\"text\":\"s\"}]}]")},
    {nothing, &studio, &open, 0, CONTENTS("[{\"role\":\"user\",\"parts\":[{\"text\":\"\"}]}]")},
    {worked, &studio, &pro3, 0, WORKED(SKIP, "\"id\":\"c1\",", "\"id\":\"c2\",") ",\"store\":false}"},
    {worked, &vertex, &pro3, 0, WORKED(SKIP, "", "") "}"},
    {worked, &studio, &flash25, 0, WORKED("", "", "") ",\"store\":false}"},
    {disordered, &studio, &open, 0, CONTENTS(DISORDERED("", "", "", ""))},
    {disordered, &studio, &pro3, 0, CONTENTS(DISORDERED(SKIP, "\"id\":\"a\",", "\"id\":\"b\",", "\"id\":\"c\","))},
    {pictures, &studio, &pro3, 0,
     CONTENTS(TWO_CALLS(SKIP, "\"id\":\"a\",", "\"id\":\"b\",")
              "{\"functionResponse\":{\"id\":\"a\",\"name\":\"f\",\"response\":{\"output\":\"see\"},\"parts\":[{" PNG "}]}},"
              "{\"functionResponse\":{\"id\":\"b\",\"name\":\"f\",\"response\":{\"output\":\"\"},\"parts\":[{" PDF "}]}},{\"text\":\"so?\"}]}]")},
    {pictures, &studio, &flash25, 0,
     CONTENTS(TWO_CALLS("", "", "") "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"see\"}}},"
              "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"output\":\"\"}}},{" PNG "},{" PDF "},{\"text\":\"so?\"}]}]")},
    {signed_turn, &studio, &pro3, 0, CONTENTS(SIGNED_3)},
    {signed_turn, &studio, &flash25, 0, CONTENTS(SIGNED_2)},
    {signed_otherwise, &studio, &pro3, 0, CONTENTS(OTHERWISE)},
    {parts, &studio, &open, 0, CONTENTS(PARTS(""))},
    {parts, &studio, &pro3, 0, CONTENTS(PARTS(",\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_LOW\"}"))},
    /* settings */
    {every_setting, &studio, &open, 7,
     CONFIG("\"maxOutputTokens\":7,\"candidateCount\":2,\"temperature\":1,\"topP\":0.9,\"topK\":40,\"seed\":-7,\"presencePenalty\":1.5,"
            "\"frequencyPenalty\":-1,\"stopSequences\":[\"x\",\"y\"]")},
    {every_setting, &studio, &pro3, 0,
     CONFIG("\"candidateCount\":2,\"temperature\":1,\"topP\":0.9,\"topK\":40,\"seed\":-7,\"stopSequences\":[\"x\",\"y\"]")},
    {every_setting, &studio, &flash3, 0, CONFIG("\"candidateCount\":2,\"seed\":-7,\"stopSequences\":[\"x\",\"y\"]")},
    {odd_settings, &studio, &open, 0, CONFIG("\"stopSequences\":[\"x\"]")},
    {format, &studio, &pro3, 0, CONFIG(FORMAT)},
    {format_object, &studio, &two, 0, HI JSON_ONLY},
    /* tools */
    {format_and_tools, &studio, &open, 0, F_TOOL(MODE("VALIDATED")) JSON_ONLY},
    {format_and_tools, &studio, &pro3, 0, F_TOOL("") JSON_ONLY},
    {format_and_no_tools, &studio, &two, 0, HI JSON_ONLY},
    {format_and_no_tools, &studio, &pro3, 0, HI JSON_ONLY},
    {format_and_forced, &studio, &open, 0, F_TOOL(MODE("ANY")) JSON_ONLY},
    {no_tool, &studio, &pro3, 0, F_TOOL(MODE("NONE")) ",\"store\":false}"},
    {one_tool, &studio, &pro3, 0,
     HI ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"},{\"name\":\"ns:g.h-1\"}]}],\"toolConfig\":{\"functionCallingConfig\":{"
        "\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]}},\"store\":false}"},
    {custom, &studio, &open, 0, CUSTOM},
    /* thinking */
    {unsaid, &studio, &open, 0, HI ",\"store\":false}"},
    {medium, &studio, &two, 0, HI ",\"store\":false}"},
    {unsaid, &studio, &flash25, 0, THINKS("\"includeThoughts\":true")},
    {hidden, &studio, &flash25, 0, HI ",\"store\":false}"},
    {unread, &studio, &flash25, 0, HI ",\"store\":false}"},
    {none, &studio, &flash25, 0, THINKS("\"thinkingBudget\":0")},
    {none, &studio, &pro25, 0, THINKS("\"thinkingBudget\":128")},
    {minimal, &studio, &flash25, 0, THINKS("\"thinkingBudget\":1,\"includeThoughts\":true")},
    {medium, &studio, &flash25, 0, THINKS("\"thinkingBudget\":2048,\"includeThoughts\":true")},
    {medium, &studio, &pro25, 1000, CONFIG("\"maxOutputTokens\":1000,\"thinkingConfig\":{\"thinkingBudget\":999,\"includeThoughts\":true}")},
    {medium, &studio, &pro25, 100, CONFIG("\"maxOutputTokens\":100,\"thinkingConfig\":{\"thinkingBudget\":128,\"includeThoughts\":true}")},
    {max, &studio, &pro25, 0, THINKS("\"thinkingBudget\":32768,\"includeThoughts\":true")},
    {budget, &studio, &flash25, 0, THINKS("\"thinkingBudget\":3000")},
    {large_budget, &studio, &flash25, 0, THINKS("\"thinkingBudget\":24576")},
    {budget, &studio, &pro3, 0, THINKS("\"thinkingLevel\":\"medium\"")},
    {none, &studio, &pro3, 0, THINKS("\"thinkingLevel\":\"low\"")},
    {none, &studio, &flash3, 0, THINKS("\"thinkingLevel\":\"minimal\"")},
    {minimal, &studio, &pro3, 0, THINKS("\"thinkingLevel\":\"low\",\"includeThoughts\":true")},
    {xhigh, &studio, &pro3, 0, THINKS("\"thinkingLevel\":\"high\",\"includeThoughts\":true")},
    {xhigh, &studio, &hydrogen, 0, THINKS("\"thinkingLevel\":\"xhigh\",\"includeThoughts\":true")},
    {max, &studio, &hydrogen, 0, THINKS("\"thinkingLevel\":\"xhigh\",\"includeThoughts\":true")},
};

/* --- running --- */

static FILE *written; /* TR_WRITTEN; NULL: not asked for */

static void write_down(const char *body)
{
    json_c_object *o;

    if (written == NULL)
        return;
    o = json_object_new_object();
    json_object_object_add(o, "body", json_object_new_string(body));
    fprintf(written, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    json_object_put(o);
}

static struct destination to(const struct provider *provider, const struct model_gates *gates, const char *name)
{
    static struct catalog_model model;
    static struct catalog_endpoint endpoint;

    model.gates = *gates;
    snprintf(endpoint.upstream_model, sizeof endpoint.upstream_model, "%s", name);
    return (struct destination){provider, &model, &endpoint};
}

static void bodies(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct destination d = to(cases[i].provider, cases[i].gates, "gemini-x");
        struct view refused;
        struct buf out;

        prompt_begin();
        cases[i].make();
        buf_init(&out, 1 << 16);
        CHECK(gemini_fits(&prompt, &d, &refused));
        CHECK_INT(gemini_render(&prompt, &d, cases[i].max_output, &out), ERR_NONE);
        CHECK_INT(buf_append_byte(&out, '\0'), ERR_NONE);
        if (strcmp((char *)out.ptr, cases[i].want) != 0)
            printf("# case %zu\n# got  %s\n# want %s\n", i, (char *)out.ptr, cases[i].want);
        CHECK(strcmp((char *)out.ptr, cases[i].want) == 0);
        write_down((char *)out.ptr);
        buf_free(&out);
        prompt_list_free(&prompt.list);
    }
}

/* --- what an endpoint is not asked --- */

static void six_stops(void)
{
    prompt.list.setting[SETTING_STOP] = v("[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]");
    plain();
}

static void nine_answers(void)
{
    prompt.n_choices = 9;
    plain();
}

static void logprobs(void)
{
    prompt.list.setting[SETTING_LOGPROBS] = v("true");
    plain();
}

static void flex(void)
{
    prompt.list.setting[SETTING_SERVICE_TIER] = v("\"flex\"");
    plain();
}

static void hosted(void)
{
    prompt.hosted_tools = true;
    plain();
}

static void bad_name(void)
{
    (void)tool(TOOL_FUNCTION, "a b", NULL);
    plain();
}

static void prefill(void)
{
    plain();
    says(ROLE_ASSISTANT, "so");
}

static void ends_with_call(void)
{
    plain();
    message(ROLE_ASSISTANT);
    (void)call("a", "f", "{}");
}

static void unknown_type(void)
{
    message(ROLE_USER);
    (void)item(ITEM_IMAGE, "https://x.example/picture");
}

static void no_base64(void)
{
    message(ROLE_USER);
    (void)item(ITEM_IMAGE, "data:image/svg+xml,<svg/>");
}

static void by_url(void)
{
    message(ROLE_USER);
    (void)item(ITEM_IMAGE, "https://x.example/a.png");
}

static void file_by_url(void)
{
    message(ROLE_USER);
    (void)item(ITEM_FILE, "https://x.example/a.pdf");
}

static void video_by_url(void)
{
    message(ROLE_USER);
    (void)item(ITEM_VIDEO, "https://x.example/a.mp4");
}

static void sound(void)
{
    message(ROLE_USER);
    item(ITEM_AUDIO, "QQ==")->media_type = v("wav");
}

static void no_sound(void)
{
    message(ROLE_USER);
    item(ITEM_AUDIO, "")->media_type = v("wav");
}

static const struct {
    void (*make)(void);
    const struct model_gates *gates;
    const char *refused; /* NULL: it may */
} fits[] = {
    {six_stops, &open, "stop"},
    {nine_answers, &open, "n"},
    {logprobs, &open, "logprobs"},
    {flex, &open, "service_tier"},
    {hosted, &open, "tools"},
    {bad_name, &open, "tools"},
    {prefill, &open, NULL},
    {prefill, &fixed, "messages"},
    {ends_with_call, &fixed, NULL},
    {unknown_type, &open, "image_url"},
    {no_base64, &open, "image_url"},
    {by_url, &open, NULL},
    {by_url, &fixed, "image_url"},
    {file_by_url, &open, NULL},
    {file_by_url, &fixed, "file"},
    {video_by_url, &open, NULL},
    {video_by_url, &fixed, "video_url"},
    {sound, &open, NULL},
    {no_sound, &open, "input_audio"},
    {format, &fixed, "response_format"},
    {format_object, &fixed, NULL},
    {format_and_tools, &two, "response_format"},
    {format_and_no_tools, &two, NULL},
    {format_and_forced, &pro3, "tool_choice"},
    {one_tool, &open, NULL},
    {one_tool, &fixed, "tool_choice"},
    {no_tool, &fixed, NULL},
};

static void candidates(void)
{
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        struct destination d = to(&studio, fits[i].gates, "gemini-x");
        struct view refused;
        bool fit;

        prompt_begin();
        fits[i].make();
        fit = gemini_fits(&prompt, &d, &refused);
        if (fit != (fits[i].refused == NULL) || (!fit && !view_eq(refused, v(fits[i].refused))))
            printf("# case %zu: %d %.*s\n", i, fit, (int)refused.len, (const char *)refused.ptr);
        CHECK(fit == (fits[i].refused == NULL));
        CHECK(fit || view_eq(refused, v(fits[i].refused)));
        prompt_list_free(&prompt.list);
    }
}

/* --- paths --- */

static void paths(void)
{
    static const struct {
        const char *model;
        bool stream;
        const char *want;
    } list[] = {
        {"gemini-2.5-flash", false, "/models/gemini-2.5-flash:generateContent"},
        {"gemini-2.5-flash", true, "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"},
        {"models/gemma_3@001~a", false, "/models/gemma_3@001~a:generateContent"},
        {"a/b?c#d:e\xc3\xbc %", true, "/models/a%2Fb%3Fc%23d%3Ae%C3%BC%20%25:streamGenerateContent?alt=sse"},
    };

    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct destination d = to(&studio, &open, list[i].model);
        struct buf out;

        prompt_begin();
        prompt.stream = list[i].stream;
        buf_init(&out, 1024);
        CHECK_INT(gemini_path(&prompt, &d, &out), ERR_NONE);
        CHECK(view_eq(buf_view(&out), v(list[i].want)));
        buf_free(&out);
    }
}

/* The room is enough for what grows most: many small calls without results. */
static void room(void)
{
    struct destination d = to(&studio, &pro3, "gemini-x");
    struct view refused;
    struct buf out;
    enum { CALLS = 2000, CALL_BYTES = 60 /* {"type":"function_call","call_id":"a","name":"b","arguments":""} */ };

    prompt_begin();
    says(ROLE_USER, "u");
    for (unsigned i = 0; i < CALLS; i++) {
        message(ROLE_ASSISTANT);
        (void)call("a", "b", "");
        says(ROLE_USER, "u");
    }
    prompt.body = view_of("", CALLS * CALL_BYTES);
    buf_init(&out, gemini_room(&prompt));
    CHECK(gemini_fits(&prompt, &d, &refused));
    prompt.body.len = 0; /* nothing may read it */
    CHECK_INT(gemini_render(&prompt, &d, 0, &out), ERR_NONE);
    buf_free(&out);
    buf_init(&out, CALLS * CALL_BYTES);
    CHECK_INT(gemini_render(&prompt, &d, 0, &out), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    buf_free(&out);
    prompt_list_free(&prompt.list);
}

static const struct check_case all[] = {
    {"bodies", bodies},
    {"candidates", candidates},
    {"paths", paths},
    {"room", room},
};

int main(int argc, char **argv)
{
    const char *path = getenv("TR_WRITTEN");
    int failed;

    if (path != NULL && (written = fopen(path, "w")) == NULL)
        abort();
    failed = check_main(all, sizeof all / sizeof all[0], argc, argv);
    if (written != NULL)
        fclose(written);
    return failed;
}
