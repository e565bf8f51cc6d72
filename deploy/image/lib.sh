# What the programs of deploy/image share: where things are, and the lines of the lock file. Sourced, not run.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
LOCK=${TR_IMAGE_LOCK:-$HERE/lock}
CACHE=${TR_IMAGE_CACHE:-$ROOT/build/image/cache}
mkdir -p "$CACHE"
CACHE=$(cd "$CACHE" && pwd)

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

locked() { # [GROUP...]: the packages of these groups, or all
    local pattern=${*:-[a-z]+}
    grep -E "^(${pattern// /|}) " "$LOCK" || die "$LOCK has no package of: $*"
}

package() { # SHA256: where fetch has put it
    echo "$CACHE/packages/$1.deb"
}

sha_of() { # GROUP NAME
    local sha
    sha=$(locked "$1" | awk -v name="$2" '$2 == name { print $6 }')
    [ -n "$sha" ] || die "$LOCK has no $2 in group $1"
    echo "$sha"
}

# Takes files out of a package; dpkg and the package's scripts have no part in it.
unpack() { # SHA256 DIR [PATH...]
    [ "$(sha256 "$(package "$1")")" = "$1" ] || die "$(package "$1") is not what it was: remove it, and fetch again"
    dpkg-deb --fsys-tarfile "$(package "$1")" | tar -x --no-same-owner --keep-directory-symlink -C "$2" -- "${@:3}"
}

sha256() { # FILE
    sha256sum <"$1" | cut -d' ' -f1
}
