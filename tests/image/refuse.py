"""What a hostile host can change about a boot, and what must come of it: files that are not those that were measured, settings,
tables, clocks, entropy, names, networks. Each case has a twin that boots: the same image without the change (boot.py), or in the
case itself."""

import json
import os
import re
import subprocess
import time

import network
import rig
from guest import ADDRESS, IMAGE, RUN, Changed, Guest, beside, host_conf, image_file
from rig import equal, true
from boot import stack_ports


# --- files that are not those that were measured

def not_started(change, options=("--table-of", IMAGE)):
    """With this change to the files, the firmware stops, and no line of a kernel or of ours is on the console."""
    with Changed() as image:
        change(image)
        with Guest(image.dir, host_conf(), options=options) as g:
            how = g.stopped_in_firmware()
            time.sleep(1)
            equal(g.events(), [], "lines of ours")
            equal([line for line in g.lines() if not line.startswith("BdsDxe")], [], "lines of a kernel")
            equal(g.process.poll(), None)
            equal(g.sent(), set(), "packets")
            return how


@beside
def files_as_measured_do_start():
    """The twin of those below: a copy of the files, checked against the same table; the same look at the firmware finds it going on."""
    with Changed() as image, Guest(image.dir, host_conf(), options=("--table-of", IMAGE)) as g:
        equal(g.stopped_in_firmware(unless=lambda: g.events("listening")), None)
        equal(g.chat("text=x").text(), "x")


@beside
def without_a_table():
    equal(not_started(lambda image: None, ("--no-table",)), "said")


