"""A guest booted by deploy/qemu/run-tcg.sh, as a test sees it: its console, its frames on the wire, QEMU's own monitor, and
image directories with something changed. Needs QEMU; standard library only."""

import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig

QEMU_DIR = os.path.join(rig.ROOT, "deploy/qemu")
RUN = rig.env("TR_RUN_DIR")
IMAGE = os.path.join(RUN, "guest/image")
ADDRESS = "10.0.2.15"
LOOP_S = 2  # seconds of processor time; nothing that the firmware does on its way takes half of it within 64 bytes
REFUSED_S = 60  # how long a boot may take on a busy machine until it is decided; most take 4 s


def host_conf(**changed):
    """The settings of deploy/dev/up --guest as text, with some changed or, when None, left out."""
    values = {"address": ADDRESS + "/24", "gateway": "10.0.2.2", "dns": "10.0.2.3", "control_host": "10.0.2.2",
              "place": rig.fresh("guest"), **changed}
    return "".join(f"{name} = {value}\n" for name, value in values.items() if value is not None)


class Guest:
    """One QEMU. With `with`, it is gone at the end however the case ends."""

    def __init__(self, image=IMAGE, host=None, options=(), qemu=(), extra=()):
        """host: the text or bytes of host.conf, or None for none. options: of run-tcg.sh. qemu: of QEMU."""
        self.dir = tempfile.mkdtemp(prefix="tr-guest-")
        self.port = rig.free_port()
        self.words = [os.path.join(QEMU_DIR, "run-tcg.sh"), image, "--console", self.path("console"),
                      "--forward", f"{self.port}:443", *options]
        if host is not None:
            with open(self.path("host.conf"), "wb") as f:
                f.write(host if isinstance(host, bytes) else host.encode())
            self.words += ["--host-conf", self.path("host.conf")]
        self.words += ["--", "-qmp", f"unix:{self.path('qmp')},server=on,wait=off", "-object",
                       f"filter-dump,id=dump0,netdev=net0,file={self.path('frames')},maxlen=256", *qemu]
        self.process = None

    def path(self, name):
        return os.path.join(self.dir, name)

    def __enter__(self):
        self.began = time.monotonic()
        with open(self.path("qemu.log"), "w") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if os.environ.get("KEEP"):
            print("# kept", self.dir)
        else:
            shutil.rmtree(self.dir)

    # --- the console

    def console(self):
        try:
            with open(self.path("console"), "rb") as f:
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def lines(self):
        """Without the firmware's control sequences and empty lines."""
        plain = re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]", "", self.console())
        return [line.strip() for line in plain.splitlines() if line.strip()]

    def events(self, name=None):
        """The typed log lines that the data plane and tr-init have written."""
        out = []
        for line in self.lines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and (name is None or event.get("event") == name):
                out.append(event)
        return out

    def say(self):
        """The end of what it said, for a failure's message."""
        with open(self.path("qemu.log"), errors="replace") as f:
            said = f.read().strip()
        return " | ".join(([said] if said else []) + self.lines()[-12:])

    def wait_event(self, name, seconds=REFUSED_S):
        def look():
            found = self.events(name)
            if not found and self.process.poll() is not None:
                found = self.events(name) or [None]
            return found
        found = rig.wait_until(look, seconds, f"{name} on the console: {self.say()}")[0]
        rig.true(found, f"the guest ended without {name}: {self.say()}")
        return found

    def ended(self, seconds=REFUSED_S):
        """Wait until the guest has powered off; QEMU's exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on: {self.say()}") from None

    # --- what it serves

    def url(self):
        return f"https://localhost:{self.port}/v1"

    def client(self, ca=None, **more):
        return rig.Client(self.url(), ca or rig.env("TR_CA"), **more)

    def ready(self, seconds=REFUSED_S):
        """Wait until the control plane has accepted it and it listens."""
        self.wait_event("listening", seconds)
        return self

    def chat(self, mock="", ca=None, **members):
        c = self.client(ca)
        try:
            return c.chat(mock, **members)
        finally:
            c.close()

    def health(self):
        c = rig.Client(f"https://localhost:{self.port}", rig.INSECURE, key="", timeout=10)
        try:
            return c.request("GET", "/health").json()
        finally:
            c.close()

    # --- QEMU's monitor

    def monitor(self, command, **arguments):
        """One command of QMP and its answer."""
        rig.wait_until(lambda: os.path.exists(self.path("qmp")) or self.process.poll() is not None, 20, "QEMU's monitor")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self.path("qmp"))
            f = s.makefile("rw", encoding="utf-8")
            f.readline()
            for c in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                f.write(json.dumps(c) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "return" in answer or "error" in answer:
                        break
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']}")
            return answer["return"]

    def processor_at(self):
        """The instruction pointer of the first processor, and whether it is halted until an interrupt."""
        text = self.monitor("human-monitor-command", **{"command-line": "info registers"})
        return int(re.search(r"\b[RE]IP=([0-9a-f]+)", text).group(1), 16)

    def processor_s(self):
        """Seconds of processor time that QEMU has had: the guest's own measure of time on a busy machine."""
        with open(f"/proc/{self.process.pid}/stat") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stopped_in_firmware(self, unless=lambda: False):
        """The firmware refuses to go on: it says that there is nothing to boot ("said"), or its processor spends LOOP_S seconds in
        64 bytes of code below 4 GiB ("loop": CpuDeadLoop, but for an interrupt now and then). None when `unless` comes first."""
        center, since, strays, end = None, 0, 0, time.monotonic() + REFUSED_S
        while time.monotonic() < end:
            if unless():
                return None
            if "No bootable option" in self.console():
                return "said"
            at, now = self.processor_at(), self.processor_s()
            strays = 0 if center is not None and abs(at - center) < 64 else strays + 1
            if center is None or strays == 2 or at >= 1 << 32:
                center, since, strays = at, now, 0
            elif strays == 0 and now - since >= LOOP_S:
                return "loop"
            time.sleep(0.1)
        raise AssertionError(f"it is not stopped in the firmware: {self.say()}")

    def memory_has(self, needles):
        """Which of these texts are in the guest's whole memory, as QEMU sees it without SEV."""
        path = self.path("memory")
        size = int(self.monitor("query-memory-size-summary")["base-memory"])
        self.monitor("pmemsave", val=0, size=size, filename=path)
        found, tail = set(), b""
        with open(path, "rb") as f:
            while part := f.read(8 << 20):
                found |= {name for name, needle in needles.items() if needle.encode() in tail + part}
                tail = part[-512:]
        os.unlink(path)
        return found

    # --- its frames

    def sent(self):
        """(protocol, address, port) of every IPv4 packet that left the guest; a frame of another kind by its type."""
        out = set()
        with open(self.path("frames"), "rb") as f:
            data = f.read()
        at = 24
        while at + 16 <= len(data):
            kept = struct.unpack_from("<I", data, at + 8)[0]
            frame = data[at + 16:at + 16 + kept]
            at += 16 + kept
            if len(frame) < 34 or frame[6:9] != b"\x52\x54\x00":
                continue
            kind = struct.unpack_from(">H", frame, 12)[0]
            if kind != 0x0800:
                out.add(("frame", f"{kind:04x}", 0))
                continue
            ip = frame[14:]
            head = (ip[0] & 15) * 4
            protocol = {6: "tcp", 17: "udp", 1: "icmp"}.get(ip[9], str(ip[9]))
            port = struct.unpack_from(">H", ip, head + 2)[0] if ip[9] in (6, 17) else 0
            answers = ip[9] == 6 and struct.unpack_from(">H", ip, head)[0] == 443
            out.add(("answer", "", 0) if answers else (protocol, socket.inet_ntoa(ip[16:20]), port))
        return out


