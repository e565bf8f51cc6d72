#!/usr/bin/env python3
"""deploy/qemu's programs, as far as they can be tried without SEV and without booting: the table of hashes, the signature of an ID
block, the host's prerequisites, and the command line that run-snp.sh gives QEMU. A recording program stands in QEMU's place;
what QEMU 10 itself takes of it is tried where $TR_QEMU_10 names one. Standard library only, openssl, tr-verify."""

import base64
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig
from rig import case, equal, true

QEMU_DIR = os.path.join(rig.ROOT, "deploy/qemu")
BIN = os.environ.get("TR_BIN") or os.path.join(rig.ROOT, "build", os.environ.get("MODE", "release"))
OVMF_FIXTURE = os.path.join(os.environ.get("TR_FIXTURES", ""), "snp/measure/ovmf_AmdSev_suffix.bin")
TYPE, DIGEST = "EPYC-v4", "ab" * 48


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **more)


class Image:
    """A directory like that of make image: small files that no processor would run."""

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.dir = self.temporary.name
        kernel = bytearray(os.urandom(20000))
        kernel[0x202:0x208] = b"HdrS\x0f\x02"
        for name, data in (("vmlinuz", kernel), ("initrd", os.urandom(5000)), ("OVMF.amdsev.fd", firmware()),
                           ("cmdline", b"console=ttyS0 quiet\n"), ("measurements", f"{TYPE} 2 1 {DIGEST}\n".encode())):
            self.write(name, data)
        return self

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def path(self, name):
        return os.path.join(self.dir, name)

    def __exit__(self, *_):
        self.temporary.cleanup()


def firmware(address=0x810c00, room=0x400):
    """The end of an OVMF image: its table of GUIDs with the place for hashes, and the metadata that tr-verify reads."""
    if os.path.exists(OVMF_FIXTURE) and address == 0x810c00:
        with open(OVMF_FIXTURE, "rb") as f:
            return f.read()
    import uuid
    entry = struct.pack("<II", address, room) + struct.pack("<H", 26) + uuid.UUID("7255371f-3a3b-4b04-927b-1da6efa8d454").bytes_le
    footer = struct.pack("<H", len(entry) + 18) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    return bytes(4096) + entry + footer + bytes(32)


# --- the table of hashes

@case
def table_of_hashes():
    """Against the digests as hashlib makes them, at the offsets that OVMF's BlobVerifierSevHashes.c reads."""
    with Image() as i:
        r = run(f"{QEMU_DIR}/hashes-table", "--ovmf", i.path("OVMF.amdsev.fd"), "--kernel", i.path("vmlinuz"), "--initrd",
                i.path("initrd"), "--cmdline", i.path("cmdline"), i.path("table"))
        equal((r.returncode, r.stdout), (0, "0x810c00\n"), r.stderr)
        table, kernel, initrd = (open(i.path(n), "rb").read() for n in ("table", "vmlinuz", "initrd"))
        equal((len(table), struct.unpack_from("<H", table, 16)[0]), (176, 168))
        for at, data in ((18, b"console=ttyS0 quiet\0"), (68, initrd), (118, kernel)):
            equal(struct.unpack_from("<H", table, at + 16)[0], 50)
            equal(table[at + 18:at + 50], hashlib.sha256(data).digest())
        # Without SEV the header that QEMU has filled in is hashed, and it depends on the guest's memory.
        seen = {table}
        for mib in ("512", "1024"):
            run(f"{QEMU_DIR}/hashes-table", "--ovmf", i.path("OVMF.amdsev.fd"), "--kernel", i.path("vmlinuz"), "--initrd",
                i.path("initrd"), "--cmdline", i.path("cmdline"), "--without-sev", mib, i.path("table"))
            seen.add(open(i.path("table"), "rb").read())
        equal(len(seen), 3)


