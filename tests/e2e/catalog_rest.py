#!/usr/bin/env python3
"""The catalog by REST on a running stack: versions, drafts judged as --check-catalog judges, publishing, going back, single
entries, endpoints off for a while, acknowledgements of the data plane. A request in flight is charged at the price that
it began with. What this changes is put back at the end."""

import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib"))
import rig  # noqa: E402
from rig import case, control, equal, fresh, sql, true, wait_until  # noqa: E402


def get(path, status=200):
    a = control("GET", "/v1" + path)
    equal(a.status, status, (path, a.body[:300]))
    return a.json()


def send(method, path, body=None, status=200):
    a = control(method, "/v1" + path, body)
    equal(a.status, status, (path, a.body[:500]))
    return a.json()


def in_force():
    return get("/catalog?model=demo/echo")["data"]["version"]


def text_of(version):
    return get(f"/catalog/versions/{version}")["data"]["text"]


def acknowledged(version):
    """Every connected data plane serves it."""
    return lambda: (lambda a: a["acknowledged"] == a["connected"] >= 1)(get(f"/catalog/versions/{version}/acks"))


def endpoint(model, provider):
    for e in get("/catalog?model=" + model)["data"]["endpoints"]:
        if e["provider"] == provider:
            return e
    raise AssertionError((model, provider))


def first():
    """The version in force; other tests have written prices into the tables and left one without its text."""
    if text_of(in_force()) is None:
        with open(os.path.join(rig.env("TR_RUN_DIR"), "conf/catalog.conf")) as f:
            draft = send("POST", "/catalog/drafts", {"text": f.read()}, 201)["data"]["version"]
        send("POST", f"/catalog/versions/{draft}/publish")
        wait_until(acknowledged(draft), 10, "the catalog is served with its text")
    return in_force()


FIRST = first()


def put_back():
    send("POST", "/catalog/rollback", {"to": FIRST})
    wait_until(acknowledged(in_force()), 10, "the first catalog is served again")


@case
def versions_and_their_text():
    versions = get("/catalog/versions")["data"]
    equal([v["state"] for v in versions if v["version"] == FIRST], ["published"])
    with open(os.path.join(rig.env("TR_RUN_DIR"), "conf/catalog.conf")) as f:
        equal(text_of(FIRST), f.read())
    page = get("/catalog/versions?limit=1")
    equal(len(page["data"]), 1)
    get("/catalog/versions/999999", 404)
    get("/catalog/versions?limit=0", 400)
    get("/catalog/versions?limt=1", 400)
    get(f"/catalog/diff?from={FIRST}&to=999999", 404)
    get("/catalog/diff?from=1", 400)
    wait_until(acknowledged(FIRST), 10, "the data plane serves it")
    equal(control("GET", "/v1/catalog", key=rig.env("TR_API_KEY")).status, 403, "no inference key")


