/* (G) Does an answer refuse instead of answering? The structure of the answer says it first; else its opening sentences do,
 * if the answer is short: who refuses says so at once and does not go on for long. Patterns were made on one half of
 * tests/unit/refusals.tsv and measured on the other. */
#include "content_view.h"
#include "refusal_words.h"
#include "secret.h"
#include "words.h"

#include <string.h>

enum {
    SHORT_BYTES = 2000, /* escaped; a longer answer that begins with what it cannot do goes on with what it can */
    GAP_MAX = 4,        /* adverbs between two words of a pattern */
};

/* A pattern is words with a space between them, found one behind the other within a sentence:
 *   a|b    one of these          a~   a word that begins so         ^  the answer begins here     $  it ends here
 *   *      up to GAP_MAX of the adverbs below       **   anything of the same sentence
 * The letters of accents are plain, as refusal_words has them. */
#define NEGATED "can't|cannot|cant|won't|shouldn't|couldn't|wouldn't"
#define VERBS                                                                                                           \
    "help|assist|comply|fulfill|fulfil|provide|write|create|generate|produce|share|give|offer|answer|respond|discuss|"   \
    "engage|participate|continue|support|facilitate|reveal|disclose|identify|explain|teach|complete|process|draft|plan|" \
    "accommodate|proceed|enable|promote"
#define THAT "that|this|it|so|anything"
#define RULES "guidelines|programming|policy|policies|principles|values|rules|instructions"

#define GERMAN_VERBS                                                                                                    \
    "helfen|weiterhelfen|tun|dienen|unterstutzen|beantworten|antworten|erfullen|nachkommen|erstellen|schreiben|"         \
    "verfassen|geben|weitergeben|bereitstellen|liefern|generieren|stellen|mitmachen|fortsetzen|bearbeiten|besprechen"
#define FRENCH_VERBS                                                                                                    \
    "aider|t'aider|m'aider|l'aider|repondre|fournir|acceder|generer|donner|creer|ecrire|faire|continuer|aborder|produire|" \
    "rediger|assister|partager|discuter|satisfaire|expliquer|d'aider|participer"
#define SPANISH_VERBS                                                                                                   \
    "ayudar~|proporcionar~|cumplir|generar~|ofrecer~|continuar|escribir~|crear~|dar~|responder~|hacer~|compartir~|"       \
    "participar|facilitar~|discutir|hablar|explicar~"