@case
def table_of_hashes_refuses():
    with Image() as i:
        for name, data in (("OVMF.amdsev.fd", firmware()[:-1]), ("OVMF.amdsev.fd", firmware(0)), ("OVMF.amdsev.fd", b""),
                           ("OVMF.amdsev.fd", firmware(4096, 100)), ("vmlinuz", b"no kernel")):
            with Image() as j:
                j.write(name, data)
                r = run(f"{QEMU_DIR}/hashes-table", "--ovmf", j.path("OVMF.amdsev.fd"), "--kernel", j.path("vmlinuz"), "--without-sev",
                        "512", i.path("table"))
                equal((r.returncode, r.stderr[:14], os.path.exists(i.path("table"))), (1, "hashes-table: ", False), r.stderr)


# --- the ID block

@case
def id_block_is_signed():
    """What id-auth makes is judged by tr-verify, with and without an author's key; another block, another key are refused."""
    with tempfile.TemporaryDirectory() as d:
        block = hashlib.sha384(b"a launch").digest() + bytes(32) + struct.pack("<IIQ", 1, 7, 0x920000)
        with open(f"{d}/block", "wb") as f:
            f.write(base64.b64encode(block) + b"\n")
        for name in ("id", "author"):
            subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", f"{d}/{name}.pem"], check=True)
        for author in ([], ["--author-key", f"{d}/author.pem"]):
            for _ in range(8):  # R and S are shorter than 48 bytes now and then
                r = run(f"{QEMU_DIR}/id-auth", "--block", f"{d}/block", "--id-key", f"{d}/id.pem", *author, f"{d}/auth")
                equal(r.returncode, 0, r.stderr)
                auth = base64.b64decode(open(f"{d}/auth", "rb").read())
                equal((len(auth), auth[:8]), (4096, bytes([1, 0, 0, 0, 1 if author else 0, 0, 0, 0])))
                true(verified(f"{d}/id.pem", auth[0x40:], block), "block's signature")
                if author:
                    true(verified(f"{d}/author.pem", auth[0x680:], auth[0x240:0x240 + 0x404]), "key's signature")
        true(not verified(f"{d}/author.pem", auth[0x40:], block), "another key")
        true(not verified(f"{d}/id.pem", auth[0x40:], block[:-1] + b"\1"), "another block")
        r = run("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{d}/wrong.pem")
        r = run(f"{QEMU_DIR}/id-auth", "--block", f"{d}/block", "--id-key", f"{d}/wrong.pem", f"{d}/auth2")
        equal((r.returncode, os.path.exists(f"{d}/auth2")), (1, False), r.stderr)


def verified(key, raw, data):
    """Does openssl take the signature at the start of raw (R and S, little-endian, 72 bytes each)?"""
    def integer(at):
        n = raw[at:at + 48][::-1].lstrip(b"\0") or b"\0"
        return b"\x02" + bytes([len(n) + (n[0] >> 7)]) + (b"\0" if n[0] >> 7 else b"") + n
    if any(raw[48:72]) or any(raw[120:144]):
        return False
    body = integer(0) + integer(72)
    with tempfile.TemporaryDirectory() as d:
        with open(f"{d}/sig", "wb") as f:
            f.write(b"\x30" + bytes([len(body)]) + body)
        with open(f"{d}/data", "wb") as f:
            f.write(data)
        with open(f"{d}/public", "wb") as f:
            f.write(subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], capture_output=True, check=True).stdout)
        return run("openssl", "dgst", "-sha384", "-verify", f"{d}/public", "-signature", f"{d}/sig", f"{d}/data").returncode == 0


