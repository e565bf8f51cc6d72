"""Definitions of an OpenAPI 3 document as JSON Schema, to validate what the product writes. Needs jsonschema and
referencing (PyPI). The documents are other people's and not part of the project: $TR_SPECS, else ../shared/specs."""

import json
import os

import rig


def directory():
    """None: the documents are not on this machine."""
    path = os.environ.get("TR_SPECS") or os.path.join(rig.ROOT, "../shared/specs")
    return path if os.path.isdir(path) else None


def schema(x):
    """oneOf branches overlap in these documents: read as anyOf. nullable is OpenAPI 3.0's."""
    if isinstance(x, list):
        return [schema(v) for v in x]
    if not isinstance(x, dict):
        return x
    out = {("anyOf" if k == "oneOf" else k): schema(v) for k, v in x.items() if k not in ("discriminator", "example")}
    return {"anyOf": [out, {"type": "null"}]} if out.pop("nullable", False) else out


class Document:
    def __init__(self, name):
        import jsonschema
        import referencing
        with open(os.path.join(directory(), name)) as f:
            self.schemas = json.load(f)["components"]["schemas"]
        document = {"$schema": "https://json-schema.org/draft/2020-12/schema",
                    "components": {"schemas": schema(self.schemas)}}
        resource = referencing.Resource.from_contents(document)
        self.registry = referencing.Registry().with_resource("urn:document", resource)
        self.validator, self.cache = jsonschema.Draft202012Validator, {}

    def events(self):
        """The type of a stream's event -> its definition."""
        found = {}
        for name, s in self.schemas.items():
            kind = s.get("properties", {}).get("type", {}).get("enum", [None])[0]
            if kind and "Event" in name and name.startswith("Response") or name.startswith("Error"):
                found[kind] = name
        return found

    def check(self, value, name):
        """Raises AssertionError with the first violations."""
        if name not in self.cache:
            self.cache[name] = self.validator({"$ref": f"urn:document#/components/schemas/{name}"},
                                              registry=self.registry)
        problems = sorted(self.cache[name].iter_errors(value), key=lambda e: e.json_path)
        if problems:
            why = problems[0]
            while why.context:  # the branch that fits best
                why = max(why.context, key=lambda e: len(e.absolute_path))
            raise AssertionError(f"{name}: {why.json_path}: {why.message[:300]}")

    def members(self, name):
        """What an object of this definition may have; the definitions it is made of count too."""
        def of(s):
            s = self.schemas[s["$ref"].rsplit("/", 1)[1]] if "$ref" in s else s
            return set(s.get("properties", ())).union(*map(of, s.get("allOf", ())))
        return of(self.schemas[name])