@case
def a_draft_is_judged_and_counts_when_it_is_published():
    text = text_of(in_force())
    bad = send("POST", "/catalog/drafts", {"text": text.replace("context_length = 1048576", "context_length = x", 1)}, 400)
    equal((bad["error"]["code"], bad["findings"][0]["line"]),
          ("invalid_catalog", text[:text.index("context_length")].count("\n") + 1))
    lint = send("POST", "/catalog/drafts", {"text": text + "\n[endpoint demo/echo@nobody]\nupstream_model = x\nprompt = 1\n"
                                                           "completion = 1\n"}, 400)
    true("not in providers.conf" in json.dumps(lint["findings"]), lint)
    for wrong in ([], {"text": 1}, {"note": "x\ny", "text": text}, {"models": 1}):
        send("POST", "/catalog/drafts", wrong, 400)
    before = in_force()
    mine = text.replace("name = Demo, dearer", "name = Demo, dearest")
    made = send("POST", "/catalog/drafts", {"text": mine, "note": "dearest"}, 201)
    draft, other = made["data"]["version"], send("POST", "/catalog/drafts", {"text": mine}, 201)["data"]["version"]
    equal((made["data"]["state"], made["data"]["base"], made["data"]["note"], in_force()), ("draft", before, "dearest", before))
    changed = get(f"/catalog/diff?from={before}&to={draft}")["data"]
    equal((changed["models"]["changed"], changed["endpoints"]["changed"]),
          ([{"id": "demo/dear", "from": {"name": "Demo, dearer"}, "to": {"name": "Demo, dearest"}}], []))
    equal(send("POST", "/catalog/rollback", {"to": draft}, 400)["error"]["param"], "to")
    equal(send("POST", f"/catalog/versions/{draft}/publish")["data"], {"version": draft, "changed": True})
    wait_until(acknowledged(draft), 10, "the data plane serves the draft")
    equal(get(f"/catalog/versions/{before}/acks")["acknowledged"], 0)
    true("Demo, dearest" in rig.Client().request("GET", "/models").body.decode())
    # The other one was made on top of what is in force no more; and a draft is published once.
    equal(send("POST", f"/catalog/versions/{other}/publish", status=409)["error"]["code"], "catalog_moved")
    equal(send("POST", f"/catalog/versions/{draft}/publish", status=409)["error"]["code"], "not_a_draft")
    put_back()
    true("Demo, dearest" not in rig.Client().request("GET", "/models").body.decode())
    states = [v["state"] for v in get("/catalog/versions")["data"]]
    equal(states.count("published"), 1)


@case
def what_another_has_published_is_not_undone_unseen():
    """Two operators read one version. The second one's text has nothing of the first one's change."""
    text, read, dear = text_of(in_force()), in_force(), endpoint("demo/dear", "demo-a")["endpoint"]
    first = send("POST", f"/catalog/drafts?base={read}", {"text": text.replace("name = Demo, dearer", "name = Demo, first")}, 201)
    send("POST", f"/catalog/versions/{first['data']['version']}/publish")
    moved = in_force()
    versions = len(get("/catalog/versions")["data"])
    second = text.replace("name = Demo, dearer", "name = Demo, second")
    stale = [("POST", f"/catalog/drafts?base={read}", {"text": second}), ("POST", f"/catalog/rollback?base={read}", {"to": read}),
             ("PATCH", f"/catalog/endpoints/{dear}?base={read}", {"weight": 7}),
             ("PATCH", f"/catalog/models/demo/dear?base={read}", {"name": "Demo, second"}),
             ("PATCH", f"/catalog/aliases/second?base={read}", {"models": ["demo/dear"]})]
    for method, path, body in stale:
        answer = send(method, path, body, 409)["error"]
        equal((answer["code"], answer["param"]), ("catalog_moved", "base"), path)
    equal((in_force(), len(get("/catalog/versions")["data"])), (moved, versions), "nothing is left of them")
    for wrong in ("0", "x", "-1", str(1 << 31), ""):
        equal(send("POST", f"/catalog/drafts?base={wrong}", {"text": second}, 400)["error"]["param"], "base", wrong)
    equal(send("PATCH", f"/catalog/endpoints/{dear}?base={moved}", {"off": True}, 400)["error"]["param"], "base")
    equal(send("POST", f"/catalog/rollback?base={moved}", {"to": read})["data"]["changed"], True)
    put_back()


@case
def a_draft_may_be_text_or_json():
    c = rig.Client(rig.env("TR_CONTROL_URL"), rig.env("TR_CONTROL_CA"), rig.env("TR_MANAGEMENT_KEY"))
    text = text_of(in_force())
    padded = text + "# " + "x" * 300000 + "\n"  # more than other bodies may have
    a = c.request("POST", "/v1/catalog/drafts", padded.encode(), {"Content-Type": "text/plain"})
    equal(a.status, 201, a.body[:300])
    equal(c.request("POST", "/v1/keys", b" " * 300000).status, 413)
    made = send("POST", "/catalog/drafts", {
        "models": [{"id": "a/b", "name": "B", "context_length": 1000, "max_output": 10, "capabilities": ["tools"],
                    "facts": "2026-11-20"}],
        "endpoints": [{"model": "a/b", "provider": "demo-a", "upstream_model": "b", "prompt": 0.5, "completion": 1,
                       "tier": ["above 500: prompt 1", "16:30-00:30: prompt 0.1"], "source": "here 2026-11-20"}],
        "aliases": [{"id": "~b", "models": ["a/b"], "sort": "price"}],
        "synths": [{"id": "a/s", "name": "S", "panel": ["a/b", "~b"], "judges": ["~b"], "finals": ["a/b"], "code": True}]}, 201)["data"]
    equal([made["content"][k] for k in ("models", "endpoints", "aliases", "synths")], [2, 1, 1, 1])
    true("tier = above 500: prompt 1\n" in text_of(made["version"]), text_of(made["version"]))


