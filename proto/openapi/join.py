#!/usr/bin/env python3
"""Makes of the areas beside this file (*.json; README.md has their notation) what the programs carry:

    join.py control|data   the OpenAPI 3.1 document of a plane
    join.py commands       the command table of trctl, as rows for a C array

The same files give the same bytes. A file that says something twice, an operation without a command of trctl and a name
that nothing defines are errors. Standard library only: this runs in every build."""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Permissions that are about the whole service, not about one workspace.
OPERATORS = ("ACCOUNTS_READ", "ACCOUNTS_WRITE", "MONEY_WRITE", "CATALOG_READ", "CATALOG_WRITE", "FLEET_READ", "FLEET_WRITE",
             "LOG_WRITE", "INCIDENTS_WRITE")
# What a shape's plain names are.
PLAIN = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "null": {"type": "null"},
    "any": {},
    "time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "id": {"type": "string", "pattern": "^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$"},
    "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "usd": {"type": "number", "description": "Dollars, exact to a billionth."},
    "secret": {"type": "string", "format": "password"},
    "email": {"type": "string", "format": "email"},
}


def stop(text):
    sys.exit("proto/openapi: " + text)


def no_twins(pairs):
    out = {}
    for name, value in pairs:
        if name in out:
            stop(f"{name} stands twice in one object")
        out[name] = value
    return out


# --- shapes: the short notation of JSON Schema

def bounded(name, low, high):
    """A plain name with bounds, as in "string(1..128)" and "integer(0..)"."""
    s = dict(PLAIN[name])
    words = ("minLength", "maxLength") if s["type"] == "string" else ("minimum", "maximum")
    for word, value in zip(words, (low, high)):
        if value:
            s[word] = int(value)
    return s


def word_shape(text):
    if text.endswith("?"):
        return nullable(word_shape(text[:-1]))
    if text[0] + text[-1] == "[]":
        return {"type": "array", "items": word_shape(text[1:-1])}
    if text[0] + text[-1] == "{}":
        return {"type": "object", "additionalProperties": word_shape(text[1:-1])}
    if "|" in text:
        return {"type": "string", "enum": [w for w in text.split("|") if w]}
    m = re.fullmatch(r"(\w+)\((-?\d*)\.\.(\d*)\)", text)
    if m:
        return bounded(*m.groups())
    if text in PLAIN:
        return dict(PLAIN[text])
    if text[0].isupper():
        return {"$ref": "#/components/schemas/" + text}
    stop(f"{text!r} is no shape")


def nullable(s):
    if "$ref" in s:
        return {"anyOf": [s, {"type": "null"}]}
    if "type" not in s:
        return s
    out = dict(s, type=[s["type"], "null"])
    if "enum" in s:
        out["enum"] = s["enum"] + [None]
    return out


def members(shape, schemas):
    """{name: [required, shape]} of a members map, those that "+" names included."""
    out = {}
    for base in shape.get("+", []):
        out.update(members(schemas[base], schemas))
    for name, part in shape.items():
        if name != "+":
            out[name.removesuffix("?")] = [not name.endswith("?"), part]
    return out


def schema(shape, schemas, closed=False):
    if isinstance(shape, str):
        return word_shape(shape)
    if isinstance(shape, list):
        return {"type": "array", "items": schema(shape[0], schemas)}
    if "$" in shape:  # JSON Schema as it stands, or with a description
        return dict(schema(shape["of"], schemas), **shape["$"]) if "of" in shape else shape["$"]
    found = members(shape, schemas)
    out = {"type": "object"}
    required = [n for n, (needed, _) in found.items() if needed]
    if required:
        out["required"] = required
    out["properties"] = {n: schema(s, schemas) for n, (_, s) in found.items()}
    if closed:
        out["additionalProperties"] = False
    return out


# --- the areas

def load():
    everything = {"operations": {}, "schemas": {}, "parameters": {}, "closed": []}
    for name in sorted(os.listdir(HERE)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(HERE, name)) as f:
            area = json.load(f, object_pairs_hook=no_twins)
        for part in ("operations", "schemas", "parameters"):
            for key, value in area.get(part, {}).items():
                if key in everything[part]:
                    stop(f"{name}: {key} is defined in another file, too")
                everything[part][key] = value
        for op in area.get("operations", {}).values():
            op.setdefault("planes", area.get("planes", ["control"]))
            op.setdefault("tag", name.removesuffix(".json"))
    for op in everything["operations"].values():
        if isinstance(op.get("body"), str) and not op.get("open"):
            everything["closed"].append(op["body"])
    return everything


