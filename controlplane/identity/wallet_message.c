/* EIP-4361 by its grammar, and addresses with the capitals of EIP-55. */
#include "wallet_message.h"

#include "keccak.h"
#include "secret.h"
#include "time_text.h"

/* --- addresses */

void wallet_address_text(const uint8_t address[static WALLET_ADDRESS_BYTES], char out[static WALLET_ADDRESS_TEXT + 1])
{
    uint8_t digest[KECCAK_BYTES];
    char *hex = out + 2;

    memcpy(out, "0x", 2);
    hex_encode(address, WALLET_ADDRESS_BYTES, hex);
    /* The digest of the 40 small digits; a letter is a capital where the digest's digit is 8 or more. */
    keccak256(view_of(hex, 2 * WALLET_ADDRESS_BYTES), VIEW_EMPTY, digest);
    for (size_t i = 0; i < 2 * WALLET_ADDRESS_BYTES; i++) {
        unsigned digit = i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15u;

        if (hex[i] >= 'a' && digit >= 8)
            hex[i] = (char)(hex[i] - 'a' + 'A');
    }
}

enum err wallet_address_parse(struct view text, uint8_t out[static WALLET_ADDRESS_BYTES])
{
    char again[WALLET_ADDRESS_TEXT + 1];

    if (text.len != WALLET_ADDRESS_TEXT || hex_decode(view_from(text, 2), out, WALLET_ADDRESS_BYTES) != ERR_NONE)
        return ERR_FORMAT;
    wallet_address_text(out, again);
    return view_eq(text, view_of(again, WALLET_ADDRESS_TEXT)) ? ERR_NONE : ERR_FORMAT;
}

/* --- characters, by the names of RFC 3986 */

static bool alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool among(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool unreserved(uint8_t c)
{
    return alphanumeric(c) || among(c, "-._~");
}

static bool reserved(uint8_t c)
{
    return among(c, ":/?#[]@!$&'()*+,;=");
}

static bool in_statement(uint8_t c)
{
    return reserved(c) || unreserved(c) || c == ' ';
}

static bool in_uri(uint8_t c)
{
    return reserved(c) || unreserved(c) || c == '%';
}

static bool in_pchar(uint8_t c)
{
    return unreserved(c) || among(c, "!$&'()*+,;=:@%");
}

static bool in_authority(uint8_t c)
{
    return unreserved(c) || among(c, "!$&'()*+,;=:@[]%");
}

static bool in_scheme(uint8_t c)
{
    return alphanumeric(c) || among(c, "+-.");
}

static bool all(struct view v, bool (*in)(uint8_t c))
{
    for (size_t i = 0; i < v.len; i++)
        if (!in(v.ptr[i]))
            return false;
    return true;
}

static bool alphabetic(uint8_t c)
{
    return alphanumeric(c) && !(c >= '0' && c <= '9');
}

static bool scheme_ok(struct view v)
{
    return v.len > 0 && alphabetic(v.ptr[0]) && all(v, in_scheme);
}

/* A scheme, a colon, and characters that a URI may have. */
static bool uri_ok(struct view v)
{
    const uint8_t *colon = v.len == 0 ? NULL : memchr(v.ptr, ':', v.len);

    return colon != NULL && scheme_ok(view_of(v.ptr, (size_t)(colon - v.ptr))) && all(v, in_uri);
}

/* --- lines */

/* Up to the next line feed, which goes, too. false: the text is over. */
static bool take_line(struct view *rest, struct view *line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);

    if (end == NULL)
        return false;
    *line = view_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = view_from(*rest, line->len + 1);
    return true;
}

static bool take_empty(struct view *rest)
{
    struct view line;

    return take_line(rest, &line) && line.len == 0;
}

/* "Name: value", and its line feed. */
static bool take_field(struct view *rest, struct view name, struct view *value)
{
    struct view line;

    if (!take_line(rest, &line) || !view_starts(line, name))
        return false;
    *value = view_from(line, name.len);
    return true;
}

/* The same of the lines from "Issued At" on: the line feed is in front of the next one, and the last has none. false: the
 * next line is another one, and nothing changes. */
