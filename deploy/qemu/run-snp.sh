#!/bin/bash
# Boot an image directory as a SEV-SNP guest: a host with an AMD EPYC processor (Genoa or later for our policy), Linux
# 6.11 or later with SNP on, and QEMU 9.1 or later (Debian 12: from backports).
#   run-snp.sh DIR [--vcpus N] [--vcpu-type TYPE] [--memory MIB] [--policy HEX] [--host-conf FILE] [--release DIR]
#              [--tap NAME [--mac ADDRESS] | --forward PORT[:GUESTPORT]...] [--console FILE] [--control SOCKET]
#              [--id-block FILE --id-auth FILE [--author-key]] [--host-data HEX] [--cbitpos N]
#              [--check | --print] [-- QEMU OPTION...]
# --vcpus and --vcpu-type are measured: they must be in DIR/measurements, and the digest that belongs to them is printed.
# --policy: what the processor must refuse to do for this guest; 0x920000 when it is not given: no debugging, no migration,
#           one socket, no simultaneous multithreading, no power readings (README.md: what the host's firmware must then have off).
# --tap: a tap interface of the host that is a member of its bridge (production); --forward: QEMU's user network on loopback.
# --check: only look whether this host can; --print: write the command, one word a line, and start nothing.
# SIGTERM ends the guest. The exit status is QEMU's: 0 when the guest has powered off.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LEAST_KERNEL=6.11
LEAST_QEMU=9.1

# --- what the host must have

lacks=0
lack() {
    echo "$(basename "$0"): $*" >&2
    lacks=$((lacks + 1))
}

check_kernel() {
    local release on
    release=$(uname -r)
    at_least "${release%%[-+]*}" $LEAST_KERNEL ||
        lack "this kernel is $release; KVM starts SEV-SNP guests from $LEAST_KERNEL on"
    on=$(cat /sys/module/kvm_amd/parameters/sev_snp 2>/dev/null) || on=
    case $on in
    Y | 1) ;;
    '') lack "the module kvm_amd is not loaded: this is no AMD host, or virtualisation is off in its firmware" ;;
    *) lack "kvm_amd has sev_snp=$on: switch SEV-SNP, SME and IOMMU on in the host's firmware, and boot with kvm_amd.sev=1" ;;
    esac
}

check_devices() {
    local device
    for device in /dev/kvm /dev/sev; do
        if [ ! -e "$device" ]; then
            lack "$device is missing"
        elif [ ! -r "$device" ] || [ ! -w "$device" ]; then
            lack "$device may not be opened by $(id -un): add this user to the device's group ($(stat -Lc %G "$device"))"
        fi
    done
}

check_qemu() {
    local version
    if ! command -v "$QEMU" >/dev/null; then
        lack "$QEMU is not installed (Debian 12: apt-get install -t bookworm-backports qemu-system-x86)"
        return
    fi
    version=$(qemu_version)
    at_least "${version:-0}" $LEAST_QEMU ||
        lack "$QEMU is version ${version:-unknown}; sev-snp-guest exists from $LEAST_QEMU on"
}

check_host() {
    check_kernel
    check_devices
    check_qemu
    [ $lacks = 0 ] || die "this host cannot start a SEV-SNP guest ($lacks reasons above); run-tcg.sh boots without SEV"
}

# --- what is asked for

base64_of_hex() { # HEX
    python3 -c 'import base64, sys; print(base64.b64encode(bytes.fromhex(sys.argv[1])).decode())' "$1"
}

one_line() { # OPTION FILE: base64 in a file, as tr-verify measure and id-auth write it
    local text
    readable_file "$1" "$2"
    text=$(tr -d '\n' <"$2")
    [[ $text =~ ^[A-Za-z0-9+/]+=*$ ]] || die "$1: $2 is not base64 in one line"
    printf %s "$text"
}

expected() { # DIR TYPE VCPUS: the launch digest that a verifier will see
    awk -v type="$2" -v n="$3" '$1 == type && $2 == n && $3 ~ /^(0x)?1$/ { print $4 }' "$1/measurements"
}