static const char *const patterns[] = {
    /* English */
    "i|we " NEGATED " * " VERBS,
    "and|so|but " NEGATED " * " VERBS,
    "i|we can|will|could|should|would not * " VERBS,
    "i|we " NEGATED " * do " THAT,
    "i|we can|will|could|should|would not * do " THAT,
    "i|we " NEGATED " * go further",
    "i'm|we're unable to * " VERBS,
    "i|we am|are unable to * " VERBS,
    "i|we will|would be unable to * " VERBS,
    "i'm|we're not * able|going|willing|allowed|permitted|prepared|authorized to * " VERBS,
    "i|we am|are not * able|going|willing|allowed|permitted|prepared|authorized to * " VERBS,
    "i'm|we're not * able|going|willing|allowed|permitted|prepared to * do " THAT,
    "i|we am|are not * able|going|willing|allowed|permitted|prepared to * do " THAT,
    "i'm not comfortable",
    "i|we do not feel comfortable",
    "i|we don't feel comfortable",
    "i|we must|will|need|have|respectfully|should|shall to * decline|refuse",
    "i|we must|will|should|respectfully|do * decline|refuse",
    "i'm|am going to have to decline",
    "i'll have to decline",
    "i decline|refuse to * " VERBS,
    "i'd rather not " VERBS,
    "i would rather|prefer not * " VERBS,
    "i prefer not to * " VERBS,
    "i don't think i should|can " VERBS,
    "i don't|won't engage|participate with|in",
    "i don't create|provide|produce|generate|write|share content|instructions|material|guidance",
    "i do not create|provide|produce|generate|write|share content|instructions|material|guidance",
    "not something i can|am|could|will",
    "not something i'm|i'd",
    "something i can't|cannot|won't",
    "isn't something i can|am|could|will|i'm",
    "not be appropriate|ethical|responsible for me to",
    "wouldn't be appropriate|ethical|responsible for me to",
    "against my|our ** " RULES,
    "not within my|our ** " RULES,
    "it's|is not appropriate|acceptable|ethical or * safe|ethical|legal|appropriate|responsible|acceptable",
    "my|our|openai's|anthropic's|google's ** " RULES " don't|prevent|prohibit|forbid",
    "my|our ** " RULES " do not allow|permit",
    "violates|violate|violating our|my ** " RULES,
    "let's talk about something else",
    "^ i can't|cannot|won't $",
    "^ sorry $",
    "^ i'm sorry $",
    "^ i am sorry $",
    "^ request denied|declined|refused",
    /* German */
    "kann|darf|werde|mochte ich|dir|ihnen|euch ** nicht|keine|keinen|kein|keinerlei ** helf~|weiterhelf~",
    "ich ** kann|darf|werde|mochte ** nicht|keine|keinen|kein|keinerlei ** " GERMAN_VERBS,
    "kann|darf|werde|mochte ich ** nicht|keine|keinen|kein|keinerlei ** " GERMAN_VERBS,
    "ich|leider ** nicht in der lage ** zu",
    "ich muss ** ablehnen",
    "ich lehne es|das|dies|diese ** ab",
    /* French */
    "je ne peux|vais|veux|dois|saurais ** pas ** " FRENCH_VERBS,
    "je ne suis pas en mesure|capable|autorise ** " FRENCH_VERBS,
    "je dois|souhaite ** refuser|decliner",
    "je refuse d'ecrire|d'aider|d'expliquer",
    "je refuse de ** " FRENCH_VERBS,
    "il m'est impossible ** " FRENCH_VERBS,
    "je prefere ne pas",
    "a l'encontre de mes|nos",
    /* Spanish */
    "no puedo|podemos|voy|debo ** " SPANISH_VERBS,
    "no me es posible ** " SPANISH_VERBS,
    "no estoy en condiciones|capacitado|autorizado ** " SPANISH_VERBS,
    "debo rechazar|declinar|negarme",
    "me niego a",
    "prefiero no hablar|tratar|continuar|responder|escribir",
    "en contra de mis|nuestras|nuestros",
};

#define ADVERBS                                                                                                         \
    "really|simply|just|unfortunately|honestly|currently|ethically|legally|directly|safely|in|good|conscience|be|able|"   \
    "to|going|personally|also|actually|right|now|even|knowingly|under|any|circumstances|unable|ever|respectfully|further"

/* Chinese, in one run between two marks: who, that it cannot, what. */
static const char *const chinese_cannot[] = {"无法", "不能", "没办法", "不便", "不会", "拒绝", "不可以", "没法"};
static const char *const chinese_verbs[] = {"提供", "协助", "帮助", "帮你", "帮您", "回答", "讨论", "满足", "生成", "参与",
                                            "编写", "完成", "继续", "撰写", "给出", "透露", "创作", "回应"};
static const char *const chinese_turns[] = {"聊点别的", "换个话题", "聊聊别的"};

/* --- words of a pattern */

/* The next word of a pattern; false at its end. */
static bool next_word(const char **pattern, struct view *out)
{
    size_t n = strcspn(*pattern, " ");

    if (n == 0)
        return false;
    *out = view_of(*pattern, n);
    *pattern += n;
    *pattern += strspn(*pattern, " ");
    return true;
}

static bool is_one_of(struct view alternatives, struct view word)
{
    while (alternatives.len != 0) {
        const uint8_t *bar = memchr(alternatives.ptr, '|', alternatives.len);
        struct view one = view_of(alternatives.ptr, bar == NULL ? alternatives.len : (size_t)(bar - alternatives.ptr));
        bool prefix = one.len != 0 && one.ptr[one.len - 1] == '~';

        if (prefix ? view_starts(word, view_of(one.ptr, one.len - 1)) : view_eq(word, one))
            return true;
        alternatives = view_from(alternatives, one.len + 1);
    }
    return false;
}

