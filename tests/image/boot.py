"""The booted guest serves: from power-on to the first answer, streaming, evidence and receipt judged by tr-verify, on one, two
and four processors; and nothing of a prompt is on its console, in what the host gave it, or in its memory afterwards."""

import json
import os
import socket
import re
import subprocess
import tempfile
import time

import network
import rig
from guest import RUN, Guest, beside, host_conf
from rig import equal, true

VERIFY = os.path.join(os.environ.get("TR_BIN", ""), "tr-verify")
POLICY = os.path.join(RUN, "conf/attestation.conf")
def verify(*words):
    r = subprocess.run([VERIFY, *words], capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


@rig.case
def power_on_to_the_first_answer():
    """The data plane that deploy/dev/up --guest has booted answers; then one of our own is timed, alone."""
    equal(rig.chat("text=up").text(), "up")
    rig.stop("dataplane")
    with Guest(host=host_conf()) as g:
        # A client that came earlier would wait for QEMU's user network to give up on a guest that is not there yet.
        g.ready()
        listening = time.monotonic() - g.began
        equal(g.chat("text=served").text(), "served")
        print(f"#| power-on to the first chat completion under TCG, one processor: {time.monotonic() - g.began:.2f} s "
              f"(listening at {listening:.2f} s); load of this machine {os.getloadavg()[0]:.1f}")


@rig.case
def streams_with_evidence_and_receipt():
    with Guest(host=host_conf()) as g:
        g.ready()
        streamed = g.chat("tokens=8", stream=True)
        equal((streamed.status, streamed.events()[-1], streamed.clean), (200, "[DONE]", True))
        true(len(streamed.events()) > 4, streamed.events())
        code, out, err = verify("gateway", f"https://localhost:{g.port}", "--policy", POLICY, "--log-key",
                                rig.env("TR_LOG_KEY"), "--json")
        equal((code, json.loads(out)["code"], json.loads(out)["identity"]["simulated"]), (0, "ACCEPT", True), out[:600] + err)
        c = g.client()
        answer = c.chat("text=kept")
        ident = answer.header("x-receipt-id")
        receipt = c.request("GET", f"/aci/receipts/{ident}")
        equal(receipt.status, 200, receipt)
        key = json.loads(rig.Client(f"https://localhost:{g.port}", rig.env("TR_CA"), key="").request(
            "GET", "/attestation/verifying-key").body)["public_key"]
        with tempfile.TemporaryDirectory() as d:
            for name, data in (("receipt.json", receipt.body), ("response.bin", answer.body), ("other.bin", answer.body + b" ")):
                with open(os.path.join(d, name), "wb") as f:
                    f.write(data)
            for name, want in (("response.bin", 0), ("other.bin", 10)):
                code, out, err = verify("receipt", f"{d}/receipt.json", "--response", f"{d}/{name}", "--key", key)
                equal(code, want, out + err)
        c.close()


@rig.case
def a_provider_by_its_name():
    """Looked up over the resolver that the host named, reached over TLS."""
    with Guest(host=host_conf()) as g:
        g.ready()
        a = g.chat(model="named/m")
        equal((a.status, a.text(), a.header("x-tr-provider")), (200, "hello", "named"), repr(a))
        true("provider.test" in network.NAMES.asked)


def processors(n):
    with Guest(host=host_conf(), options=("--vcpus", str(n))) as g:
        g.ready()
        equal(g.events("started")[-1]["workers"], n, "a worker per processor")
        answers = rig.parallel(2 * n, lambda i: g.chat(f"text=answer {i}").text())
        equal(answers, [f"answer {i}" for i in range(2 * n)])
        print(f"# {n} processors: listening {g.events('listening')[-1]}")


@beside
def one_processor():
    processors(1)


@beside
def two_processors():
    processors(2)


@beside
def four_processors():
    processors(4)


@beside
def drained_on_request():
    """The word "drain" on the console, and no other, has the guest finish and switch itself off."""
    with tempfile.TemporaryDirectory() as d:
        control = os.path.join(d, "control")
        with Guest(host=host_conf(), options=("--control", control)) as g:
            g.ready()
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(control)
                for word in (b"stop\n", b"drain now\n", b"drained\n"):
                    s.sendall(word)
                equal(g.chat("text=still here").text(), "still here")
                s.sendall(b"drain\n")
                said = s.makefile("rb").read().decode("utf-8", "replace") # until the guest is off
            g.ended()
            true('"event":"stopped"' in said and '"event":"guest_stopped","status":0,"signal":0' in said, said[-600:])


@beside
def nothing_of_a_prompt_is_left():
    """A canary in a prompt and in an answer, whole and streamed, and in a provider's error: none is on the console or in what
    the host gave; after the answers none is in the guest's memory either. A text that must be there (the rest of its
    request has not come) is found, so the search sees."""
    texts = {kind: f"CANARY{kind}{os.urandom(9).hex()}" for kind in ("PROMPT", "OUTPUT", "ERROR")}
    with Guest(host=host_conf()) as g:
        g.ready()
        ask = {"messages": [{"role": "user", "content": texts["PROMPT"]}], "user": texts["PROMPT"]}
        for stream in (False, True):
            true(texts["OUTPUT"].encode() in g.chat(f"text={texts['OUTPUT'] * 3},chunk=40", stream=stream, **ask).body)
            g.chat(f"fail=400,error_text={texts['ERROR']}", stream=stream, **ask)
        g.chat("text=x", n="bad", **ask)
        held = f"CANARYHELD{os.urandom(9).hex()}"
        s = rig.send_request(b'{"model":"demo/echo","messages":[{"role":"user","content":"' + held.encode() * 20, url=g.url(),
                             length=100000)
        try:
            rig.wait_until(lambda: g.memory_has({"held": held}), 10, "a search that sees", step=0.5)
        finally:
            s.close()
        rig.wait_until(lambda: not g.memory_has({**texts, "held": held}), 15, "wiped from the guest's memory", step=1)
        seen = g.console()
        true('"request_done"' in seen, "requests are on the console as typed lines")
        for text in (*texts.values(), held):
            true(text not in seen, "a canary on the console")


# What the console may carry besides typed lines: the kernel's and the firmware's, as patterns.
KERNEL = re.compile(r"^(\[ *\d+\.\d+\]|reboot: |ACPI|BdsDxe)")


@beside
def the_console_has_typed_lines_only():
    with Guest(host=host_conf()) as g:
        g.ready()
        g.chat("text=x")
        g.process.terminate()
        g.ended()
        for line in g.lines():
            if KERNEL.match(line):
                continue
            event = json.loads(line)
            for key, value in event.items():
                true(re.fullmatch(r"[a-z0-9_]+", key) and (isinstance(value, (int, bool)) or
                     re.fullmatch(r"[A-Za-z0-9_.:-]{0,80}", value)), line)


@beside
def only_measured_ports_are_connected_to():
    """Every packet that leaves while it serves goes to the control plane, to a measured provider's port, or to the resolver."""
    with Guest(host=host_conf()) as g:
        g.ready()
        for model in ("demo/echo", "named/m"):
            equal(g.chat(model=model).status, 200)
        ports = stack_ports()
        want = {("tcp", "10.0.2.2", ports["link"]), ("tcp", "10.0.2.2", int(os.environ["TR_NAMED_PORT"])), ("udp", "10.0.2.3", 53)}
        sent = g.sent()
        equal(want - sent, set(), f"sent {sent}")
        allowed = want | {("answer", "", 0), ("frame", "0806", 0)} | {("tcp", "10.0.2.2", ports[n]) for n in ("demo_a_tls", "demo_b")}
        equal(sent - allowed, set())


def stack_ports():
    with open(os.path.join(RUN, "ports")) as f:
        return {name: int(port) for name, port in (line.strip().split("=") for line in f if "=" in line)}
