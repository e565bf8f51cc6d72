/* Reads an image's directory; the judging is image.c's. */
#include "image_files.h"

#include "command.h"
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    IMAGE_PATH_BYTES = 4096,
    IMAGE_KERNEL_MAX = 256 << 20, /* bytes; as tr-verify measure */
    IMAGE_INITRD_MAX = 1 << 30,
    IMAGE_CMDLINE_MAX = LAUNCH_APPEND_MAX + 1, /* and a newline */
};

bool image_files_load(const char *dir, struct image_files *out)
{
    const struct {
        const char *name;
        size_t max;
        struct buf *to;
    } files[] = {
        {"OVMF.amdsev.fd", OVMF_IMAGE_MAX, &out->ovmf},
        {"cmdline", IMAGE_CMDLINE_MAX, &out->cmdline},
        {"initrd", IMAGE_INITRD_MAX, &out->initrd},
        {"vmlinuz", IMAGE_KERNEL_MAX, &out->kernel},
    };
    bool ok = true;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        buf_init(files[i].to, files[i].max);
    for (size_t i = 0; ok && i < sizeof files / sizeof files[0]; i++) {
        char path[IMAGE_PATH_BYTES];

        ok = (size_t)snprintf(path, sizeof path, "%s/%s", dir, files[i].name) < sizeof path;
        if (!ok)
            complain("%s is too long a name", dir);
        ok = ok && file_load(path, files[i].max, files[i].to);
    }
    return ok;
}

void image_files_free(struct image_files *f)
{
    buf_free(&f->ovmf);
    buf_free(&f->cmdline);
    buf_free(&f->initrd);
    buf_free(&f->kernel);
}

enum err image_files_examine(const struct image_files *f, const struct manifest *m,
                             struct image_findings *out, enum image_check *first)
{
    struct newc *archive = malloc(sizeof *archive);
    struct image image = {.ovmf = buf_view(&f->ovmf),
                          .cmdline = buf_view(&f->cmdline),
                          .initrd = buf_view(&f->initrd),
                          .kernel = buf_view(&f->kernel)};

    if (archive == NULL)
        return ERR_MEMORY;
    *first = image_examine(&image, m, archive, out);
    free(archive);
    return ERR_NONE;
}
