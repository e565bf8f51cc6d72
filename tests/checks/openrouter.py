"""OpenRouter's document and ours, member by member: what is required, of which type, and whether it may be null.

    openrouter.py reduce DOCUMENT      the shapes of OpenRouter's document (of ../shared/specs), as the fixture keeps them
    openrouter.py differences SHAPES OURS...   one line for each difference: OPERATION, PLACE, WHAT
    openrouter.py judge SHAPES PAGE OURS...    differences that the page does not list, and rows of it that are none

An answer of ours must have what a reader of theirs needs, and nothing of another type; a request of theirs must be taken. A place
in the page may end in "*". Members that both call an object and only one describes are not looked into."""

import fnmatch
import json
import re
import sys

SHARED = """GET /key|GET /keys|POST /keys|GET /keys/{hash}|PATCH /keys/{hash}|DELETE /keys/{hash}|GET /credits|GET /activity
GET /generation|GET /models|GET /models/count|GET /models/user|GET /model/{author}/{slug}|GET /models/{author}/{slug}/endpoints
GET /embeddings/models|GET /endpoints/zdr|GET /providers|GET /byok|POST /byok|GET /byok/{id}|PATCH /byok/{id}|DELETE /byok/{id}
POST /chat/completions|POST /embeddings|POST /rerank|POST /auth/keys|POST /auth/keys/code""".replace("\n", "|").split("|")
REQUEST_DEPTH, ANSWER_DEPTH = 1, 6


class Shapes:
    """{"t": types or None, "r": required, "p": members, "i": items} of a document's schemas."""

    def __init__(self, document):
        self.document = document

    def resolve(self, s):
        while "$ref" in s:
            at = self.document
            for part in s["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            s = at
        return s

    def shape(self, s, depth):
        s = self.resolve(s)
        parts = s.get("anyOf") or s.get("oneOf")
        if parts:
            return merge([self.shape(p, depth) for p in parts])
        said = [p for p in s.get("allOf", []) if set(p) - {"description", "example"}]
        if len(said) == 1:  # a name with a description
            return self.shape(said[0], depth)
        if "allOf" in s:
            whole = {"t": ["object"], "r": [], "p": {}}
            for p in s["allOf"]:
                one = self.shape(p, depth)
                whole["r"] += one.get("r", [])
                whole["p"].update(one.get("p", {}))
            return whole
        types = s.get("type")
        types = None if types is None else sorted([types] if isinstance(types, str) else types)
        if types is None and "enum" in s:
            types = ["string"]
        out = {"t": types}
        if types and "object" in types and "properties" in s and depth > 0:
            out["r"] = sorted(s.get("required", []))
            out["p"] = {n: self.shape(p, depth - 1) for n, p in sorted(s["properties"].items())}
        if types and "array" in types and "items" in s and depth > 0:
            out["i"] = self.shape(s["items"], depth)
        return out

    def operation(self, at):
        method, path = at.split()
        op = self.document["paths"].get(path, {}).get(method.lower())
        if op is None:
            return None
        out = {"q": sorted(p["name"] for p in map(self.resolve, op.get("parameters", [])) if p["in"] == "query"), "a": {}}
        content = self.resolve(op.get("requestBody", {})).get("content", {}).get("application/json")
        if content:
            out["b"] = self.shape(content["schema"], REQUEST_DEPTH)
        for status, r in op["responses"].items():
            content = self.resolve(r).get("content", {}).get("application/json")
            if status < "3" and content:
                out["a"][status] = self.shape(content["schema"], ANSWER_DEPTH)
        return out


def merge(shapes):
    """One of several: all their types; members are looked into only when one alone has some."""
    types = None if any(s["t"] is None for s in shapes) else sorted({t for s in shapes for t in s["t"]})
    described = [s for s in shapes if "p" in s or "i" in s]
    return dict(described[0], t=types) if len(described) == 1 else {"t": types}


def fits(types, of):
    """Is each of these types one of those?"""
    if of is None:
        return True
    return types is not None and all(t in of or t == "integer" and "number" in of for t in types if t != "null")


def differ(give, take, at, ours_gives):
    """Where what one side gives is not what the other takes; ours_gives: it is our answer."""
    out = []
    if not fits(give["t"], take["t"]):
        out.append((at, "type"))
    elif give["t"] and "null" in give["t"] and take["t"] is not None and "null" not in take["t"]:
        out.append((at, "null"))
    if "p" in give and "p" in take:
        theirs, ours = (take, give) if ours_gives else (give, take)
        for n in sorted(set(theirs["p"]) | set(ours["p"])):
            below = f"{at}.{n}" if at else n
            if n not in ours["p"]:
                out.append((below, "absent"))
            elif n not in theirs["p"]:
                out.append((below, "more"))
            else:
                if n in take["r"] and n not in give["r"]:
                    out.append((below, "optional" if ours_gives else "required"))
                out += differ(give["p"][n], take["p"][n], below, ours_gives)
            if n not in theirs["p"] and not ours_gives and n in ours["r"]:
                out.append((below, "required"))
    if "i" in give and "i" in take:
        out += differ(give["i"], take["i"], at + "[]", ours_gives)
    return out


def differences(theirs, ours):
    out = []
    for at, their in theirs.items():
        our = ours.get(at)
        if our is None:
            out.append((at, "", "absent"))
            continue
        out += [(at, "?" + q, "absent") for q in their["q"] if q not in our["q"]]
        if "b" in their:
            out += [(at, "request " + p, w) for p, w in differ(their["b"], our.get("b", {"t": []}), "", False)]
        for status, shape in their["a"].items():
            if status not in our["a"]:
                out.append((at, status, "absent"))
            else:
                out += [(at, p, w) for p, w in differ(our["a"][status], shape, "", True)]
    return out


def load(name):
    with open(name) as f:
        return json.load(f)


def ours_of(names):
    """The first document that has an operation is the one that answers it."""
    documents = [Shapes(load(n)) for n in names]
    return {at: next((o for o in (d.operation(at) for d in documents) if o), None) for at in SHARED}


def rows_of(page):
    """(operation, place, what) patterns of the page's table of differences."""
    out = []
    with open(page) as f:
        for line in f:
            m = re.match(r"\| ([^|]+) \| `([^|`]*)` \| (absent|more|type|null|optional|required) \| ([^|]+) \|$", line)
            if m:
                out += [(op.strip().strip("`"), place.strip(), m.group(3)) for op in m.group(1).split(",") for place in m.group(2).split(",")]
    return out


def judge(found, rows):
    used = set()
    for at, place, what in found:
        hit = [r for r in rows if what == r[2] and fnmatch.fnmatchcase(at, r[0].replace("[", "[[]")) and
               fnmatch.fnmatchcase(place, r[1].replace("[", "[[]"))]
        used.update(hit)
        if not hit:
            print(f"{at}: {place or 'the operation'} is {what}, and the page does not say so")
    for r in rows:
        if r not in used:
            print(f"the page lists {r[0]} {r[1]} {r[2]}, which is no difference")


def main():
    what, *args = sys.argv[1:]
    if what == "reduce":
        theirs = Shapes(load(args[0]))
        lines = [json.dumps(at) + ": " + json.dumps(theirs.operation(at), separators=(",", ":")) for at in SHARED]
        print("{\n" + ",\n".join(lines) + "\n}")
    elif what == "differences":
        for line in differences(load(args[0]), ours_of(args[1:])):
            print("\t".join(line))
    elif what == "judge":
        judge(differences(load(args[0]), ours_of(args[2:])), rows_of(args[1]))


main()