# --- images with something changed

class Changed:
    """A copy of the image directory, of hard links where nothing changes."""

    def __init__(self, of=IMAGE):
        self.dir = tempfile.mkdtemp(prefix="tr-image-", dir=os.path.dirname(IMAGE))
        for name in ("vmlinuz", "initrd", "OVMF.amdsev.fd", "cmdline", "measurements"):
            if os.path.exists(os.path.join(of, name)):
                os.link(os.path.join(of, name), os.path.join(self.dir, name))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def read(self, name):
        with open(os.path.join(self.dir, name), "rb") as f:
            return f.read()

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        os.unlink(path)
        with open(path, "wb") as f:
            f.write(data)
        return self

    def flip(self, name, at):
        data = bytearray(self.read(name))
        data[at] ^= 1
        return self.write(name, bytes(data))

    def add_files(self, files):
        """Files that come after those of the image and replace them: another image, with other contents."""
        data = self.read("initrd")
        return self.write("initrd", data + bytes(-len(data) % 4) + newc(files))


def newc(files):
    """An archive as the kernel unpacks it: {path: bytes}, regular files of root, 0644."""
    out = b""
    for number, (path, data) in enumerate([*sorted(files.items()), ("TRAILER!!!", b"")]):
        mode = 0o100644 if path != "TRAILER!!!" else 0
        fields = (900000 + number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + path.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def image_file(name):
    with open(os.path.join(IMAGE, name), "rb") as f:
        return f.read()


# --- cases that boot, side by side

AT_ONCE = max(2, min(4, os.cpu_count() or 2))  # guests of 512 MiB
_beside, _results = [], {}


def beside(fn):
    """A case that boots guests of its own and needs nothing of other cases: several run at a time, before the first of
    them reports."""
    def report():
        if not _results:
            wanted = sys.argv[1] if len(sys.argv) > 1 else ""
            _run_beside([f for f in _beside if wanted in f.__name__])
        problem = _results[fn.__name__]
        if problem is not None:
            raise problem
    report.__name__ = fn.__name__
    _beside.append(fn)
    return rig.case(report)


def _run_beside(left):
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                if not left:
                    return
                fn = left.pop(0)
            began = time.monotonic()
            try:
                fn()
                problem = None
            except BaseException as e:  # a case's failure is its result
                problem = e
            print(f"# {fn.__name__} {time.monotonic() - began:.1f} s", flush=True)
            _results[fn.__name__] = problem
    threads = [threading.Thread(target=work, daemon=True) for _ in range(AT_ONCE)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