static bool take_last_field(struct view *rest, struct view name, struct view *value)
{
    const uint8_t *end;

    if (!view_starts(*rest, name))
        return false;
    *rest = view_from(*rest, name.len);
    end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    *value = view_of(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));
    *rest = view_from(*rest, value->len);
    return true;
}

static bool time_ok(struct view v, uint64_t *out_s)
{
    char text[48]; /* a date-time has 20 characters, with a fraction and an offset some more */

    if (v.len <= sizeof "2026-11-21" || v.len >= sizeof text || memchr(v.ptr, '\0', v.len) != NULL)
        return false;
    memcpy(text, v.ptr, v.len);
    text[v.len] = '\0';
    return time_parse(text, out_s);
}

/* [scheme "://"] domain " wants you ..." */
static bool take_head(struct view *rest, struct wallet_message *out)
{
    struct view line, tail = VIEW_LIT(" wants you to sign in with your Ethereum account:");
    const uint8_t *mark;

    if (!take_line(rest, &line) || line.len <= tail.len || !view_eq(view_from(line, line.len - tail.len), tail))
        return false;
    out->domain = view_of(line.ptr, line.len - tail.len);
    mark = memmem(out->domain.ptr, out->domain.len, "://", 3);
    if (mark != NULL) {
        out->scheme = view_of(line.ptr, (size_t)(mark - line.ptr));
        out->domain = view_from(out->domain, out->scheme.len + 3);
        if (!scheme_ok(out->scheme))
            return false;
    }
    return out->domain.len > 0 && all(out->domain, in_authority);
}

/* An empty line, [statement], an empty line. */
static bool take_statement(struct view *rest, struct wallet_message *out)
{
    if (!take_empty(rest) || !take_line(rest, &out->statement))
        return false;
    return out->statement.len == 0 || (all(out->statement, in_statement) && take_empty(rest));
}

static bool take_numbers(struct view *rest, struct wallet_message *out)
{
    struct view version, chain;

    return take_field(rest, VIEW_LIT("URI: "), &out->uri) && uri_ok(out->uri) &&
           take_field(rest, VIEW_LIT("Version: "), &version) && view_eq(version, VIEW_LIT("1")) &&
           take_field(rest, VIEW_LIT("Chain ID: "), &chain) && view_u64(chain, &out->chain_id) &&
           take_field(rest, VIEW_LIT("Nonce: "), &out->nonce) && out->nonce.len >= WALLET_NONCE_MIN &&
           all(out->nonce, alphanumeric);
}

static bool take_times(struct view *rest, struct wallet_message *out)
{
    struct view v;

    if (!take_last_field(rest, VIEW_LIT("Issued At: "), &v) || !time_ok(v, &out->issued_s))
        return false;
    if (take_last_field(rest, VIEW_LIT("\nExpiration Time: "), &v) && !time_ok(v, &out->expires_s))
        return false;
    return !take_last_field(rest, VIEW_LIT("\nNot Before: "), &v) || time_ok(v, &out->not_before_s);
}

static bool take_resources(struct view *rest, struct wallet_message *out)
{
    struct view v;

    if (!take_last_field(rest, VIEW_LIT("\nResources:"), &v))
        return true;
    if (v.len != 0)
        return false;
    while (take_last_field(rest, VIEW_LIT("\n- "), &v)) {
        if (!uri_ok(v))
            return false;
        out->resources++;
    }
    return true;
}

enum err wallet_message_parse(struct view text, struct wallet_message *out)
{
    struct view rest = text, address;

    *out = (struct wallet_message){0};
    if (text.len > WALLET_MESSAGE_MAX || !take_head(&rest, out) || !take_line(&rest, &address) ||
        wallet_address_parse(address, out->address) != ERR_NONE || !take_statement(&rest, out) ||
        !take_numbers(&rest, out) || !take_times(&rest, out))
        return ERR_FORMAT;
    if (take_last_field(&rest, VIEW_LIT("\nRequest ID: "), &out->request_id) && !all(out->request_id, in_pchar))
        return ERR_FORMAT;
    return take_resources(&rest, out) && rest.len == 0 ? ERR_NONE : ERR_FORMAT;
}
