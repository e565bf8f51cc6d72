#!/usr/bin/env python3
"""A release from a commit to an auditor's verdict: deploy/release/build writes the directory, sign signs it, tr-verify
image accepts it and refuses every changed twin, verify-image builds it again without a network. The image is small and
made here (real firmware fixture, an initrd with the real tr-dataplane); what deploy/image makes is tested with it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, equal, true  # noqa: E402

ROOT = rig.ROOT
BIN = os.path.realpath(os.environ.get("TR_BIN", os.path.join(ROOT, "build/release")))
VERIFY = os.path.join(BIN, "tr-verify")
EPOCH = "1790000000"
IMAGE = ("OVMF.amdsev.fd", "cmdline", "initrd", "vmlinuz")

work = tempfile.mkdtemp(prefix="tr-release-")
src = os.path.join(work, "src")
state = {}


def path(*parts):
    return os.path.join(work, *parts)


def put(name, data):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path(name)


def run(*argv, cwd=None, env=None, expect=0):
    r = subprocess.run(argv, capture_output=True, text=True, cwd=cwd or src, timeout=240,
                       env={**os.environ, "TR_BIN": BIN, "SOURCE_DATE_EPOCH": EPOCH, **(env or {})})
    if expect is not None:
        equal(r.returncode, expect, r.stdout[-2000:] + r.stderr[-2000:])
    return r


# --- a small image, its maker, and a checkout of one commit

MAKER = r'''#!/usr/bin/env python3
"""Makes a small image as deploy/image/make does: same files, from the same variables."""
import os, shutil, sys
out, config = os.environ["OUT"], os.environ["CONFIG"]
def entry(name, mode, data=b""):
    h = b"070701" + b"".join(b"%08X" % v for v in (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    head = h + name + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)
def read(name):
    with open(name, "rb") as f:
        return f.read()
os.makedirs(out)
initrd = b""
for d in (b"etc", b"etc/trustedrouter", b"usr", b"usr/bin"):
    initrd += entry(d, 0o40755)
for n in ("dataplane.conf", "providers.conf"):
    initrd += entry(b"etc/trustedrouter/" + n.encode(), 0o100644, read(os.path.join(config, n)))
initrd += entry(b"usr/bin/tr-dataplane", 0o100755, read(os.environ["FAKE_DATAPLANE"]))
initrd += entry(b"note", 0o100644, os.environ.get("FAKE_NOTE", "").encode())
initrd += entry(b"TRAILER!!!", 0)
for name, data in (("initrd", initrd), ("vmlinuz", b"kernel" * 1000), ("cmdline", b"console=ttyS0 acpi=off\n"),
                   ("OVMF.amdsev.fd", read(os.environ["FAKE_OVMF"]))):
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)
'''
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: Expat

Files: other
License: GPL-2+
 text
"""


def deb_make(name, copyright_text):
    """A Debian package with a copyright file: (size, sha256)."""
    root = path("deb", name)
    put(f"deb/{name}/DEBIAN/control", f"Package: {name}\nVersion: 1.0+x-1\nArchitecture: amd64\nMaintainer: t <t@t>\n"
        "Description: t\n")
    put(f"deb/{name}/usr/share/doc/{name}/copyright", copyright_text)
    os.makedirs(path("cache"), exist_ok=True)
    run("dpkg-deb", "-b", root, path("cache", name + ".deb"), cwd=work)
    with open(path("cache", name + ".deb"), "rb") as f:
        data = f.read()
    return len(data), hashlib.sha256(data).hexdigest()


def maker_env(**more):
    return {"TR_IMAGE_MAKE": path("maker"), "TR_IMAGE_LOCK": path("lock"), "TR_IMAGE_CACHE": path("cache"),
            "FAKE_OVMF": os.path.join(ROOT, "tests/fixtures/snp/ovmf_small.bin"),
            "FAKE_DATAPLANE": os.path.join(BIN, "tr-dataplane"), **more}


