/* An initramfs archive (cpio, "newc", not compressed), read as Linux unpacks it, but only in the
 * one form in which a name means one file: a published initrd is hostile bytes to an auditor, and
 * one that shows him another providers.conf than the kernel unpacks would be worse than none.
 *
 * Linux (init/initramfs.c) unpacks one archive after another, lets a later entry replace an earlier
 * one, follows symbolic links that an earlier entry made, and links files of one inode number. So
 * refused are: anything but zeros after the trailer, a name twice, a name whose folder is not an
 * earlier entry of its own, hard links, names that are absolute or have ".", ".." or nothing
 * between slashes, and bytes other than zero in the padding. */
#ifndef TR_ATTESTATION_NEWC_H
#define TR_ATTESTATION_NEWC_H

#include "err.h"
#include "view.h"

enum {
    NEWC_ENTRIES_MAX =
        1024,            /* our image has a few dozen; the search for a name twice is quadratic */
    NEWC_NAME_MAX = 255, /* bytes of a whole path; ours have at most 60 */
};

enum newc_kind { NEWC_FILE, NEWC_FOLDER, NEWC_SYMLINK, NEWC_DEVICE };
struct newc_entry {
    struct view name; /* "etc/trustedrouter/providers.conf", without NUL */
    struct view data; /* of a file; of a symbolic link its target */
    enum newc_kind kind;
    uint32_t mode; /* the lower 12 bits: permissions */
};
struct newc {
    struct newc_entry entries[NEWC_ENTRIES_MAX];
    size_t n;
};

/* archive is borrowed and must outlive *out. ERR_FORMAT: not of that form, or cut short;
 * ERR_LIMIT: more entries or a longer name than the limits above. *out is then undefined. */
must_check enum err newc_parse(struct view archive, struct newc *out);
/* The bytes of the regular file of that name. ERR_NOT_FOUND, also when it is no regular file. */
must_check enum err newc_file(const struct newc *n, const char *name, struct view *out);

#endif