@case
def single_entries_are_versions_of_their_own():
    e = endpoint("demo/dear", "demo-a")
    one = send("PATCH", f"/catalog/endpoints/{e['endpoint']}", {"prompt": "77.25", "weight": 5})["data"]["version"]
    now = endpoint("demo/dear", "demo-a")
    equal((now["prompt"], now["weight"], now["price_version"]), (77.25, 5, e["price_version"] + 1))
    equal(get(f"/catalog/versions/{one}")["data"]["origin"], "edit")
    equal(send("PATCH", f"/catalog/endpoints/{e['endpoint']}", {"prompt": 77.25})["data"], {"version": one, "changed": False})
    two = send("PATCH", "/catalog/models/demo/dear", {"fallbacks": ["demo/echo"], "name": "D"})["data"]["version"]
    three = send("PATCH", "/catalog/aliases/~mine", {"models": ["demo/dear", "demo/echo"], "sort": "price"})["data"]["version"]
    equal((two, three), (one + 1, one + 2))
    wait_until(acknowledged(three), 10)
    answer = rig.Client().chat(model="~mine")
    equal(answer.status, 200, answer)
    four = send("DELETE", "/catalog/aliases/~mine")["data"]["version"]
    wait_until(acknowledged(four), 10)
    equal(rig.Client().chat(model="~mine").status, 404)
    for path, body, status in ((f"/catalog/endpoints/{e['endpoint']}", {"prompt": "dear"}, 400),
                               (f"/catalog/endpoints/{e['endpoint']}", {"prize": 1}, 400),
                               (f"/catalog/endpoints/{e['endpoint']}", {"source": "a\nprompt = 0"}, 400),
                               ("/catalog/endpoints/999999", {"prompt": 1}, 404), ("/catalog/endpoints/x", {"prompt": 1}, 404),
                               ("/catalog/models/no/such", {"name": "x"}, 404), ("/catalog/models/demo/dear", {"name": None}, 400),
                               ("/catalog/models/demo/dear", [], 400)):
        send("PATCH", path, body, status)
    equal(in_force(), four, "what was refused changed nothing")
    put_back()
    equal(endpoint("demo/dear", "demo-a")["prompt"], e["prompt"])


@case
def an_orchestration_is_an_entry():
    before = in_force()
    row = {"name": "Mine", "panel": ["demo/echo", "~demo/latest"], "judges": ["demo/echo"], "finals": ["demo/dear", "demo/echo"],
           "panel_tokens": 100}
    one = send("PATCH", "/catalog/synths/mine/synth", row)["data"]["version"]
    got = get("/catalog?model=mine/synth")["data"]["synths"]
    equal([{k: s[k] for k in (*row, "id", "preset", "judge_tokens")} for s in got],
          [{**row, "id": "mine/synth", "preset": "none", "judge_tokens": 4096}])
    true("mine/synth" in [s["id"] for s in get("/catalog?model=demo/dear")["data"]["synths"]])
    two = send("PATCH", "/catalog/synths/mine/synth", {"panel": ["demo/echo"]})["data"]["version"]
    equal(get(f"/catalog/diff?from={one}&to={two}")["data"]["synths"],
          {"added": [], "removed": [], "changed": [{"id": "mine/synth", "from": {"panel": row["panel"]}, "to": {"panel": ["demo/echo"]}}]})
    wait_until(acknowledged(two), 10, "the data plane serves it")
    for path, body, status in (("/catalog/synths/mine/synth", {"panel": ["mine/synth"]}, 400),
                               ("/catalog/synths/mine/synth", {"judges": ["demo/nobody"]}, 400),
                               ("/catalog/synths/mine/synth", {"finals": None}, 400),
                               ("/catalog/synths/mine/synth", {"preset": "quality"}, 400),  # another one has it
                               ("/catalog/synths/mine/other", {"name": "X"}, 400),
                               ("/catalog/models/mine/synth", {"name": "X"}, 404)):
        send("PATCH", path, body, status)
    three = send("DELETE", "/catalog/synths/mine/synth")["data"]["version"]
    equal(get("/catalog?model=mine/synth")["data"]["synths"], [])
    send("DELETE", "/catalog/synths/mine/synth", status=404)
    equal(three, before + 3)
    wait_until(acknowledged(three), 10)
    put_back()