def build(out, *more, env=None, expect=0):
    return run(os.path.join(src, "deploy/release/build"), "--config", path("config"), "--catalog",
               os.path.join(src, "deploy/examples/catalog.conf"), "--policy",
               os.path.join(src, "deploy/examples/attestation.conf"), "--svn", "3", "--min-svn", "2", "--days", "3650",
               "--version", "1.0", "--repo", "https://example.com/tr", "--out", out, *more,
               env=env or maker_env(), expect=expect)


def sign(file, key="key.pem"):
    run(os.path.join(src, "deploy/release/sign"), path(key), file)


def prepare():
    """A checkout without the changes that a developer has not committed would not test them: so the files as they are."""
    names = run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")[:-1]
    for name in names:
        if name.startswith(("tests/fixtures/", "tests/fuzz/corpus/")) or not os.path.isfile(os.path.join(ROOT, name)):
            continue
        os.makedirs(os.path.dirname(os.path.join(src, name)), exist_ok=True)
        shutil.copy(os.path.join(ROOT, name), os.path.join(src, name))
    as_somebody = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    run("git", "init", "-q", ".")
    run("git", "add", "-A")
    run("git", *as_somebody, "commit", "-qm", "release")
    put("maker", MAKER)
    os.chmod(path("maker"), 0o755)
    shutil.copytree(os.path.join(ROOT, "deploy/examples"), path("examples"))
    for name in ("providers.conf", "dataplane.conf"):
        put(f"config/{name}", open(path("examples", name), "rb").read())
    known, odd = deb_make("libknown", COPYRIGHT), deb_make("libodd", COPYRIGHT.replace("Expat", "Beerware-like"))
    put("lock", f"guest libknown 1.0+x-1 amd64 {known[0]} {known[1]} http://deb.example/libknown.deb\n"
        f"guest libodd 1.0+x-1 amd64 {odd[0]} {odd[1]} http://deb.example/libodd.deb\n"
        f"firmware ovmf-amdsev 2:1-2 all 5 {'ab' * 32} http://deb.example/ovmf.deb\n"
        f"kernel linux-source-6.12 6.12.1-1 all 5 {'cd' * 32} http://deb.example/linux.deb\n"
        f"build gcc 12-1 amd64 5 {'ef' * 32} http://deb.example/gcc.deb\n")
    for name in ("key.pem", "other.pem"):
        state[name] = run(os.path.join(src, "deploy/release/sign"), "--new-key", path(name)).stdout.strip()


def image(folder, *more, key="key.pem", release=None):
    """(exit code, the verdict)"""
    r = subprocess.run([VERIFY, "image", folder, "--release", release or os.path.join(folder, "release.json"), "--json",
                        *(["--key", state[key]] if key else []), *more], capture_output=True, text=True, timeout=60)
    return r.returncode, json.loads(r.stdout) if r.stdout else None


def code(answer):
    return answer[0], answer[1]["code"]


def twin(name):
    """A copy of the signed release directory."""
    shutil.rmtree(path(name), ignore_errors=True)
    shutil.copytree(path("release-1.0"), path(name))
    return path(name)


def manifest_edit(folder, change, key="key.pem"):
    file = os.path.join(folder, "release.json")
    with open(file) as f:
        m = json.load(f)
    change(m)
    with open(file, "w") as f:
        f.write(json.dumps(m, sort_keys=True, separators=(",", ":")))
    sign(file, key)


# --- cases