@case
def id_block_for_tr_verify():
    with Image() as i:
        measure = [f"{BIN}/tr-verify", "measure", "--ovmf", i.path("OVMF.amdsev.fd"), "--kernel", i.path("vmlinuz"), "--initrd",
                   i.path("initrd"), "--append", "console=ttyS0 quiet", "--vcpus", "2", "--vcpu-type", TYPE]
        r = run(*measure, "--id-block", "--policy", "920000")
        if r.returncode != 0:
            raise rig.Skip(f"the firmware of the fixtures is not here: {r.stderr.strip()}")
        i.write("block", next(line.split()[1] for line in r.stdout.splitlines() if line.startswith("id_block ")).encode())
        subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", i.path("id.pem")], check=True)
        equal(run(f"{QEMU_DIR}/id-auth", "--block", i.path("block"), "--id-key", i.path("id.pem"), i.path("auth")).returncode, 0)
        equal(run(*measure, "--policy", "920000", "--id-auth", i.path("auth")).returncode, 0)
        equal(run(*measure, "--policy", "30000", "--id-auth", i.path("auth")).returncode, 10)


# --- run-snp.sh

def snp(i, *words, **more):
    return run(f"{QEMU_DIR}/run-snp.sh", i.dir, "--vcpus", "2", *words, **more)


@case
def snp_command_line():
    with Image() as i:
        for name in ("host.conf", "release.json", "release.json.minisig", "block", "auth"):
            i.write(name, b"QUJD\n")
        r = snp(i, "--host-conf", i.path("host.conf"), "--release", i.dir, "--id-block", i.path("block"), "--id-auth", i.path("auth"),
                "--host-data", "ab" * 32, "--tap", "tap0", "--mac", "52:54:00:00:00:07", "--memory", "4096", "--print", "--", "-name", "x")
        equal(r.returncode, 0, r.stderr)
        words = r.stdout.splitlines()
        options = {}
        for name, value in zip(words, words[1:]):
            options.setdefault(name, []).append(value)
        data = base64.b64encode(b"\xab" * 32).decode()
        equal(options["-object"][1], "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x920000,kernel-hashes=on,"
              f"id-block=QUJD,id-auth=QUJD,host-data={data}")
        true("confidential-guest-support=sev0,memory-backend=ram1" in options["-machine"][0], options["-machine"])
        equal([options[o] for o in ("-smp", "-cpu", "-append", "-bios", "-name")],
              [["2"], [TYPE], ["console=ttyS0 quiet"], [i.path("OVMF.amdsev.fd")], ["x"]])
        equal(options["-netdev"], ["tap,id=net0,ifname=tap0,script=no,downscript=no,vhost=on"])
        equal(options["-fw_cfg"], [f"name=opt/org.trustedrouter/{n},file={i.path(n)}" for n in
                                   ("host.conf", "release.json", "release.json.minisig")])
        for word in ("-nodefaults", "-no-user-config", "-no-reboot"):
            true(word in words, word)
        equal([w for w in options["-device"] if "iommu_platform=on" not in w], [], "devices that would reach private memory")


@case
def snp_refuses_what_it_is_given():
    with Image() as i:
        i.write("block", b"QUJD\n")
        i.write("bad", b"not base64!\n")
        for words, says in ((["--vcpus", "3"], "no verifier would know"), (["--vcpu-type", "EPYC-Turin"], "no verifier would know"),
                            (["--policy", "0x1"], "bit 17"), (["--policy", "0xa0000"], "bit 19"), (["--policy", "3"], "hex digits"),
                            (["--host-data", "ab"], "64 hex digits"), (["--id-block", i.path("block")], "needs its --id-auth"),
                            (["--id-block", i.path("bad")], "not base64"), (["--author-key"], "belong to an --id-block"),
                            (["--tap", "tap0,script=/evil"], "no interface's name"), (["--mac", "zz"], "six bytes"),
                            (["--tap", "t", "--forward", "8443"], "user network"), (["--forward", "0"], "number from 1"),
                            (["--memory", "64"], "number from 256"), (["--host-conf", i.path("none")], "no file"),
                            (["--console", "/tmp/a,b"], "comma"), (["--nothing"], "no such option")):
            r = snp(i, *words, "--print")
            equal((r.returncode, says in r.stderr, r.stdout), (1, True, ""), f"{words}: {r.stderr}")
        os.unlink(i.path("initrd"))
        equal("initrd is missing" in snp(i, "--print").stderr, True)