def parameter(name, where, all_of):
    p = all_of["parameters"].get(name)
    if p is None:
        stop(f"no file defines the parameter {name}")
    out = {"name": p.get("name", name), "in": where, "required": where == "path" or p.get("required", False),
           "description": p["says"], "schema": schema(p["shape"], all_of["schemas"])}
    if "example" in p:
        out["example"] = p["example"]
    return out


def path_names(path):
    return re.findall(r"\{([a-z_]+)\}", path)


def picks(op):
    """Is the workspace that it acts on picked by the query?"""
    return "control" in op["planes"] and op["permission"] not in OPERATORS + ("PUBLIC",)


def parameters(method, path, op, all_of):
    out = [parameter(n, "path", all_of) for n in path_names(path)]
    out += [parameter(n, "query", all_of) for n in op.get("query", [])]
    out += [parameter(n, "query", all_of) for n in ("account_id", "workspace_id") if picks(op)]
    headers = list(op.get("headers", []))
    if method == "POST" and op["permission"] != "INFERENCE" and "control" in op["planes"]:
        headers.append("Idempotency-Key")
    return out + [parameter(n, "header", all_of) for n in headers]


def answers(method, path, op, all_of):
    out = {}
    for status, what in op["answer"].items():
        kinds = {"application/json": what} if isinstance(what, str) or "content" not in what else what["content"]
        out[status] = {"description": "What was asked for." if status < "300" else "See the error."}
        if kinds:
            out[status]["content"] = {k: {"schema": schema(s, all_of["schemas"])} for k, s in kinds.items()}
    # What every operation may answer beside that.
    also = ["400", "429", "500", "503"] + ([] if op["permission"] == "PUBLIC" else ["401", "403"])
    also += ["404"] if "{" in path or op.get("query") or picks(op) else []
    also += ["409", "413"] if method != "GET" else []
    also += ["404", "415", "422", "502", "504"] if op["permission"] == "INFERENCE" else []
    also += ["402"] if op["permission"] in ("INFERENCE", "CREDITS_WRITE", "MONEY_WRITE") else []
    for status in also + op.get("errors", []):
        out.setdefault(status, {"$ref": "#/components/responses/Error"})
    return dict(sorted(out.items()))


def security(op):
    if op["permission"] == "PUBLIC":
        return []
    if op["permission"] in ("INFERENCE", "EVIDENCE", "RECEIPT"):
        return [{"key": []}]
    return [{"key": []}, {"session": []}]


def operation(method, path, op, all_of):
    out = {"operationId": op["id"], "tags": [op["tag"]], "summary": op["says"]}
    if "more" in op:
        out["description"] = op["more"]
    out["x-permission"] = op["permission"].lower().replace("_", ".")
    out["security"] = security(op)
    found = parameters(method, path, op, all_of)
    if found:
        out["parameters"] = found
    if "body" in op:
        content = {"schema": schema(op["body"], all_of["schemas"], closed=not op.get("open"))}
        if "example" in op:
            content["example"] = op["example"]
        out["requestBody"] = {"required": not op.get("body_optional", False),
                              "content": {op.get("takes", "application/json"): content}}
        if op.get("text"):
            out["requestBody"]["content"]["text/plain"] = {"schema": {"type": "string"}}
    out["responses"] = answers(method, path, op, all_of)
    if op.get("bare"):
        out["servers"] = [{"url": "/"}]
    return out


def references(node, out):
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/components/schemas/"):
            out.add(ref.rsplit("/", 1)[1])
        for value in node.values():
            references(value, out)
    elif isinstance(node, list):
        for value in node:
            references(value, out)


def used_schemas(document, all_of):
    """Those that the document names, and those that they name."""
    out, todo = {}, set()
    references(document, todo)
    while todo:
        name = min(todo)
        todo.remove(name)
        if name not in all_of["schemas"]:
            stop(f"no file defines the schema {name}")
        out[name] = schema(all_of["schemas"][name], all_of["schemas"], closed=name in all_of["closed"])
        found = set()
        references(out[name], found)
        todo |= found - set(out)
    return dict(sorted(out.items()))


def version():
    with open(os.path.join(HERE, "../../common/version.h")) as f:
        return re.search(r'define TR_VERSION "([^"]+)"', f.read()).group(1)