/* Does the pattern stand at word `at`, and in one sentence? */
static bool stands(const struct refusal_words *w, size_t at, uint8_t sentence, const char *pattern)
{
    struct view p;
    bool anything;

    while (next_word(&pattern, &p)) {
        if (p.ptr[0] == '$')
            return at == w->n;
        if (p.ptr[0] != '*') {
            if (at == w->n || w->word[at].sentence != sentence || !is_one_of(p, refusal_word(w, at)))
                return false;
            at++;
            continue;
        }
        anything = p.len == 2;
        for (size_t gap = 0; anything || gap <= GAP_MAX; gap++, at++) {
            if (stands(w, at, sentence, pattern))
                return true;
            if (at == w->n || w->word[at].sentence != sentence ||
                (!anything && !is_one_of(VIEW_LIT(ADVERBS), refusal_word(w, at))))
                return false;
        }
        return false;
    }
    return true;
}

/* "I can't help but notice" */
static bool is_idiom(const struct refusal_words *w, size_t at)
{
    for (; at + 1 < w->n && w->word[at + 1].sentence == w->word[at].sentence; at++)
        if (view_eq(refusal_word(w, at), VIEW_LIT("help")))
            return view_eq(refusal_word(w, at + 1), VIEW_LIT("but"));
    return false;
}

static bool has_pattern(const struct refusal_words *w)
{
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const char *p = patterns[i];
        bool begin = p[0] == '^';

        for (size_t at = 0; at < w->n && w->word[at].sentence < REFUSAL_SENTENCES && !(begin && at != 0); at++)
            if (stands(w, at, w->word[at].sentence, begin ? p + 2 : p) && !is_idiom(w, at))
                return true;
    }
    return false;
}

/* --- Chinese */

static const uint8_t *find(struct view v, const char *s)
{
    return v.len == 0 ? NULL : memmem(v.ptr, v.len, s, strlen(s));
}

static bool run_refuses(struct view run)
{
    for (size_t i = 0; i < sizeof chinese_cannot / sizeof chinese_cannot[0]; i++) {
        const uint8_t *at = find(run, chinese_cannot[i]), *who = find(run, "我");

        if (at == NULL || who == NULL || who > at)
            continue;
        for (size_t k = 0; k < sizeof chinese_verbs / sizeof chinese_verbs[0]; k++)
            if (find(view_from(run, (size_t)(at - run.ptr)), chinese_verbs[k]) != NULL)
                return true;
    }
    for (size_t i = 0; i < sizeof chinese_turns / sizeof chinese_turns[0]; i++)
        if (find(run, chinese_turns[i]) != NULL)
            return true;
    return false;
}

static bool has_chinese(const struct refusal_words *w)
{
    for (size_t i = 0; i < w->n && w->word[i].sentence < REFUSAL_SENTENCES; i++)
        if (run_refuses(refusal_word(w, i)))
            return true;
    return false;
}

/* --- */

/* "Dear Ms Maier, ...": what the writer of a letter cannot do is what was asked for. */
static bool is_letter(const struct refusal_words *w)
{
    static const char greetings[] = "dear|hi|hello|hey|subject|sehr|liebe|lieber|madame|monsieur|estimado|estimada";

    if (w->n < 2 || w->word[1].sentence != 0 || !is_one_of(view_str(greetings), refusal_word(w, 0)))
        return false;
    for (size_t i = 0; i < w->n && i < 5 && w->word[i].sentence == 0; i++)
        if (w->word[i].comma)
            return i > 0 || view_eq(refusal_word(w, 0), VIEW_LIT("madame")) || view_eq(refusal_word(w, 0), VIEW_LIT("monsieur"));
    return view_eq(refusal_word(w, 0), VIEW_LIT("subject")) || is_one_of(VIEW_LIT("estimado|estimada"), refusal_word(w, 0));
}

bool refusal_is(const struct collect *answer)
{
    struct view text = collect_text(answer);
    struct refusal_words w;
    bool refuses;

    if (answer->n_calls != 0)
        return false;
    if (collect_refusal(answer).len != 0 || answer->finish == FINISH_CONTENT_FILTER)
        return true;
    if (text.len == 0 || text.len > SHORT_BYTES)
        return false;
    refusal_words_read(&w, text);
    refuses = !w.code && !is_letter(&w) && (has_pattern(&w) || has_chinese(&w));
    secret_wipe(&w, sizeof w);
    return refuses;
}