@case
def a_release_is_made_of_a_commit():
    prepare()
    build(path("release-1.0"))
    have = sorted(os.path.relpath(os.path.join(d, n), path("release-1.0"))
                  for d, _, names in os.walk(path("release-1.0")) for n in names)
    for name in IMAGE + ("release.json", "sbom.spdx.json", "provenance.json", "SHA256SUMS", "files",
                         "config/providers.conf", "config/dataplane.conf", "catalog.conf", "attestation.conf"):
        true(name in have, name)
    listed = run("sha256sum", "--quiet", "-c", "SHA256SUMS", cwd=path("release-1.0"))
    equal(listed.stdout, "")
    with open(path("release-1.0/SHA256SUMS")) as f:
        equal(sorted(line[66:-1] for line in f), [n for n in have if n != "SHA256SUMS"])
    for name in ("release.json", "SHA256SUMS"):
        sign(path("release-1.0", name))
    with open(path("release-1.0/release.json")) as f:
        m = json.load(f)
    by_hand = run("bash", "-c", "sha256sum OVMF.amdsev.fd cmdline initrd vmlinuz | sha256sum", cwd=path("release-1.0"))
    equal(m["image_sha256"], by_hand.stdout[:64])
    equal((len(m["measurements"]), m["svn"], m["min_svn"], m["simulated"]), (15, 3, 2, False))
    with open(path("release-1.0/sbom.spdx.json"), "rb") as f:
        equal(m["sbom_sha256"], hashlib.sha256(f.read()).hexdigest())


@case
def the_same_commit_gives_the_same_bytes():
    build(path("again"), env=maker_env(TZ="Pacific/Kiritimati", LC_ALL="C.UTF-8"))
    r = run("diff", "-r", "--exclude=*.minisig", path("release-1.0"), path("again"))
    equal(r.stdout, "")


@case
def what_is_in_no_commit_is_not_released():
    with open(os.path.join(src, "README.md"), "a") as f:
        f.write("\n")
    r = build(path("dirty"), expect=2)
    true("in no commit" in r.stderr, r.stderr)
    run("git", "checkout", "-q", "README.md")


@case
def the_published_image_is_accepted():
    answer = image(path("release-1.0"))
    equal(code(answer), (0, "ACCEPT"))
    equal([c["code"] for c in answer[1]["checks"] if c["ok"] is not True], [])
    equal(len([m for m in answer[1]["measurements"] if m["ok"]]), 15)
    people = run(VERIFY, "image", path("release-1.0"), "--release", path("release-1.0/release.json"), "--key",
                 state["key.pem"])
    true(people.stdout.startswith("accept: ") and answer[1]["image_sha256"] in people.stdout, people.stdout)
    # without a key: of anybody, and it says so
    bare = image(path("release-1.0"), key=None)
    equal((code(bare), bare[1]["checks"][0]), ((0, "ACCEPT"), {"code": "SIGNATURE", "ok": None, "detail": "not asked"}))


