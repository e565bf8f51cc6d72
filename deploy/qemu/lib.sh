# What run-tcg.sh and run-snp.sh share: an image directory, and the devices that a guest of ours gets. Sourced, not run.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
QEMU=${QEMU:-qemu-system-x86_64}
HOST_CONF_MAX=16384 # bytes; dataplane/guest takes no more
RELEASE_MAX=32768
SIGNATURE_MAX=4096

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

need() { # OPTION VALUE: an option's value must be there
    [ -n "${2:-}" ] || die "$1 needs a value"
}

number() { # OPTION VALUE LEAST MOST
    [[ ${2:-} =~ ^[0-9]{1,8}$ ]] && [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || die "$1 needs a number from $3 to $4"
}

readable_file() { # OPTION FILE; a comma would end the value in QEMU's own syntax
    [ -f "$2" ] && [ -r "$2" ] || die "$1: $2 is no file that can be read"
    [[ $2 != *,* ]] || die "$1: QEMU takes no comma in a path: $2"
}

# The directory that deploy/image/make writes.
image_check() { # DIR
    local f
    for f in vmlinuz initrd OVMF.amdsev.fd cmdline; do
        [ -f "$1/$f" ] || die "$1/$f is missing: make image VARIANT=production|sim writes an image directory"
    done
    [[ $1 != *,* ]] || die "QEMU takes no comma in a path: $1"
}

cmdline() { # DIR: the command line that is measured, without the end of its line
    local text
    text=$(cat "$1/cmdline")
    printf %s "$text"
}

# fw_cfg is how the host's settings get in: not measured, so the guest believes little of it.
fw_cfg=()
fw_cfg_file() { # NAME OPTION FILE MAX
    readable_file "$2" "$3"
    [ "$(stat -Lc %s "$3")" -le "$4" ] || echo "$(basename "$0"): warning: $3 has more than $4 bytes; the guest refuses it" >&2
    fw_cfg+=(-fw_cfg "name=opt/org.trustedrouter/$1,file=$3")
}
fw_cfg_release() { # DIR: release.json and its signature
    fw_cfg_file release.json --release "$1/release.json" $RELEASE_MAX
    fw_cfg_file release.json.minisig --release "$1/release.json.minisig" $SIGNATURE_MAX
}

# PORT or PORT:GUESTPORT on loopback, to the guest's address in QEMU's user network.
forward_rule() { # PORT[:GUESTPORT]
    local port=${1%%:*} guest=443
    [ "$port" = "$1" ] || guest=${1#*:}
    number --forward "$port" 1 65535
    number --forward "$guest" 1 65535
    printf ',hostfwd=tcp:127.0.0.1:%s-10.0.2.15:%s' "$port" "$guest"
}

at_least() { # VERSION LEAST
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

qemu_version() {
    "$QEMU" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p'
}

# QEMU replaces this shell, so that a signal for it is one for QEMU, which ends the guest.
run() {
    exec "$QEMU" "$@"
}

# The guest's console: standard output, a file, or a socket that takes words for the guest ("drain") and keeps the file as well.
serial_port() { # CONSOLE CONTROL: sets serial=()
    [[ $1$2 != *,* ]] || die "QEMU takes no comma in a path: $1$2"
    serial=(-serial stdio)
    [ -z "$1" ] || serial=(-serial "file:$1")
    [ -z "$2" ] || serial=(-chardev "socket,id=console0,path=$2,server=on,wait=off${1:+,logfile=$1}" -serial chardev:console0)
}