def document(plane, all_of):
    with open(os.path.join(HERE, "head", plane + ".json")) as f:
        out = json.load(f)
    out["info"]["version"] = version()
    ids = {}
    for at, op in sorted(all_of["operations"].items(), key=lambda i: (i[0].split()[1], METHODS.index(i[0].split()[0]))):
        method, path = at.split()[:2]
        if plane not in op["planes"]:
            continue
        if method.lower() in out["paths"].setdefault(path, {}):
            stop(f"the {plane} plane has two {method} {path}")
        out["paths"][path][method.lower()] = operation(method, path, op, all_of)
        if ids.setdefault(op["id"], at) != at:
            stop(f"{at} and {ids[op['id']]} have one operationId")
    out["components"]["schemas"] = used_schemas(out, all_of)
    return out


# --- the table of trctl

def kind_of(s, all_of):
    if "$ref" in s:
        return kind_of(schema(all_of["schemas"][s["$ref"].rsplit("/", 1)[1]], all_of["schemas"]), all_of)
    if s.get("format") == "password":
        return "PARAM_SECRET"
    types = s.get("type", [])
    types = [t for t in ([types] if isinstance(types, str) else types) if t != "null"]
    if types == ["array"] and s.get("items", {}).get("type") == "string":
        return "PARAM_LIST"
    return {"string": "PARAM_TEXT", "number": "PARAM_NUMBER", "integer": "PARAM_NUMBER",
            "boolean": "PARAM_FLAG"}.get(types[0] if len(types) == 1 else "", "PARAM_JSON")


def values_of(s, all_of):
    if "$ref" in s:
        return values_of(schema(all_of["schemas"][s["$ref"].rsplit("/", 1)[1]], all_of["schemas"]), all_of)
    s = s.get("items", s)
    return "|".join(v for v in s.get("enum", []) if isinstance(v, str))


def c_text(s):
    return json.dumps(s)


def body_members(op, all_of):
    """The members of a JSON body: {name: [required, shape]}; none when it is given as a whole only."""
    if "body" not in op or op.get("takes", "application/json") != "application/json":
        return {}
    shape = all_of["schemas"].get(op["body"]) if isinstance(op["body"], str) else op["body"]
    return members(shape, all_of["schemas"]) if isinstance(shape, dict) and "$" not in shape else {}


def row(at, op, all_of):
    method, path = at.split()[:2]
    words, columns = (op["cli"] + [""])[:2]
    lines = []
    for n in op.get("query", []):
        p = parameter(n, "query", all_of)
        lines.append((p["name"], all_of["parameters"][n].get("option", p["name"]), kind_of(p["schema"], all_of), "IN_QUERY", p["required"], values_of(p["schema"], all_of), p["description"]))
    for n, (needed, shape) in body_members(op, all_of).items():
        if n == "idempotency_key":  # the header's, which every command has
            continue
        s = schema(shape, all_of["schemas"])
        lines.append((n, n, kind_of(s, all_of), "IN_BODY", needed, values_of(s, all_of), s.get("description", "")))
    params = "".join(f"    {{{c_text(n)}, {c_text(option)}, {kind}, {where}, {str(needed).lower()}, {c_text(values)}, {c_text(says)}}},\n"
                     for n, option, kind, where, needed, values, says in lines)
    out = f"    {{{c_text(words)}, {c_text(method)}, {c_text(path)}, {c_text(op['says'])}, {c_text(columns)},\n     "
    out += f"{'PLANE_DATA' if op['planes'] == ['data'] else 'PLANE_CONTROL'}, {str(bool(op.get('bare'))).lower()}, "
    out += c_text(op.get("takes", "application/json") + ("|text/plain" if op.get("text") else "") if "body" in op else "")
    if not lines:
        return "", out + ", NULL, 0},\n"
    return f"static const struct param params_of_{op['id']}[] = {{\n{params}}};\n", out + f", params_of_{op['id']}, {len(lines)}}},\n"


def commands(all_of):
    params, rows, seen = "/* Made by proto/openapi/join.py. */\n", "", {}
    for at, op in sorted(all_of["operations"].items(), key=lambda i: i[1].get("cli", [""])[0]):
        if "cli" not in op:
            stop(f"{at} has no command of trctl")
        if seen.setdefault(op["cli"][0], at) != at:
            stop(f"{at} and {seen[op['cli'][0]]} are one command")
        more = row(at, op, all_of)
        params += more[0]
        rows += more[1]
    return params + "static const struct command commands[] = {\n" + rows + "};\n"


def main():
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    everything = load()
    if what == "commands":
        sys.stdout.write(commands(everything))
    elif what in ("control", "data"):
        json.dump(document(what, everything), sys.stdout, separators=(",", ":"))
        sys.stdout.write("\n")
    else:
        stop("usage: join.py control|data|commands")


main()
