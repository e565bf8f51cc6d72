#!/usr/bin/env python3
"""The console's files as the control plane serves them: paths and what is no path, types, caching, codings, the policies
that pages run under, rates that a page load does not use up, clients that do not read, and what the pages are told by
GET /console. A control plane, a database and a directory of files of its own."""

import gzip
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from contract import Contract  # noqa: E402
from log_plane import Plane  # noqa: E402
from rig import case, equal, true, wait_until  # noqa: E402

work = tempfile.mkdtemp(prefix="tr-console-")
files = os.path.join(work, "files")
plane = None
ASSETS = 30
LARGE = 7 << 20
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-encoding": "gzip, deflate, br"}
PAGE_POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
               "connect-src 'self' https://api.example https://eu.example:8443; form-action 'self'; base-uri 'none'; "
               "frame-ancestors 'none'; require-trusted-types-for 'script'")
ALWAYS = {"strict-transport-security": "max-age=63072000", "x-content-type-options": "nosniff", "x-frame-options": "DENY",
          "referrer-policy": "no-referrer"}


def write(name, data):
    path = os.path.join(files, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def write_console():
    index = b"<!doctype html><title>Console</title>" + b"".join(
        b'<script type="module" src="/assets/part-%d.js"></script>' % i for i in range(ASSETS))
    write("index.html", index)
    write("index.html.gz", gzip.compress(index))
    write("404.html", b"<!doctype html><title>No such page</title>")
    for i in range(ASSETS):
        write(f"assets/part-{i}.js", b"export const part = %d;" % i)
    write("assets/part-0.js.gz", gzip.compress(b"export const part = 0;"))
    write("assets/part-0.js.br", b"as if it were brotli")
    write("assets/large.bin", os.urandom(LARGE))
    write("verifier/index.html", b"<!doctype html><title>Verifier</title>")
    write("robots.txt", b"User-agent: *\n")
    write("pages.txt", b"/ index.html\n/models index.html\n/models/* index.html\n/app index.html\n/health index.html\n"
          b"/verifier/ verifier/index.html everywhere\n* 404.html\n")


def ask(method, path, headers=None, at=None):
    """(status, headers, body), of a request whose path goes as it is."""
    c = (at or plane).connect()
    c.putrequest(method, path, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        c.putheader(name, value)
    c.endheaders()
    r = c.getresponse()
    got = r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    c.close()
    return got


def error_code(body):
    return json.loads(body)["error"]["code"]


# --- paths

@case
def pages_and_files_are_found():
    index = open(os.path.join(files, "index.html"), "rb").read()
    for path in ("/", "/models", "/models/openai/gpt-5", "/models/a/b:free?x=1", "/app", "/?a=b"):
        status, _, body = ask("GET", path)
        equal((status, body), (200, index), path)
    for path, kind in (("/assets/part-3.js", "text/javascript; charset=utf-8"), ("/robots.txt", "text/plain; charset=utf-8"),
                       ("/assets/large.bin", "application/octet-stream"), ("/verifier/", "text/html; charset=utf-8")):
        status, head, _ = ask("GET", path)
        equal((status, head["content-type"]), (200, kind), path)


@case
def nothing_else_is_found():
    for path in ("/nope", "/pages.txt", "/assets", "/assets/", "/assets/part-0.js.gz", "/assets/nope.js", "/assets/../robots.txt",
                 "/..", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/models/%2e%2e/%2E./etc/passwd", "/models/../robots.txt",
                 "//robots.txt", "/models//", "/robots.txt/", "/robots.tx", "/robots%2etxt", "/assets%2fpart-0.js",
                 "/conf", "/state/ca.key", "/files/index.html"):
        status, head, body = ask("GET", path)
        equal((status, head["content-type"]), (404, "application/json"), path)
        equal(error_code(body), "not_found", path)


@case
def browsers_get_a_page_that_says_so():
    for path in ("/nope", "/assets/nope.js", "/../robots.txt"):
        status, head, body = ask("GET", path, BROWSER)
        equal((status, head["content-type"], head["cache-control"]), (404, "text/html; charset=utf-8", "no-store"), path)
        true(b"No such page" in body, path)
        equal(head["content-security-policy"], PAGE_POLICY)
        equal(ask("GET", path, {"accept": "*/*"})[1]["content-type"], "application/json", path)
    for path in ("/v1/nope", "/api/v1/nope", "/v1/models"):  # the API answers for itself
        status, head, body = ask("GET", path, BROWSER)
        equal((status, error_code(body) in ("not_found", 404)), (404, True), path)
    equal(ask("POST", "/nope", BROWSER)[1]["content-type"], "application/json")


@case
def the_api_has_its_own_paths():
    for path in ("/health", "/status.json", "/openapi.json", "/v1/console"):  # "/health" is in pages.txt, too
        status, head, _ = ask("GET", path, BROWSER)
        equal((status, head["content-type"]), (200, "application/json"), path)
    equal(ask("GET", "/v1/keys", BROWSER)[0], 401)


@case
def pages_are_only_read():
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, head, body = ask(method, "/models")
        equal((status, head["allow"], error_code(body)), (405, "GET, HEAD", "method_not_allowed"), method)
    _, whole, body = ask("GET", "/robots.txt")
    status, head, nothing = ask("HEAD", "/robots.txt")
    equal((status, nothing, head["content-length"]), (200, b"", str(len(body))))
    for name in set(whole) - {"date", "x-request-id"}:
        equal(head.get(name), whole[name], name)


@case
def a_directory_has_its_slash():
    status, head, body = ask("GET", "/verifier")
    equal((status, head["location"], body), (308, "/verifier/", b""))
    equal(ask("GET", "//evil.example/verifier")[0], 404)
    equal(ask("GET", "/verifier?next=//evil.example")[1]["location"], "/verifier/")


# --- headers

@case
def pages_run_under_a_policy():
    for path in ("/", "/models/x", "/assets/part-1.js"):  # a worker's script brings its own
        equal(ask("GET", path)[1]["content-security-policy"], PAGE_POLICY, path)
    for word in ("unsafe", "*", "data: blob:; script"):
        true(word not in PAGE_POLICY, word)
    head = ask("GET", "/")[1]
    equal((head["cross-origin-opener-policy"], head["cross-origin-resource-policy"]), ("same-origin", "same-origin"))
    true("camera=()" in head["permissions-policy"])
    for path in ("/", "/robots.txt", "/nope", "/verifier"):
        head = ask("GET", path)[1]
        equal({k: head.get(k) for k in ALWAYS}, ALWAYS, path)
        true(re.fullmatch("[0-9a-f]{32}", head["x-request-id"]), path)
    equal(ask("GET", "/robots.txt")[1]["content-security-policy"], "default-src 'none'; frame-ancestors 'none'")
    equal(ask("GET", "/v1/nope")[1]["content-security-policy"], "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")


@case
def only_the_verifier_connects_everywhere():
    everywhere = PAGE_POLICY.replace("https://api.example https://eu.example:8443", "https:")
    equal(ask("GET", "/verifier/")[1]["content-security-policy"], everywhere)
    equal(ask("GET", "/verifier/index.html")[1]["content-security-policy"], PAGE_POLICY)


@case
def what_never_changes_is_kept():
    equal(ask("GET", "/assets/part-1.js")[1]["cache-control"], "public, max-age=31536000, immutable")
    for path in ("/", "/models/x", "/robots.txt", "/verifier/"):
        equal(ask("GET", path)[1]["cache-control"], "no-cache", path)


@case
def a_known_file_is_not_sent_again():
    for path in ("/", "/assets/part-1.js"):
        _, head, _ = ask("GET", path)
        tag = head["etag"]
        for listed in (tag, f'"x", W/{tag}', "*"):
            status, again, body = ask("GET", path, {"if-none-match": listed})
            equal((status, body, again["etag"], again["cache-control"]), (304, b"", tag, head["cache-control"]), listed)
        equal(ask("GET", path, {"if-none-match": tag[:-2] + 'x"'})[0], 200)
    gz = ask("GET", "/", {"accept-encoding": "gzip"})[1]["etag"]
    true(gz != ask("GET", "/")[1]["etag"], "one tag for two codings")
    equal(ask("GET", "/", {"if-none-match": gz})[0], 200)


@case
def files_come_in_codings_that_are_taken():
    for accept, coding in (("gzip, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("identity", None), ("", None)):
        _, head, body = ask("GET", "/assets/part-0.js", {"accept-encoding": accept})
        equal((head.get("content-encoding"), head["vary"]), (coding, "accept-encoding"), accept)
        text = gzip.decompress(body) if coding == "gzip" else body
        equal(text, b"as if it were brotli" if coding == "br" else b"export const part = 0;", accept)
    _, head, _ = ask("GET", "/assets/part-1.js", {"accept-encoding": "gzip, br"})
    equal((head.get("content-encoding"), head.get("vary")), (None, None))


# --- load

def memory():
    with open(f"/proc/{plane.process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) << 10


@case
def clients_that_do_not_read_hold_no_memory():
    context = ssl.create_default_context(cafile=os.path.join(plane.dir, "state/ca.pem"))
    silent, before = [], memory()
    try:
        for _ in range(80):  # copies would be 560 MiB, and more than the answers of the API may have
            s = context.wrap_socket(socket.create_connection(("127.0.0.1", plane.port)), server_hostname="localhost")
            s.sendall(b"GET /assets/large.bin HTTP/1.1\r\nhost: x\r\n\r\n")
            silent.append(s)
        time.sleep(0.5)
        grown = memory() - before
        true(grown < 40 << 20, f"{grown >> 20} MiB more")
        equal(ask("GET", "/")[0], 200)
        # A large answer that is copied: there is room for it.
        wait_until(lambda: ask("GET", "/openapi.json")[0] == 200, 10, "served")
        got, want = b"", open(os.path.join(files, "assets/large.bin"), "rb").read()
        while len(got) < LARGE:
            got += silent[0].recv(1 << 20)
        true(got.endswith(want), "the one that reads has all of it")
    finally:
        for s in silent:
            s.close()


# --- what pages are told

@case
def the_console_is_told():
    status, head, body = ask("GET", "/v1/console")
    equal((status, head["access-control-allow-origin"]), (200, "*"))
    data = json.loads(body)["data"]
    equal(data["name"], "Example Router")
    equal(data["data_planes"], ["https://api.example", "https://eu.example:8443"])
    equal(data["sign_in"]["password"], True)
    equal(data["sign_in"]["sign_up"], False)
    equal(data["security_contact"], "mailto:security@example.com")
    equal(data["release_key"], None)
    equal(data["simulated"], False)
    equal(data["payments"], False)
    equal(data["log_key"], plane.run("--print-log-key").split()[-1])
    equal(data["version"], subprocess.run([f"{os.path.dirname(PROGRAM)}/tr-controlplane", "--version"], check=True,
                                          capture_output=True, text=True).stdout.split()[1])
    document = Contract(json.loads(ask("GET", "/openapi.json")[2]))
    for path in ("/v1/console", "/.well-known/security.txt"):
        status, head, body = ask("GET", path)
        equal(document.answer_faults("GET", path, status, head["content-type"], body), [], path)


@case
def researchers_are_told_whom_to_write_to():
    status, head, body = ask("GET", "/.well-known/security.txt")
    equal((status, head["content-type"]), (200, "text/plain; charset=utf-8"))
    fields = dict(line.split(": ", 1) for line in body.decode().splitlines())
    equal(fields["Contact"], "mailto:security@example.com")
    expires = time.mktime(time.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    true(80 * 86400 < expires < 91 * 86400, fields["Expires"])


@case
def a_page_load_uses_up_no_rate():
    for _ in range(3):  # pages_per_ip_burst is 20 here, and 5 a second more
        for path in ["/", "/models"] + [f"/assets/part-{i}.js" for i in range(ASSETS)]:
            equal(ask("GET", path, BROWSER)[0], 200, path)
    equal(ask("GET", "/v1/console")[0], 200)
    statuses = [ask("GET", "/v1/incidents")[0] for _ in range(60)]
    true(429 in statuses, "public pages of the API have their rate still")
    equal(ask("GET", "/")[0], 200)


# --- the directory

def checked(change):
    """What --check-config says of a console that has been changed."""
    twin, conf = os.path.join(work, "twin"), os.path.join(plane.dir, "twin.conf")
    shutil.copytree(files, twin)
    try:
        change(twin)
        with open(os.path.join(plane.dir, "conf")) as f, open(conf, "w") as g:
            g.write(f.read().replace(f"console_dir = {files}", f"console_dir = {twin}"))
        r = subprocess.run([PROGRAM, "-c", conf, "--check-config"], capture_output=True, text=True)
        return r.returncode, r.stderr.strip()
    finally:
        shutil.rmtree(twin)


PROGRAM = os.path.join(os.environ.get("TR_BIN") or os.path.join(rig.ROOT, "build", os.environ.get("MODE", "release")),
                       "tr-controlplane")


@case
def odd_directories_are_refused():
    equal(checked(lambda d: None), (0, ""))
    for change, why in ((lambda d: os.symlink("/etc/passwd", d + "/assets/p.js"), "neither a file nor a directory"),
                        (lambda d: os.symlink("/etc", d + "/etc"), "neither a file nor a directory"),
                        (lambda d: os.remove(d + "/pages.txt"), "no pages.txt"),
                        (lambda d: os.remove(d + "/404.html"), "not there"),
                        (lambda d: os.truncate(d + "/assets/large.bin", 9 << 20), "too large"),
                        (lambda d: open(d + "/.git", "w").close(), "begin with no dot")):
        code, said = checked(change)
        true(code == 1 and "console_dir" in said and why in said, (code, said))


@case
def without_a_directory_there_is_no_console():
    other = Plane(work, "bare", plane.conninfo + "&application_name=bare" if "?" in plane.conninfo else plane.conninfo)
    shutil.copytree(os.path.join(plane.dir, "state"), os.path.join(other.dir, "state"))
    try:
        other.start()
        for path in ("/", "/models", "/assets/part-1.js"):
            status, head, _ = ask("GET", path, BROWSER, at=other)
            equal((status, head["content-type"]), (404, "application/json"), path)
        equal(ask("GET", "/.well-known/security.txt", at=other)[0], 404)
        equal(json.loads(ask("GET", "/v1/console", at=other)[2])["data"]["data_planes"], [])
    finally:
        other.stop()


def main():
    global plane
    pg_dir = work + "-pg"
    pg = os.path.join(rig.ROOT, "tests/lib/pg")
    try:
        conninfo = subprocess.run([pg, "start", pg_dir], check=True, capture_output=True, text=True).stdout.strip()
        write_console()
        plane = Plane(work, "plane", conninfo)
        with open(os.path.join(plane.dir, "conf"), "a") as f:
            f.write(f"console_dir = {files}\nconsole_name = Example Router\nsecurity_contact = mailto:security@example.com\n"
                    "console_dataplanes = https://api.example https://eu.example:8443\n"
                    "pages_per_ip_per_s = 5\npages_per_ip_burst = 20\n")
        plane.start()
        return rig.run_cases() != 0
    finally:
        if plane is not None:
            plane.stop()
        subprocess.run([pg, "stop", pg_dir], check=False)
        shutil.rmtree(work, ignore_errors=True)


sys.exit(main())