@case
def a_changed_file_is_refused():
    """One bit at the start, in the middle and at the end of each; one byte less; one more."""
    tried = 0
    for name, want in zip(IMAGE, ("OVMF", "CMDLINE", "INITRD", "KERNEL")):
        with open(path("release-1.0", name), "rb") as f:
            good = f.read()
        folder = twin("changed")
        at = (0, len(good) // 3, len(good) // 2, len(good) - 1)
        twins = [good[:i] + bytes([good[i] ^ 1]) + good[i + 1:] for i in at] + [good[:-1], good + b"\0"]
        for data in twins:
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
            equal(code(image(folder)), (10, want))
            tried += 1
        os.unlink(os.path.join(folder, name))
        equal(code(image(folder)), (10, "FILES"))
    equal(tried, 24)


@case
def a_changed_manifest_is_refused():
    folder = twin("manifest")
    file = os.path.join(folder, "release.json")
    with open(file) as f:
        text = f.read()
    with open(file, "w") as f:
        f.write(text.replace('"svn":3', '"svn":4'))
    equal(code(image(folder)), (10, "SIGNATURE"))
    equal(code(image(path("release-1.0"), key="other.pem")), (10, "SIGNATURE"))
    with open(file + ".minisig", "w") as f:
        f.write("no signature\n")
    equal(code(image(folder)), (30, "SIGNATURE"))
    os.unlink(file + ".minisig")
    equal(image(folder)[0], 2)


@case
def a_signed_manifest_must_be_of_this_image():
    def row(member, value):
        def change(m):
            m["measurements"][7][member] = value
        return change

    def digest(name):
        def change(m):
            m["digests"][name] = "ab" * 32
        return change
    now = int(time.time())
    for what, change, want in (
            ("another model", row("cpu", "EPYC-Turin"), (10, "MEASUREMENT")),
            ("an unknown model", row("cpu", "EPYC-Venus"), (20, "VCPU_TYPE")),
            ("more processors", row("vcpus", 32), (10, "MEASUREMENT")),
            ("too many", row("vcpus", 9999), (20, "LAUNCH")),
            ("other features", row("features", 5), (10, "MEASUREMENT")),
            ("another measurement", row("measurement", "ab" * 48), (10, "MEASUREMENT")),
            ("another kernel", digest("kernel"), (10, "KERNEL")),
            ("another dataplane.conf", digest("dataplane.conf"), (10, "DATAPLANE_CONF")),
            ("another program", digest("dataplane"), (10, "PROGRAM")),
            ("other providers", lambda m: m.update(providers_sha256="ab" * 32), (10, "PROVIDERS")),
            ("another cmdline", lambda m: m.update(cmdline="console=ttyS0"), (10, "CMDLINE")),
            ("another image", lambda m: m.update(image_sha256="ab" * 32), (10, "IMAGE")),
            ("of no image", lambda m: m.update(image_sha256=None, sbom_sha256=None, simulated=True), (10, "NO_IMAGE")),
            ("expired", lambda m: m.update(not_before=now - 9, not_after=now - 1), (10, "VALIDITY")),
            ("too early", lambda m: m.update(not_before=now + 900, not_after=now + 901), (10, "VALIDITY")),
            ("an escape sequence", lambda m: m.update(version="\x1b[31m1"), (30, "DOCUMENT")),
            ("another purpose", lambda m: m.update(purpose="tr.release.v2"), (20, "DOCUMENT"))):
        folder = twin("signed")
        manifest_edit(folder, change)
        equal((what, *code(image(folder))), (what, *want))
    folder = twin("signed")
    manifest_edit(folder, lambda m: None)
    equal(code(image(folder)), (0, "ACCEPT"))  # the twin of all these


@case
def an_initrd_that_reads_two_ways_is_refused():
    """Signed and measured as it is: a second archive behind the first, with which Linux replaces providers.conf."""
    folder = twin("two")
    initrd = os.path.join(folder, "initrd")
    with open(initrd, "rb") as f:
        good = f.read()
    for data, want in ((good + good[:(len(good) // 512) * 512], "INITRD_FORMAT"), (good[:-124], "INITRD_FORMAT")):
        with open(initrd, "wb") as f:
            f.write(data)
        sums = run("bash", "-c", "sha256sum OVMF.amdsev.fd cmdline initrd vmlinuz | sha256sum", cwd=folder).stdout[:64]

        def change(m, sums=sums, data=data):
            m["image_sha256"] = sums
            m["digests"]["initrd"] = hashlib.sha256(data).hexdigest()
        manifest_edit(folder, change)
        equal(code(image(folder)), (30, want))


@case
def another_implementation_agrees():
    python = venv("sev-snp-measure")
    with open(path("release-1.0/release.json")) as f:
        rows = json.load(f)["measurements"]
    for m in rows:
        r = run(os.path.join(os.path.dirname(python), "sev-snp-measure"), "--mode", "snp", "--vcpus", str(m["vcpus"]),
                "--vcpu-type", m["cpu"], "--guest-features", hex(m["features"]), "--ovmf", "OVMF.amdsev.fd", "--kernel",
                "vmlinuz", "--initrd", "initrd", "--append", "console=ttyS0 acpi=off", cwd=path("release-1.0"),
                expect=None)
        if m["cpu"] == "EPYC-Turin" and "invalid choice" in r.stderr:
            continue  # sev-snp-measure 0.0.13 does not know it
        equal(r.stdout.strip(), m["measurement"])


def venv(package):
    folder = path("venv-" + package)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
    r = subprocess.run([os.path.join(folder, "bin/pip"), "install", "-q", package], capture_output=True, text=True,
                       timeout=200)
    if r.returncode != 0:
        raise rig.Skip(f"{package} cannot be had from PyPI")
    return os.path.join(folder, "bin/python")


@case
def the_sbom_is_spdx():
    with open(path("release-1.0/sbom.spdx.json")) as f:
        sbom = json.load(f)
    by_name = {p["name"]: p for p in sbom["packages"]}
    equal(sorted(by_name), ["gcc", "libknown", "libodd", "linux-source-6.12", "ovmf-amdsev", "trustedrouter",
                            "trustedrouter-image"])
    equal(by_name["libknown"]["licenseDeclared"], "GPL-2.0-or-later AND MIT")
    equal(by_name["libodd"]["licenseDeclared"], "NOASSERTION")
    true("Beerware-like" in by_name["libodd"]["licenseComments"])
    equal(by_name["gcc"]["checksums"][0]["checksumValue"], "ef" * 32)
    equal(by_name["libknown"]["externalRefs"][0]["referenceLocator"], "pkg:deb/debian/libknown@1.0+x-1?arch=amd64")
    true(run("git", "rev-parse", "HEAD").stdout.strip() in by_name["trustedrouter"]["sourceInfo"])
    kinds = {r["relationshipType"] for r in sbom["relationships"]}
    equal(kinds, {"DESCRIBES", "CONTAINS", "GENERATED_FROM", "BUILD_TOOL_OF"})


@case
def a_validator_takes_the_sbom():
    python = venv("spdx-tools")
    check = ("import sys\nfrom spdx_tools.spdx.parser.parse_anything import parse_file\n"
             "from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document\n"
             "m = validate_full_spdx_document(parse_file(sys.argv[1]), 'SPDX-2.3')\n"
             "print(*[x.validation_message for x in m], sep='\\n')\nsys.exit(1 if m else 0)\n")
    run(python, "-c", check, path("release-1.0/sbom.spdx.json"))
    with open(path("release-1.0/sbom.spdx.json")) as f:
        bad = json.load(f)
    bad["packages"][2]["licenseDeclared"] = "No Such License"
    run(python, "-c", check, put("bad.spdx.json", json.dumps(bad)), expect=1)


PROVENANCE = {  # in-toto Statement v1 and SLSA Provenance v1: the members of each object, and which must be there
    "": ({"_type", "subject", "predicateType", "predicate"}, {"_type", "subject", "predicateType", "predicate"}),
    "predicate": ({"buildDefinition", "runDetails"}, {"buildDefinition", "runDetails"}),
    "predicate.buildDefinition": ({"buildType", "externalParameters", "internalParameters", "resolvedDependencies"},
                                  {"buildType", "externalParameters"}),
    "predicate.runDetails": ({"builder", "metadata", "byproducts"}, {"builder"}),
    "predicate.runDetails.builder": ({"id", "builderDependencies", "version"}, {"id"}),
}
RESOURCE = {"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}


@case
def the_provenance_has_the_specifications_members():
    with open(path("release-1.0/provenance.json")) as f:
        p = json.load(f)
    for where, (may, must) in PROVENANCE.items():
        at = p
        for part in filter(None, where.split(".")):
            at = at[part]
        true(must <= set(at) <= may, f"{where}: {sorted(at)}")
    equal((p["_type"], p["predicateType"]), ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"))
    definition = p["predicate"]["buildDefinition"]
    for r in p["subject"] + definition["resolvedDependencies"]:
        true(set(r) <= RESOURCE and r["digest"], str(r))
    for s in p["subject"]:
        with open(path("release-1.0", s["name"]), "rb") as f:
            equal(s["digest"]["sha256"], hashlib.sha256(f.read()).hexdigest())
    commit = run("git", "rev-parse", "HEAD").stdout.strip()
    equal([r["digest"]["gitCommit"] for r in definition["resolvedDependencies"] if "gitCommit" in r["digest"]], [commit])
    with open(path("lock"), "rb") as f:
        lock = hashlib.sha256(f.read()).hexdigest()
    true(lock in [r["digest"].get("sha256") for r in definition["resolvedDependencies"]])
    equal(len(definition["resolvedDependencies"]), 2 + 5)


# --- verify-image

def verify_image(expect, offline=False, **env):
    argv = [os.path.join(src, "deploy/release/verify-image")]
    if offline:
        argv = ["unshare", "-rn", *argv]
    return run(*argv, env=maker_env(CONFIG=path("config"), **env), expect=expect)


@case
def building_again_gives_the_release():
    offline = subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0
    r = verify_image(0, offline, RELEASE=path("release-1.0"), KEY=state["key.pem"])
    equal(r.stdout.count("same       "), 4)
    true("accept: the image is the manifest's" in r.stdout, r.stdout)
    r = verify_image(0, offline)
    equal((r.stdout.count("same       "), r.stdout.count("measurement ")), (4, 15))
    with open(path("release-1.0/release.json")) as f:
        equal(sorted(re.findall("measurement ([0-9a-f]{96}) ", r.stdout)),
              sorted(m["measurement"] for m in json.load(f)["measurements"]))
    if not offline:
        raise rig.Skip("all but that no network was used: no network namespace can be made here")


@case
def another_build_is_a_difference():
    r = verify_image(10, RELEASE=path("release-1.0"), FAKE_NOTE="x")
    true("DIFFERENT  initrd" in r.stdout and r.stdout.count("same       ") == 3, r.stdout)
    r = verify_image(10, RELEASE=path("release-1.0"), KEY=state["other.pem"])
    equal(r.stdout.count("same       "), 4)
    put("maker-of-two", MAKER.replace('os.environ.get("FAKE_NOTE", "")', 'os.environ["TZ"]'))
    os.chmod(path("maker-of-two"), 0o755)
    r = verify_image(10, TR_IMAGE_MAKE=path("maker-of-two"))
    true("DIFFERENT  initrd" in r.stdout, r.stdout)
    folder = twin("listed")
    with open(os.path.join(folder, "vmlinuz"), "ab") as f:
        f.write(b"x")
    r = verify_image(2, RELEASE=folder)
    true("SHA256SUMS" in r.stderr, r.stderr)


@case
def a_simulator_in_the_image_is_a_difference():
    r = verify_image(10, FAKE_DATAPLANE=os.path.join(BIN, "tr-dataplane-sim"))
    true("parts of the simulator" in r.stdout and r.stdout.count("same       ") == 4, r.stdout)


@case
def an_older_checkout_is_told():
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", "next")
    r = verify_image(2, RELEASE=path("release-1.0"))
    true("git checkout" in r.stderr, r.stderr)
    run("git", "checkout", "-q", "HEAD~1")


# --- the page

@case
def the_documented_block_runs():
    """docs/verify.md, step 1, as it stands: in a directory with the release, its key, and tr-verify in the path."""
    with open(os.path.join(ROOT, "docs/verify.md")) as page:
        block = re.search(r"## 1\. .*?```sh\n(.*?)```", page.read(), re.S).group(1)
    true("tr-verify image release-1.0" in block, block)
    put("release.pub", state["key.pem"] + "\n")
    r = run("bash", "-euo", "pipefail", "-c", block, cwd=work, env={"PATH": f"{BIN}:{os.environ['PATH']}"})
    for part in ("accept: the image is the manifest's", "accept: release 1.0", "EPYC-Genoa"):
        true(part in r.stdout, f"no {part} in {r.stdout}")


try:
    failed = rig.run_cases(always=("a_release_is_made_of_a_commit",))
finally:
    shutil.rmtree(work, ignore_errors=True)
sys.exit(failed != 0)