@beside
def a_byte_of_the_kernel():
    not_started(lambda image: image.flip("vmlinuz", len(image.read("vmlinuz")) // 2))


@beside
def a_byte_of_the_initrd():
    not_started(lambda image: image.flip("initrd", len(image.read("initrd")) // 2))


@beside
def the_last_byte_of_the_initrd():
    not_started(lambda image: image.flip("initrd", -1))


@beside
def no_initrd():
    not_started(lambda image: image.write("initrd", b""))


@beside
def another_initrd_behind_it():
    not_started(lambda image: image.add_files({"etc/trustedrouter/dataplane.conf": b"audience = evil\n"}))


@beside
def a_longer_command_line():
    """What a host would like to add."""
    not_started(lambda image: image.write("cmdline", image_file("cmdline").rstrip(b"\n") + b" rdinit=/bin/sh\n"))


@beside
def a_shorter_command_line():
    """lockdown=... left out."""
    text = image_file("cmdline")
    shorter = re.sub(rb" \S+(?=\n?$)", b"", text, count=1)
    true(shorter != text)
    not_started(lambda image: image.write("cmdline", shorter))


@beside
def a_byte_of_the_firmware():
    """The firmware is measured and checks; it is not checked. Another one is another launch digest."""
    with Changed() as image:
        image.flip("OVMF.amdsev.fd", 0x200000)
        for name in ("vmlinuz", "initrd", "cmdline"):
            image.write(name, image.read(name))
        digests = {measure(image.dir), measure(IMAGE)}
        equal(len(digests), 2)


def measure(directory, vcpus=1, change=None):
    with open(os.path.join(directory, "cmdline")) as f:
        text = f.read().rstrip("\n")
    r = subprocess.run([os.path.join(rig.env("TR_BIN"), "tr-verify"), "measure", "--ovmf", f"{directory}/OVMF.amdsev.fd", "--kernel",
                        f"{directory}/vmlinuz", "--initrd", f"{directory}/initrd", "--append", change or text, "--vcpus", str(vcpus),
                        "--vcpu-type", "EPYC-v4"], capture_output=True, text=True, check=True)
    return r.stdout.strip()


@beside
def each_file_is_in_the_launch_digest():
    seen = {measure(IMAGE), measure(IMAGE, vcpus=2), measure(IMAGE, change="console=ttyS0")}
    for name in ("vmlinuz", "initrd"):
        with Changed() as image:
            seen.add(measure(image.flip(name, 5000).dir))
    equal(len(seen), 5)


@beside
def what_qemu_puts_before_the_command_line():
    """QEMU's "initrd=initrd " is before ours when the kernel gets it. That, and words that the kernel hands to the first program as
    arguments and environment, change nothing: an image whose measured command line has such words starts and serves."""
    with Changed() as image:
        image.write("cmdline", image_file("cmdline").rstrip(b"\n") + b" OPENSSL_CONF=/evil LD_PRELOAD=/evil.so TZ=evil evil\n")
        with Guest(image.dir, host_conf()) as g:
            g.ready()
            equal(g.chat("text=x").text(), "x")


# --- host.conf

def refused_settings(host, says=None, options=()):
    """The guest powers off before its interface is up, and says which step."""
    with Guest(host=host, options=options) as g:
        equal(g.ended(), 0)
        failed = g.events("boot_failed")
        equal(len(failed), 1, g.say())
        equal(g.events("started") + g.events("listening"), [])
        equal(g.sent(), set(), "packets")
        if says:
            true(says in g.console(), f"{says}: {g.say()}")
        return failed[0]


def settings(name, host, step="host", says=None):
    """One case: this host.conf is refused in this step."""
    def case():
        equal(refused_settings(host, says)["step"], step)
    case.__name__ = f"settings_{name}"
    beside(case)


settings("missing", None)
settings("empty", b"")
settings("more_than_16_kib", host_conf() + "# " + "x" * (16 << 10) + "\n")
settings("with_a_nul", host_conf().encode() + b"\0mtu = 1400\n", says="NUL")
settings("garbage", bytes(range(1, 256)) * 40)
settings("unknown_field", host_conf(nameserver="10.0.2.3"))
settings("twice", host_conf() + "address = 10.0.2.16/24\n")
settings("measured_audience", host_conf(audience="evil.example"))
settings("measured_providers", host_conf(providers="/run/evil.conf"))
settings("measured_control_port", host_conf(control_port="1"))
settings("measured_pin", host_conf(control_spki="00" * 32))
settings("a_section", host_conf() + "[provider evil]\nhost = evil.example\n")
settings("no_address", host_conf(address=None))
settings("address_without_prefix", host_conf(address=ADDRESS), says="host.conf: address")
settings("address_of_loopback", host_conf(address="127.0.0.1/8"))
settings("address_multicast", host_conf(address="224.0.0.1/4"))
settings("address_of_a_network", host_conf(address="10.0.2.0/24"))
settings("gateway_elsewhere", host_conf(gateway="10.9.9.9"))
settings("gateway_is_the_guest", host_conf(gateway=ADDRESS))
settings("dns_is_loopback", host_conf(dns="127.0.0.1"))
settings("dns_by_name", host_conf(dns="resolver.example"))
settings("four_name_servers", host_conf(dns="10.0.2.3 10.0.2.4 10.0.2.5 10.0.2.6"))
settings("mtu_0", host_conf(mtu="0"))
settings("mtu_of_a_jumbo", host_conf(mtu="65535"))


@beside
def settings_that_are_allowed():
    """The twin: every field, comments, several name servers, a frame size."""
    text = "# set by the host\n" + host_conf(dns="10.0.2.3, 10.0.2.4", mtu="1400")
    with Guest(host=text) as g:
        g.ready()
        equal(g.chat("text=x").text(), "x")


@beside
def address_by_dhcp():
    with Guest(host=host_conf(address="dhcp", gateway=None, dns=None)) as g:
        g.ready()
        equal(g.chat("text=x").text(), "x")


@beside
def a_release_that_is_garbage():
    """The image of this stack is bound to no release: what the host gives is not read, up to its limit; beyond it the boot ends."""
    with Changed() as d:
        d_path = os.path.join(d.dir, "release")
        os.mkdir(d_path)
        for size, ends in ((100, False), ((32 << 10) + 1, True)):
            for name in ("release.json", "release.json.minisig"):
                with open(os.path.join(d_path, name), "wb") as f:
                    f.write(os.urandom(min(size, 4096 if "minisig" in name else size)))
            if ends:
                equal(refused_settings(host_conf(), options=("--release", d_path))["step"], "release")
            else:
                with Guest(host=host_conf(), options=("--release", d_path)) as g:
                    g.ready()


@beside
def a_measured_release_needs_its_file():
    """An image that is bound to a release does not serve without it, nor with garbage in its place."""
    with Changed() as image:
        conf = measured("dataplane.conf") + b"release = /run/trustedrouter/release.json\nrelease_key = " + \
            rig.env("TR_RELEASE_KEY").encode() + b"\n"
        image.add_files({"etc/trustedrouter/dataplane.conf": conf})
        release = os.path.join(image.dir, "release")
        os.mkdir(release)
        good = {}
        for end in ("", ".minisig"):
            with open(rig.env("TR_RELEASE") + end, "rb") as f:
                good["release.json" + end] = f.read()
        for files, serves in ((None, False), ({**good, "release.json": b"{}"}, False), (good, True)):
            for name, data in (files or {}).items():
                with open(os.path.join(release, name), "wb") as f:
                    f.write(data)
            with Guest(image.dir, host_conf(), options=("--release", release) if files else ()) as g:
                if serves:
                    g.ready()
                else:
                    equal(g.ended(), 0)
                    equal(g.events("listening"), [])


def measured(name):
    with open(os.path.join(RUN, "guest/conf", name), "rb") as f:
        return f.read()


# --- devices, memory, entropy, clocks

@beside
def too_little_memory():
    """96 MiB are less than the kernel and the image need: the console says so, and nothing starts."""
    with Guest(host=host_conf(), options=("--memory", "96")) as g:
        rig.wait_until(lambda: "Failed to decompress kernel" in g.console(), 60, f"refused: {g.console()}")
        equal((g.events(), g.sent()), ([], set()))


@beside
def two_network_cards():
    """Which one would be fenced, and which one would be used? A guest with two does not start."""
    with Guest(host=host_conf(), qemu=("-netdev", "user,id=net1", "-device", "virtio-net-pci,netdev=net1,romfile=,disable-legacy=on")) as g:
        equal(g.ended(), 0)
        equal(g.events("boot_failed")[0]["step"], "network", g.say())
        equal(g.sent(), set())


@beside
def no_source_of_randomness():
    """Neither the virtio source nor RDRAND: nothing starts before the kernel's generator is seeded. It may seed itself from timing;
    then the boot goes on, which is as good. What must not be is a start before."""
    with Guest(host=host_conf(), options=("--no-rng",), qemu=("-cpu", "EPYC,rdrand=off,rdseed=off")) as g:
        def decided():
            return g.events("boot_failed") or g.events("listening")
        outcome = rig.wait_until(decided, 90, f"an outcome: {g.say()}")[0]
        if outcome["event"] == "boot_failed":
            equal(outcome["step"], "entropy")
            equal(g.ended(), 0)
        print(f"# without RDRAND and virtio-rng: {outcome}")


def clock(years):
    """The host sets the machine's clock: certificates and evidence are judged by others' clocks, and ours of them by ours."""
    base = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + years * 365.25 * 86400))
    with Guest(host=host_conf(), qemu=("-rtc", f"base={base}")) as g:
        rig.wait_until(lambda: g.events("listening") or g.events("link_refused") or g.process.poll() is not None, 60,
                       f"an outcome: {g.say()}")
        time.sleep(2)
        equal(g.events("link_accepted"), [], "accepted by the control plane")
        if g.process.poll() is None and g.events("listening"):
            equal(g.events("listening")[0]["certified"], False)
            a = g.chat(ca=rig.INSECURE)
            equal((a.status, a.error()["code"]), (503, "attestation_unavailable"))


def clocks(name, years):
    def case():
        clock(years)
    case.__name__ = f"clock_{name}"
    beside(case)


clocks("a_year_ahead", 1)
clocks("a_year_behind", -1)
clocks("twenty_years_ahead", 20)
clocks("twenty_years_behind", -20)


# --- names, networks, the control plane

@beside
def a_host_that_answers_dns_with_its_own_address():
    """The name of a measured provider leads to the host's server, which has a certificate of that name, though not the measured one:
    no byte of the prompt arrives, and the client gets an error."""
    canary = f"CANARYDNS{os.urandom(9).hex()}"
    port = int(os.environ["TR_NAMED_PORT"])
    own = network.Names({"provider.test": network.ELSEWHERE}, network.ELSEWHERE)
    with network.Thief(network.ELSEWHERE, port, "provider.test") as thief:
        with Guest(host=host_conf(dns=network.ELSEWHERE)) as g:
            g.ready()
            a = g.chat(model="named/m", messages=[{"role": "user", "content": canary}])
            true(a.status in (502, 503), repr(a))
            true("provider.test" in own.asked, own.asked)
            true(thief.connections > 0, "the guest did connect to the host's server")
            equal((thief.got, canary.encode() in thief.got), (b"", False), "what it could read")
            equal(g.chat("text=x").text(), "x")


@beside
def a_control_plane_with_another_key():
    """The pin is measured: an image with another pin does not talk to this control plane, whoever signs its certificate."""
    with Changed() as image:
        pin = re.search(rb"control_spki = ([0-9a-f]{64})", measured("dataplane.conf")).group(1)
        other = measured("dataplane.conf").replace(pin, pin[:-1] + (b"0" if pin[-1:] != b"0" else b"1"))
        image.add_files({"etc/trustedrouter/dataplane.conf": other})
        with Guest(image.dir, host_conf()) as g:
            g.wait_event("link_closed")
            time.sleep(1)
            equal(g.events("link_accepted") + g.events("link_refused"), [], "it never said a word to it")


@beside
def a_control_plane_elsewhere():
    """The host names a control plane of its own: same port, another key. It learns nothing; the guest does not serve."""
    link = stack_ports()["link"]
    with network.Thief(network.ELSEWHERE, link, "control.evil") as thief:
        with Guest(host=host_conf(control_host=network.ELSEWHERE)) as g:
            g.wait_event("link_closed")
            true(thief.connections > 0)
            equal(thief.got, b"")
            equal(g.events("link_accepted"), [])


@beside
def a_control_plane_at_another_port():
    """The control plane's port is measured: a host that names another one gets no boot."""
    with network.Thief(network.ELSEWHERE, 4444) as thief:
        with Guest(host=host_conf(control_host=f"{network.ELSEWHERE}:4444")) as g:
            equal(g.ended(), 0)
            equal((g.events("boot_failed")[0]["step"], g.events("started")), ("fence", []))
            equal((thief.connections, g.sent()), (0, set()))


@beside
def a_metadata_server():
    """169.254.169.254 at a measured port, named by the host: no packet goes there."""
    link = stack_ports()["link"]
    with network.Thief(network.METADATA, link) as thief:
        with Guest(host=host_conf(control_host=network.METADATA)) as g:
            g.wait_event("started")
            time.sleep(4)
            equal(thief.connections, 0)
            equal([s for s in g.sent() if s[1] == network.METADATA], [])


@beside
def a_provider_that_is_switched_off():
    """Nobody listens at the provider's address: an error for the client, and the guest serves on."""
    own = network.Names({"provider.test": network.ALSO}, network.ALSO)
    with Guest(host=host_conf(dns=network.ALSO)) as g:
        g.ready()
        a = g.chat(model="named/m")
        true("provider.test" in own.asked, own.asked)
        true(a.status in (502, 503), repr(a))
        equal(g.chat("text=x").text(), "x")


@beside
def an_image_with_another_provider():
    """A provider more in the image is another program to the control plane: refused, no key of a provider is sent, nothing is served."""
    with Changed() as image:
        evil = measured("providers.conf") + b"\n[provider evil]\nname = Evil\nhost = evil.example\nport = 443\ntls = on\npath = /v1\n"
        image.add_files({"etc/trustedrouter/providers.conf": evil})
        with Guest(image.dir, host_conf()) as g:
            equal(g.wait_event("link_refused")["reason"], "measurement")
            equal(g.events("provider_key") + g.events("catalog"), [])


# --- the production image, where there is no SEV-SNP

@beside
def the_production_image_without_sev():
    """No device, no report, no service: the data plane ends, tr-init says with which status, and the machine powers off."""
    with Guest(os.path.join(rig.ROOT, "build/image/production"), host_conf()) as g:
        equal(g.ended(), 0)
        equal(g.events("started") + g.events("listening"), [])
        equal([(e["status"], e["signal"]) for e in g.events("guest_stopped")], [(1, 0)], g.say())
        equal([s for s in g.sent() if s[0] == "tcp"], [])
