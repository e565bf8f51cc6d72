"""Holds answers against the OpenAPI document that the program itself serves: each status, type of content and member of a
body must be there, and a member that the document does not have is a violation, though clients are told to take more.
Standard library only, so that any end-to-end file may look at every answer it sees."""

import datetime
import json
import re
import uuid

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
ALWAYS = {"404", "405", "408", "413", "417", "431", "499", "500", "503"}  # the server's own, of any path


def is_type(value, name):
    if name in ("number", "integer"):
        if isinstance(value, bool) or not hasattr(value, "__abs__"):
            return False
        return name == "number" or value == int(value)
    return isinstance(value, TYPES[name])


def formatted(text, form):
    try:
        if form == "uuid":
            uuid.UUID(text)
        elif form == "date":
            datetime.date.fromisoformat(text)
        elif form == "date-time":
            datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


class Contract:
    def __init__(self, document):
        self.document = document
        self.seen = set()  # operations that an answer was seen of
        self.operations = []
        for path, methods in document["paths"].items():
            parts = [".+" if p in ("{tile}", "{catalog_id}") else "[^/]+" if p.startswith("{") else re.escape(p)
                     for p in re.split(r"(\{[a-z_]+\})", path) if p]
            # "/keys/{hash}" comes after "/keys/count".
            self.operations += [(path.count("{"), re.compile("".join(parts)), m.upper(), path, op) for m, op in methods.items()]
        self.operations.sort(key=lambda o: (o[0], -len(o[3])))

    def resolve(self, node):
        while "$ref" in node:
            at = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def find(self, method, path):
        """(path of the document, operation), or None."""
        for prefix in ("/api/v1/", "/v1/"):
            if path.startswith(prefix):
                path = path[len(prefix) - 1:]
        method = "GET" if method == "HEAD" else method
        for _, pattern, m, name, op in self.operations:
            if m == method and pattern.fullmatch(path):
                return name, op
        return None

    def faults(self, value, s, at="$"):
        """What is wrong with a value, as sentences."""
        s = self.resolve(s)
        if "anyOf" in s:
            tried = [self.faults(value, part, at) for part in s["anyOf"]]
            return [] if not all(tried) else max(tried, key=lambda t: t[0].count("."))
        names = s.get("type", [])
        names = [names] if isinstance(names, str) else names
        if names and not any(is_type(value, n) for n in names):
            return [f"{at}: {str(value)[:60]!r} is not {' or '.join(names)}"]
        if value is None:
            return []
        if "enum" in s and value not in s["enum"]:
            return [f"{at}: {value!r} is none of {s['enum']}"]
        if isinstance(value, str) and not (re.search(s.get("pattern", ""), value) and formatted(value, s.get("format"))):
            return [f"{at}: {value[:60]!r} is no {s.get('format') or s.get('pattern')}"]
        if isinstance(value, list):
            return [f for i, part in enumerate(value) for f in self.faults(part, s.get("items", {}), f"{at}[{i}]")]
        return self.member_faults(value, s, at) if isinstance(value, dict) else []

    def member_faults(self, value, s, at):
        out = [f"{at} lacks {n}" for n in s.get("required", []) if n not in value]
        known, more = s.get("properties"), s.get("additionalProperties", None)
        for name, part in value.items():
            if known is not None and name in known:
                out += self.faults(part, known[name], f"{at}.{name}")
            elif isinstance(more, dict):
                out += self.faults(part, more, f"{at}.{name}")
            elif known is not None and more is not True:
                out.append(f"{at}.{name} is not in the document")
        return out

    def answer_faults(self, method, path, status, kind, body):
        """What is wrong with an answer: kind is its content type, body its bytes."""
        found = self.find(method, path.split("?")[0])
        if found is None:
            return [] if status >= 400 else [f"{method} {path}: {status} of an operation that is not in the document"]
        name, op = found
        at = f"{method} {name} {status}"
        said = op["responses"].get(str(status))
        if said is None:
            return [] if str(status) in ALWAYS else [f"{at}: this status is not in the document"]
        self.seen.add((method, name))
        content = self.resolve(said).get("content", {})
        plain = (kind or "").split(";")[0]
        if method == "HEAD" or not content and not body:
            return []
        if plain not in content:
            return [f"{at}: {plain or 'no type'} is none of {list(content)}"]
        if plain != "application/json":
            return []
        return [f"{at}: {f}" for f in self.faults(json.loads(body), content[plain]["schema"])]