HOST = r"""
set -e
mount -t tmpfs none /sys
mkdir -p /sys/module/kvm_amd/parameters
echo %s >/sys/module/kvm_amd/parameters/sev_snp
mkdir "$1/dev"
for f in null urandom; do : >"$1/dev/$f"; mount --bind /dev/$f "$1/dev/$f"; done
: >"$1/dev/kvm"; %s
mount --bind "$1/dev" /dev
exec "$2" "$3" --vcpus 2
"""


def host(i, snp_on, sev, version, name):
    """run-snp.sh in a mount namespace that looks like such a host; a program that records its words is its QEMU."""
    work = os.path.join(i.dir, name)
    os.mkdir(work)
    with open(f"{work}/qemu", "w") as f:
        f.write(f"#!/bin/sh\n[ \"$1\" != --version ] || {{ echo 'QEMU emulator version {version} (Debian)'; exit 0; }}\n"
                f"printf '%s\\n' \"$@\" >{work}/words\n")
    os.chmod(f"{work}/qemu", 0o755)
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    if run(*namespace, "mount", "-t", "tmpfs", "none", "/sys").returncode != 0:
        raise rig.Skip("this machine makes no mount namespace")
    code = HOST % (snp_on, ': >"$1/dev/sev"' if sev else ":")
    r = run(*namespace, "bash", "-c", code, "bash", work, f"{QEMU_DIR}/run-snp.sh", i.dir, env=dict(os.environ, QEMU=f"{work}/qemu"))
    started = os.path.exists(f"{work}/words") and open(f"{work}/words").read()
    return r, started


@case
def snp_host_is_checked():
    kernel = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])
    with Image() as i:
        for name, snp_on, sev, version, says in (
                ("off", "N", True, "10.0.2", "sev_snp=N"), ("nodev", "Y", False, "10.0.2", "/dev/sev is missing"),
                ("old", "Y", True, "7.2.22", "is version 7.2.22"), ("old9", "Y", True, "9.0.4", "is version 9.0.4")):
            r, started = host(i, snp_on, sev, version, name)
            equal((r.returncode, says in r.stderr, started), (1, True, False), f"{name}: {r.stderr}")
        r, started = host(i, "Y", True, "10.0.2", "good")
        if kernel < (6, 11):
            equal((r.returncode, "from 6.11 on" in r.stderr, started), (1, True, False), r.stderr)
            return
        equal((r.returncode, DIGEST in r.stderr), (0, True), r.stderr)
        true("policy=0x920000,kernel-hashes=on" in started, started)


@case
def snp_options_are_qemus():
    """QEMU 10 from bookworm-backports, where there is one: it parses every option, and stops where KVM has no SEV-SNP. The twin: with one
    name misspelt it stops there instead."""
    qemu = os.environ.get("TR_QEMU_10")
    if not qemu:
        raise rig.Skip("TR_QEMU_10 names no QEMU of version 10")
    with Image() as i:
        i.write("block", base64.b64encode(bytes(96)))
        i.write("auth", base64.b64encode(bytes(4096)))
        words = snp(i, "--id-block", i.path("block"), "--id-auth", i.path("auth"), "--host-data", "ab" * 32, "--print").stdout.splitlines()
        for old, new, says in ((None, None, "vm-type SEV-SNP not supported by KVM|KVM required|/dev/kvm"), ("cbitpos=", "cbitposs=", "cbitposs"),
                               ("policy=", "polizy=", "polizy"), ("smm=off", "sm=off", "sm' not found")):
            r = run(qemu, *(w.replace(old, new) if old else w for w in words[1:]))
            true(r.returncode != 0 and any(s in r.stderr for s in says.split("|")), r.stderr[-300:])


rig.main()
