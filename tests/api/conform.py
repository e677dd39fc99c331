"""tests/api/conform.py: does a reply conform to schema/openapi.yaml? The part of JSON Schema that the document uses."""
import json
import re

import yaml


class Contract:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.routes = []
        self.seen = set()
        for pattern, item in self.document["paths"].items():
            regex = re.compile("^" + re.sub(r"\{[^/}]+\}", "[^/]+", re.escape(pattern).replace(r"\{", "{").replace(r"\}", "}")) + "$")
            for method, operation in item.items():
                self.routes.append((method.upper(), regex, pattern, operation))

    def resolve(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].split("/")[1:]:
                target = target[part]
            node = target
        return node

    def find(self, method, path):
        path = path.split("?")[0]
        found = [r for r in self.routes if r[0] == method and r[1].match(path)]
        return min(found, key=lambda r: r[2].count("{")) if found else None

    def check_reply(self, method, path, reply):
        route = self.find(method, path)
        kind = reply.headers.get("content-type", "").split(";")[0]
        if reply.status >= 400 and kind == "application/problem+json":
            self.check({"$ref": "#/components/schemas/Problem"}, json.loads(reply.body), f"{method} {path}")
            assert json.loads(reply.body)["status"] == reply.status, reply
            return
        if route is None:
            return
        self.seen.add(route[3]["operationId"])
        responses = route[3]["responses"]
        where = f"{method} {path} → {reply.status}"
        assert str(reply.status) in responses, f"{where}: not in the document: {reply.body[:300]!r}"
        content = self.resolve(responses[str(reply.status)]).get("content")
        if content is None:
            assert reply.body == b"", f"{where}: a body where none is"
            return
        assert kind in content, f"{where}: {kind} is not in the document"
        if kind == "application/json":
            self.check(content[kind]["schema"], json.loads(reply.body), where)

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        if "anyOf" in schema:
            errors = []
            for choice in schema["anyOf"]:
                try:
                    self.check(choice, value, where)
                    return
                except AssertionError as error:
                    errors.append(str(error))
            raise AssertionError(f"{where}: none fits: {errors}")
        if "const" in schema:
            assert value == schema["const"], f"{where}: {value!r} is not {schema['const']!r}"
        if "enum" in schema:
            assert value in schema["enum"], f"{where}: {value!r} is none of {schema['enum']}"
        if "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            assert any(self.is_kind(value, k) for k in kinds), f"{where}: {value!r} is not {kinds}"
        if isinstance(value, str):
            if "pattern" in schema:
                assert re.search(schema["pattern"], value), f"{where}: {value!r} does not match {schema['pattern']}"
        if isinstance(value, int) and not isinstance(value, bool):
            assert value >= schema.get("minimum", value), f"{where}: {value} is too small"
            assert value <= schema.get("maximum", value), f"{where}: {value} is too large"
        if isinstance(value, list) and "items" in schema:
            for i, one in enumerate(value):
                self.check(schema["items"], one, f"{where}/{i}")
        if isinstance(value, dict):
            known = schema.get("properties", {})
            for name in schema.get("required", []):
                assert name in value, f"{where}: {name} is missing"
            for name, one in value.items():
                if name in known:
                    self.check(known[name], one, f"{where}/{name}")
                else:
                    assert schema.get("additionalProperties", True) is not False, f"{where}: {name} is not in the document"

    @staticmethod
    def is_kind(value, kind):
        return {"string": isinstance(value, str), "boolean": isinstance(value, bool), "null": value is None,
                "integer": isinstance(value, int) and not isinstance(value, bool), "object": isinstance(value, dict),
                "array": isinstance(value, list), "number": isinstance(value, (int, float))}[kind]