dir=
vcpus=1
vcpu_type=EPYC-v4
memory=2048
policy=0x920000
console=
control=
tap=
mac=
forwards=
id_block=
id_auth=
author_key=
host_data=
cbitpos=51
check=
print=
while [ $# != 0 ]; do
    case $1 in
    --vcpus) number "$1" "${2:-}" 1 512; vcpus=$2; shift 2 ;;
    --vcpu-type) need "$@"; vcpu_type=$2; shift 2 ;;
    --memory) number "$1" "${2:-}" 256 4194304; memory=$2; shift 2 ;;
    --policy) need "$@"; policy=$2; shift 2 ;;
    --host-conf) need "$@"; fw_cfg_file host.conf "$1" "$2" $HOST_CONF_MAX; shift 2 ;;
    --release) need "$@"; fw_cfg_release "$2"; shift 2 ;;
    --tap) need "$@"; tap=$2; shift 2 ;;
    --mac) need "$@"; mac=$2; shift 2 ;;
    --forward) need "$@"; forwards+=$(forward_rule "$2"); shift 2 ;;
    --console) need "$@"; console=$2; shift 2 ;;
    --control) need "$@"; control=$2; shift 2 ;;
    --id-block) need "$@"; id_block=$(one_line "$1" "$2"); shift 2 ;;
    --id-auth) need "$@"; id_auth=$(one_line "$1" "$2"); shift 2 ;;
    --author-key) author_key=1; shift ;;
    --host-data) need "$@"; host_data=$2; shift 2 ;;
    --cbitpos) number "$1" "${2:-}" 32 63; cbitpos=$2; shift 2 ;;
    --check) check=1; shift ;;
    --print) print=1; shift ;;
    --) shift; break ;;
    -*) die "no such option: $1" ;;
    *) [ -z "$dir" ] || die "one image directory, not also $1"; dir=$1; shift ;;
    esac
done
if [ -n "$check" ]; then
    check_host
    echo "this host can start SEV-SNP guests"
    exit 0
fi
[ -n "$dir" ] || die "usage: run-snp.sh DIR [options]; its first lines list them"
image_check "$dir"
[ -f "$dir/measurements" ] || die "$dir/measurements is missing"
[[ $policy =~ ^0x[0-9a-fA-F]{1,16}$ ]] && [ $((policy >> 17 & 1)) = 1 ] && [ $((policy >> 19 & 1)) = 0 ] ||
    die "--policy needs hex digits after 0x, with bit 17 set (SNP demands it) and bit 19 clear (debugging reads the guest's memory)"
[[ $vcpu_type =~ ^[A-Za-z0-9-]+$ ]] || die "--vcpu-type: $vcpu_type is no processor model"
[[ $tap =~ ^[A-Za-z0-9_.-]{0,15}$ ]] || die "--tap: $tap is no interface's name"
[[ $mac =~ ^(([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2})?$ ]] || die "--mac: $mac is no address of six bytes"
[ -z "$tap" ] || [ -z "$forwards" ] || die "--forward is for QEMU's user network, not for --tap"
[[ $host_data =~ ^([0-9a-fA-F]{64})?$ ]] || die "--host-data needs 64 hex digits"
[ -n "$id_block" ] || [ -z "$id_auth$author_key" ] || die "--id-auth and --author-key belong to an --id-block"
[ -z "$id_block" ] || [ -n "$id_auth" ] || die "--id-block needs its --id-auth (deploy/qemu/id-auth makes it)"
digest=$(expected "$dir" "$vcpu_type" "$vcpus")
[ -n "$digest" ] || die "$dir/measurements has no line for $vcpu_type with $vcpus processors: no verifier would know this guest"

# --- the command

guest=sev-snp-guest,id=sev0,cbitpos=$cbitpos,reduced-phys-bits=1,policy=$policy,kernel-hashes=on
[ -z "$id_block" ] || guest+=,id-block=$id_block,id-auth=$id_auth
[ -z "$author_key" ] || guest+=,author-key-enabled=on
[ -z "$host_data" ] || guest+=,host-data=$(base64_of_hex "$host_data")
network=user,id=net0,ipv6=off$forwards
[ -z "$tap" ] || network=tap,id=net0,ifname=$tap,script=no,downscript=no,vhost=on
serial_port "$console" "$control"

# iommu_platform: the guest's devices reach only the memory that it shares with them.
command=(-nodefaults -no-user-config -display none -no-reboot
    -machine q35,accel=kvm,confidential-guest-support=sev0,memory-backend=ram1,vmport=off,smm=off,kernel-irqchip=split
    -cpu "$vcpu_type" -smp "$vcpus" -m "$memory"
    -object "memory-backend-memfd,id=ram1,size=${memory}M,share=true,prealloc=false"
    -object "$guest"
    -bios "$dir/OVMF.amdsev.fd" -kernel "$dir/vmlinuz" -initrd "$dir/initrd" -append "$(cmdline "$dir")"
    "${serial[@]}"
    -netdev "$network" -device "virtio-net-pci,netdev=net0,romfile=,disable-legacy=on,iommu_platform=on${mac:+,mac=$mac}"
    -object rng-random,id=rng0,filename=/dev/urandom
    -device virtio-rng-pci,rng=rng0,disable-legacy=on,iommu_platform=on
    "${fw_cfg[@]}" "$@")
if [ -n "$print" ]; then
    printf '%s\n' "$QEMU" "${command[@]}"
    exit 0
fi
check_host
echo "launch digest of this guest, as its reports will show it: $digest" >&2
run "${command[@]}" </dev/null
