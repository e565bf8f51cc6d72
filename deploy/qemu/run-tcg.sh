#!/bin/bash
# Boot an image directory in QEMU without SEV: for development and tests, on any machine. The firmware checks kernel,
# initrd and command line as it does under SEV-SNP, but nothing is encrypted and no report is made, so that only an image
# of the sim variant serves (a production image powers off).
#   run-tcg.sh DIR [--vcpus N] [--memory MIB] [--host-conf FILE] [--release DIR] [--forward PORT[:GUESTPORT]]...
#              [--console FILE] [--control SOCKET] [--table-of DIR | --no-table] [--no-rng] [-- QEMU OPTION...]
# --forward: this loopback port goes to the guest's port (443 when it is not given).
# --console: where the guest's serial console is written; standard output when it is not given.
# --control: a Unix socket; the line "drain" there has the guest finish what runs and switch itself off.
# --table-of: the firmware checks against the files of that directory instead; --no-table: against nothing; the guest
#             must not start. --no-rng: without the virtio source of randomness. These three are for tests.
# SIGTERM ends the guest. The exit status is QEMU's: 0 when the guest has powered off.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

dir=
vcpus=1
memory=512
console=
control=
table_of=
no_table=
no_rng=
forwards=
while [ $# != 0 ]; do
    case $1 in
    --vcpus) number "$1" "${2:-}" 1 64; vcpus=$2; shift 2 ;;
    --memory) number "$1" "${2:-}" 64 65536; memory=$2; shift 2 ;;
    --host-conf) need "$@"; fw_cfg_file host.conf "$1" "$2" $HOST_CONF_MAX; shift 2 ;;
    --release) need "$@"; fw_cfg_release "$2"; shift 2 ;;
    --forward) need "$@"; forwards+=$(forward_rule "$2"); shift 2 ;;
    --console) need "$@"; console=$2; shift 2 ;;
    --control) need "$@"; control=$2; shift 2 ;;
    --table-of) need "$@"; table_of=$2; shift 2 ;;
    --no-table) no_table=1; shift ;;
    --no-rng) no_rng=1; shift ;;
    --) shift; break ;;
    -*) die "no such option: $1" ;;
    *) [ -z "$dir" ] || die "one image directory, not also $1"; dir=$1; shift ;;
    esac
done
[ -n "$dir" ] || die "usage: run-tcg.sh DIR [options]; its first lines list them"
image_check "$dir"
[ -z "$table_of" ] || image_check "$table_of"
command -v "$QEMU" >/dev/null || die "$QEMU is not installed (Debian: qemu-system-x86)"

# What QEMU would put into the measured page if SEV were on. The file is gone when this shell is; QEMU reads it by
# its descriptor.
# From 10.0 on QEMU offers the firmware the kernel as it is in its file; before, with a setup header that QEMU has filled in.
table=()
patched=(--without-sev "$memory")
! at_least "$(qemu_version)" 10.0 || patched=()
if [ -z "$no_table" ]; then
    from=${table_of:-$dir}
    file=$(mktemp)
    exec 9<"$file"
    at=$("$HERE/hashes-table" --ovmf "$dir/OVMF.amdsev.fd" --kernel "$from/vmlinuz" --initrd "$from/initrd" \
        --cmdline "$from/cmdline" "${patched[@]}" "$file") || { rm -f "$file"; exit 1; }
    rm -f "$file"
    table=(-device "loader,file=/proc/self/fd/9,addr=$at,force-raw=on")
fi

rng=(-object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0,disable-legacy=on)
[ -z "$no_rng" ] || rng=()
initrd=()
[ ! -s "$dir/initrd" ] || initrd=(-initrd "$dir/initrd")

# EPYC without what QEMU cannot emulate, which it would complain about at each start.
cpu=EPYC,rdseed=off,sha-ni=off,fxsr-opt=off,misalignsse=off,3dnowprefetch=off,osvw=off,topoext=off,nrip-save=off,xsavec=off
serial_port "$console" "$control"

run -nodefaults -no-user-config -display none -no-reboot \
    -M q35,accel=tcg -cpu "$cpu" -smp "$vcpus" -m "$memory" \
    -bios "$dir/OVMF.amdsev.fd" -kernel "$dir/vmlinuz" "${initrd[@]}" -append "$(cmdline "$dir")" "${table[@]}" \
    "${serial[@]}" \
    -netdev "user,id=net0,ipv6=off$forwards" -device virtio-net-pci,netdev=net0,romfile=,disable-legacy=on \
    "${rng[@]}" "${fw_cfg[@]}" "$@" </dev/null
