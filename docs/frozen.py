"""Keep what /pos/v1 has promised: compare it with the schema that was frozen.

usage: python docs/frozen.py          accept additions: write them into the frozen schema
       python docs/frozen.py --check  say whether something was broken or added

What breaks a till is never accepted: an operation, parameter or field that is gone, one that a till
must say and did not have to, another type, a tighter limit, an answer that lacks what it had.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from renkei.web.app import build_app

FROZEN = Path(__file__).parents[1] / "tests" / "hub" / "web" / "pos-v1.schema.json"
PREFIX = "/pos/v1/"
REF = "#/components/schemas/"

NOT_MORE = ("minimum", "minLength", "minItems", "exclusiveMinimum")
NOT_LESS = ("maximum", "maxLength", "maxItems", "exclusiveMaximum")
SAME = ("type", "format", "pattern", "const", "additionalProperties")

Json = dict[str, Any]


def described() -> Json:
    """The OpenAPI document of the code as it is."""
    bare: Any = SimpleNamespace(settings=SimpleNamespace(body_limit_bytes=2_000_000))
    return build_app(bare).openapi()


def promise(spec: Json) -> Json:
    """The part of a document that tills rely on: /pos/v1 and the schemas it names, no words."""
    paths = {
        path: {method: answered(operation) for method, operation in item.items()}
        for path, item in spec["paths"].items()
        if path.startswith(PREFIX)
    }
    known = spec["components"]["schemas"]
    schemas = {name: known[name] for name in sorted(reached(known, paths))}
    bare: Json = _wordless({"paths": paths, "components": {"schemas": schemas}})
    return bare


def reached(known: Json, part: object) -> set[str]:
    """The schemas that a part of a document needs, directly or by another."""
    names: set[str] = set()
    waiting = list(_named(part))
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += _named(known[name])
    return names


def answered(operation: Json) -> Json:
    """Without its refusals: new ones may come, since a till goes by `action` and `retryable`."""
    told = {
        code: one for code, one in operation["responses"].items() if code.startswith(("2", "3"))
    }
    return operation | {"responses": told}


def _named(part: object) -> Iterator[str]:
    """The schemas a part refers to."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield str(value).removeprefix(REF)
            else:
                yield from _named(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named(value)


def _wordless(part: Any, parent: str = "") -> Any:
    """Without titles, descriptions and examples; properties may be called like those."""
    if isinstance(part, list):
        return [_wordless(one) for one in part]
    if not isinstance(part, dict):
        return part
    words = () if parent in ("properties", "schemas") else ("title", "description", "summary")
    skipped = (*words, "examples", "tags", "operationId")
    return {key: _wordless(value, key) for key, value in part.items() if key not in skipped}


def broken(frozen: Json, now: Json) -> list[str]:
    """Everything by which what works today would stop to work."""
    return list(_Comparison(frozen, now).faults())


class _Comparison:
    """Two promises; a schema is looked at once for what is asked and once for what is answered."""

    def __init__(self, frozen: Json, now: Json) -> None:
        self.frozen, self.now = frozen, now
        self.seen: set[tuple[str, str, bool]] = set()

    def faults(self) -> Iterator[str]:
        """By operation, then by field."""
        for path, item in self.frozen["paths"].items():
            for method, before in item.items():
                place = f"{method.upper()} {path}"
                after = self.now["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{place} is gone"
                else:
                    yield from self._operation(place, before, after)

    def _operation(self, place: str, before: Json, after: Json) -> Iterator[str]:
        yield from self._parameters(place, before, after)
        asked, now_asked = _body(before), _body(after)
        if asked is None and now_asked is not None:
            yield f"{place} asks for a body"
        if asked is not None and now_asked is not None:
            yield from self._schema(place, asked, now_asked, asked=True)
        for status, answer in before["responses"].items():
            told, now_told = _content(answer), _content(after["responses"].get(status, {}))
            for kind, schema in told.items():
                if kind not in now_told:
                    yield f"{place} no longer answers {status} as {kind}"
                else:
                    yield from self._schema(place, schema, now_told[kind], asked=False)

    def _parameters(self, place: str, before: Json, after: Json) -> Iterator[str]:
        old, new = _parameters(before), _parameters(after)
        for name, one in old.items():
            if name not in new:
                yield f"{place}: parameter {name[1]} is gone"
            else:
                where = f"{place}?{name[1]}"
                yield from self._schema(where, one["schema"], new[name]["schema"], asked=True)
        for name, one in new.items():
            if one.get("required") and not old.get(name, {}).get("required"):
                yield f"{place}: parameter {name[1]} must be said now"

    def _schema(self, place: str, before: Json, after: Json, *, asked: bool) -> Iterator[str]:
        if "$ref" in before and "$ref" in after:
            pair = (before["$ref"], after["$ref"], asked)
            if pair in self.seen:
                return
            self.seen.add(pair)
            place = before["$ref"].removeprefix(REF)
        before, after = self._read(self.frozen, before), self._read(self.now, after)
        yield from _limits(place, before, after, asked=asked)
        yield from self._fields(place, before, after, asked=asked)
        if "items" in before and "items" in after:
            yield from self._schema(place, before["items"], after["items"], asked=asked)
        yield from self._choices(place, before, after, asked=asked)

    def _read(self, whole: Json, schema: Json) -> Json:
        name = schema.get("$ref")
        found: Json = whole["components"]["schemas"][name.removeprefix(REF)] if name else schema
        return found

    def _fields(self, place: str, before: Json, after: Json, *, asked: bool) -> Iterator[str]:
        old, new = before.get("properties", {}), after.get("properties", {})
        for name, one in old.items():
            if name not in new:
                yield f"{place}.{name} is gone"
            else:
                yield from self._schema(f"{place}.{name}", one, new[name], asked=asked)
        must, must_now = set(before.get("required", ())), set(after.get("required", ()))
        if asked:
            yield from (f"{place}.{name} must be said now" for name in sorted(must_now - must))
        else:
            yield from (f"{place}.{name} may be missing now" for name in sorted(must - must_now))

    def _choices(self, place: str, before: Json, after: Json, *, asked: bool) -> Iterator[str]:
        for word in ("anyOf", "oneOf"):
            old, new = before.get(word, []), after.get(word, [])
            if len(new) < len(old) if asked else len(new) != len(old):
                yield f"{place}: the types it may have changed"
                return
            for one, other in zip(old, new, strict=False):
                yield from self._schema(place, one, other, asked=asked)


def _limits(place: str, before: Json, after: Json, *, asked: bool) -> Iterator[str]:
    for word in SAME:
        if before.get(word) != after.get(word):
            yield f"{place}: {word} was {before.get(word)} and is {after.get(word)}"
    old, new = set(before.get("enum", ())), set(after.get("enum", ()))
    if (asked and old - new) or (not asked and old and new != old):
        yield f"{place}: its values were {sorted(old)} and are {sorted(new)}"
    if not asked:
        return
    for word in (*NOT_MORE, *NOT_LESS):
        if word in after and not _as_wide(word, before.get(word), after[word]):
            yield f"{place}: {word} was {before.get(word)} and is {after[word]}"


def _as_wide(word: str, before: float | None, after: float) -> bool:
    if before is None:
        return False
    return after <= before if word in NOT_MORE else after >= before


def _body(operation: Json) -> Json | None:
    content = operation.get("requestBody", {}).get("content", {})
    kinds = [one.get("schema", {}) for _, one in sorted(content.items())]
    return kinds[0] if kinds else None


def _content(answer: Json) -> dict[str, Json]:
    return {kind: one.get("schema", {}) for kind, one in answer.get("content", {}).items()}


def _parameters(operation: Json) -> dict[tuple[str, str], Json]:
    return {(one["in"], one["name"]): one for one in operation.get("parameters", ())}


def main() -> int:
    """Refuse what breaks; write what is new, or with --check say so."""
    frozen, now = json.loads(FROZEN.read_text("utf-8")), promise(described())
    faults = broken(frozen, now)
    if faults:
        sys.stderr.write("this would break tills, see docs/pos-v1.md:\n  " + "\n  ".join(faults))
        return 1
    if frozen == now:
        return 0
    if "--check" in sys.argv:
        sys.stderr.write("/pos/v1 has grown: accept it by python docs/frozen.py\n")
        return 1
    FROZEN.write_text(json.dumps(now, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
