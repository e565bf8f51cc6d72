/* The media of a prompt bound what is reserved and what an estimate costs at least: each kind, inside the
 * body or elsewhere, with twins that only look like it and are read as text. */
#include "media.c"

#include "check.h"

#include <stdio.h>

#define IMAGE(url) "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define AUDIO "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"mp3\"}}"

static void test_kinds(void)
{
    static const struct {
        const char *part;
        bool counts;
        uint32_t images, references;
        uint64_t bound, floor, bytes;
    } cases[] = {
        {IMAGE("https://x"), true, 1, 0, 0, MEDIA_IMAGE_FLOOR_TOKENS, 19},
        {IMAGE("data:image/png;base64,AAAA"), true, 1, 0, 0, MEDIA_IMAGE_FLOOR_TOKENS, 36},
        {"{\"type\":\"image_url\",\"image_url\":\"https://x\"}", true, 1, 0, 0, MEDIA_IMAGE_FLOOR_TOKENS, 11},
        {AUDIO, true, 0, 0, 64 + 2, 64, 30},
        {"{\"type\":\"input_audio\",\"input_audio\":{\"id\":\"a\"}}", true, 0, 1, 0, MEDIA_IMAGE_FLOOR_TOKENS, 10},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"AAAA\"}}", true, 0, 0, 64 + 43, 64, 20},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"https://x/a.pdf\"}}", true, 0, 1, 0, 1600, 31},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"HTTP\\u003a//x\"}}", true, 0, 1, 0, 1600, 29},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"\\/9j\\/AAAA\"}}", true, 0, 0, 64 + 49, 64, 26},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/plain;base64,AAAA\"}}", true, 0, 0, 64 + 66, 64, 43},
        {"{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}", true, 0, 1, 0, MEDIA_IMAGE_FLOOR_TOKENS, 15},
        {"{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x\"}}", true, 0, 1, 0, MEDIA_IMAGE_FLOOR_TOKENS,
         19},
        {"{\"type\":\"video_url\",\"video_url\":{\"url\":\"data:video/mp4;base64,AAAA\"}}", true, 0, 0,
         64 + 2, 64, 36},
        /* Text beside an image is text: only what holds the image is left out. */
        {"{\"type\":\"image_url\",\"text\":\"long\",\"image_url\":{\"url\":\"https://x\"}}", true, 1, 0, 0,
         MEDIA_IMAGE_FLOOR_TOKENS, 19},
        /* Two holders, or none: which one is read nobody knows, so all of it counts. */
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"a\"},\"image_url\":{\"url\":\"b\"}}", true, 1, 0, 0,
         MEDIA_IMAGE_FLOOR_TOKENS, 0},
        {"{\"type\":\"image_url\"}", true, 1, 0, 0, MEDIA_IMAGE_FLOOR_TOKENS, 0},
        /* Inside the body by one reading, elsewhere by the other. */
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"AAAA\",\"file_data\":1}}", true, 0, 1, 0,
         MEDIA_IMAGE_FLOOR_TOKENS, 34},
        {"{\"type\":\"text\",\"text\":\"x\"}", false, 0, 0, 0, 0, 0},
        {"{\"type\":\"text\",\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x\"}}", false, 0, 0, 0, 0, 0},
        {"{\"image_url\":{\"url\":\"https://x\"}}", false, 0, 0, 0, 0, 0},
        {"\"text\"", false, 0, 0, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct media m = {0};
        struct json_value part;

        CHECK_INT(json_check(view_str(cases[i].part), &part, NULL), ERR_NONE);
        CHECK_INT(media_count(part, &m), cases[i].counts);
        CHECK_INT(m.images, cases[i].images);
        CHECK_INT(m.references, cases[i].references);
        CHECK_INT(m.bound, cases[i].bound);
        CHECK_INT(m.floor, cases[i].floor);
        CHECK_INT(m.bytes, cases[i].bytes);
        if (m.bytes != cases[i].bytes || m.bound != cases[i].bound)
            printf("# case: %s\n", cases[i].part);
    }
}

static void test_bound(void)
{
    struct media m = {.images = 2, .references = 3, .bound = 5};

    CHECK_INT(media_bound(&m, 1000, 10000), 5 + 2000 + 30000);
    CHECK_INT(media_bound(&(struct media){0}, 1000, 10000), 0);
}

static const struct check_case cases[] = {
    {"chat_media_kinds", test_kinds},
    {"media_bound", test_bound},
};
CHECK_MAIN(cases)