@case
def an_endpoint_is_off_for_a_while():
    e = endpoint("demo/only-a", "demo-a")
    path = f"/catalog/endpoints/{e['endpoint']}"
    _, until = rig.soon()
    off = send("PATCH", path, {"off": True, "off_until": until, "off_reason": "it answers slowly"})["data"]["version"]
    now = endpoint("demo/only-a", "demo-a")
    equal((now["off"], now["off_reason"], now["weight"]), (True, "it answers slowly", e["weight"]))
    wait_until(acknowledged(off), 10)
    a = rig.Client().chat(model="demo/only-a", route="fallback")
    true(a.status != 200 or "only-a" not in a.json()["model"], a)
    wait_until(lambda: in_force() > off, 15, "the override ends by itself")
    equal(endpoint("demo/only-a", "demo-a")["off"], False)
    wait_until(acknowledged(in_force()), 10)
    equal(rig.Client().chat(model="demo/only-a").status, 200)
    send("PATCH", path, {"off": True})
    send("PATCH", path, {"off": False})
    equal(endpoint("demo/only-a", "demo-a")["off"], False)
    for wrong in ({"off": False, "off_until": until}, {"off_until": until}, {"off": True, "off_until": "2001-01-01T00:00:00Z"},
                  {"off": True, "prompt": 1}, {"off": 1}):
        send("PATCH", path, wrong, 400)
    wait_until(acknowledged(in_force()), 10)


@case
def a_price_change_does_not_touch_a_request_in_flight():
    e = endpoint("demo/short", "demo-a")  # one provider, and no test has written prices of it by SQL
    key = rig.new_key()
    got = []

    def ask():
        got.append(rig.chat("tokens=60,cadence_us=100000", key=key["key"], model="demo/short", stream=True))

    before = rig.counters("demo-a")["requests"]
    t = threading.Thread(target=ask)
    t.start()
    wait_until(lambda: rig.counters("demo-a")["requests"] > before, 10, "it is at the provider, and answers for six seconds")
    v = send("PATCH", f"/catalog/endpoints/{e['endpoint']}", {"prompt": 900, "completion": 900})["data"]["version"]
    wait_until(acknowledged(v), 10)
    true(t.is_alive(), "the request still runs under the new catalog")
    t.join(30)
    equal(got[0].status, 200, got[0])
    equal(rig.chat(key=key["key"], model="demo/short").status, 200)
    wait_until(lambda: len(rig.usage_rows(key)) == 2, 20, "both are booked")
    rows = sql("select u.price_version, u.catalog_version, u.cost_nusd, u.tokens_prompt, u.tokens_completion from usage u"
               f" join api_key k using (key_id) where k.digest = '\\x{rig.key_ref(key)}' order by u.received_ms")
    equal([int(r[0]) - e["price_version"] for r in rows], [0, 1])
    old, new = [int(r[2]) for r in rows]
    tokens = [(int(r[3]), int(r[4])) for r in rows]
    equal(old, round((tokens[0][0] * e["prompt"] + tokens[0][1] * e["completion"]) * 1000))
    equal(new, round((tokens[1][0] + tokens[1][1]) * 900 * 1000))
    put_back()


if __name__ == "__main__":
    rig.main()
