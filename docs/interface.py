"""Write the Japanese interface document of /pos/v1 from the models that serve it.

usage: python docs/interface.py [--check]
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frozen import PREFIX, REF, Json, answered, described, reached
from interface_words import ACTIONS, FIELDS, MODELS, OPERATIONS, PARAMETERS, VALUES

from renkei.till_test.cases import CASES
from renkei.web.problems import PROBLEMS

DOCUMENT = Path(__file__).with_name("pos-v1.ja.md")
TEMPLATE = Path(__file__).with_name("pos-v1.ja.in.md")
LIMITS = {
    "minimum": "{} 以上",
    "maximum": "{} 以下",
    "minLength": "{} 文字以上",
    "maxLength": "{} 文字以内",
    "minItems": "{} 件以上",
    "maxItems": "{} 件以内",
    "pattern": "形式 `{}`",
}
TYPES = {
    "string": "文字列",
    "integer": "整数",
    "boolean": "真偽",
    "number": "数値",
    "null": "null",
    "object": "オブジェクト",
}
PLACES = {"query": "クエリ", "path": "パス", "header": "ヘッダー"}
FORMATS = {"date": "日付", "date-time": "日時"}

missing: list[str] = []
"""What the words do not describe."""


def main() -> int:
    """Write, or with --check say whether something would change; nothing may lack its words."""
    text = document()
    if missing:
        lacking = ", ".join(sorted(set(missing)))
        sys.stderr.write(f"describe in docs/interface_words.py: {lacking}\n")
        return 1
    if "--check" in sys.argv:
        stale = not DOCUMENT.exists() or DOCUMENT.read_text("utf-8") != text
        if stale:
            sys.stderr.write(f"{DOCUMENT.name} is stale; run python docs/interface.py\n")
        return 1 if stale else 0
    DOCUMENT.write_text(text, "utf-8")
    return 0


def document() -> str:
    """The whole document."""
    spec = described()
    operations = [
        (method.upper(), path, operation)
        for path, item in spec["paths"].items()
        if path.startswith(PREFIX)
        for method, operation in item.items()
    ]
    text = TEMPLATE.read_text("utf-8")
    for name, lines in (
        ("operations", _operations(operations)),
        ("models", _models(spec, operations)),
        ("codes", _codes(spec)),
        ("errors", _errors()),
        ("cases", _cases()),
    ):
        text = text.replace(f"<!-- {name} -->", "\n".join(lines))
    return re.sub("\n{3,}", "\n\n", text)


def _word(table: dict[str, Any], *names: str) -> Any:
    """The words of the first of these names that has any."""
    for name in names:
        if name in table:
            return table[name]
    missing.append(names[0])
    return ""


def _operations(operations: list[tuple[str, str, Json]]) -> Iterator[str]:
    yield "## 3. 操作\n"
    yield "| 操作 | 名称 |\n| --- | --- |"
    for method, path, operation in operations:
        name, _ = _word(OPERATIONS, operation["operationId"]) or ("", "")
        yield f"| `{method} {path}` | {name} |"
    for method, path, operation in operations:
        yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    name, said = _word(OPERATIONS, operation["operationId"]) or ("", "")
    yield f"\n### {name}\n\n`{method} {path}`\n\n{said}\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| パラメーター | 場所 | 型 | 必須 | 制限 | 説明 |"
        yield "| --- | --- | --- | --- | --- | --- |"
    for one in parameters:
        must = "○" if one.get("required") else ""
        kind, limits = _type_and_limits(one["schema"])
        words = _word(PARAMETERS, one["name"])
        name = one["name"].title() if one["in"] == "header" else one["name"]
        yield f"| `{name}` | {PLACES[one['in']]} | {kind} | {must} | {limits} | {words} |"
    yield f"\n- 要求: {_bodies(operation.get('requestBody', {}))}"
    for status, answer in operation["responses"].items():
        if status == "200":
            yield f"- 応答: {_bodies(answer)}"
    codes = sorted(_refusals(operation), key=lambda code: (PROBLEMS[code].status, code))
    yield f"- エラー: {', '.join(f'`{code}`' for code in codes)}"


def _bodies(part: Json) -> str:
    kinds = [f"{_type(one['schema'])} (`{kind}`)" for kind, one in part.get("content", {}).items()]
    return "、".join(kinds) or "なし"


def _refusals(operation: Json) -> set[str]:
    found: set[str] = set()
    for answer in operation["responses"].values():
        examples = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
        found |= {*examples} & {*PROBLEMS}
    return found


def _models(spec: Json, operations: list[tuple[str, str, Json]]) -> Iterator[str]:
    known = spec["components"]["schemas"]
    yield "\n## 4. データ項目\n\n必須の欄は、要求では送る項目、応答では必ず含まれる項目。"
    told = [answered(operation) for *_, operation in operations]
    for name in sorted(reached(known, told)):
        if "properties" in known[name]:
            yield from _model(name, known[name])


def _model(name: str, schema: Json) -> Iterator[str]:
    yield f"\n### {name}\n\n{_word(MODELS, name)}\n"
    yield "| 項目 | 型 | 必須 | 制限 | 説明 |\n| --- | --- | --- | --- | --- |"
    required = set(schema.get("required", ()))
    for field, one in schema["properties"].items():
        kind, limits = _type_and_limits(one)
        must = "○" if field in required else ""
        said = _word(FIELDS, f"{name}.{field}", field)
        yield f"| `{field}` | {kind} | {must} | {limits} | {said} |"


def _type_and_limits(schema: Json) -> tuple[str, str]:
    return _type(schema), "、".join(_limits(schema)).replace("|", "\\|")


def _type(schema: Json) -> str:
    """In words; models lead to their tables."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(REF)
        return f"[{name}](#{name.lower()})"
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return "・".join(dict.fromkeys(_type(one) for one in choices))
    if schema.get("type") == "array":
        return f"{_type(schema.get('items', {}))} の配列"
    if "const" in schema or "enum" in schema:
        return "コード"
    return FORMATS.get(schema.get("format", ""), TYPES.get(schema.get("type", ""), "任意"))


def _limits(schema: Json) -> Iterator[str]:
    for one in schema.get("anyOf", ()):
        yield from _limits(one)
    for name, words in LIMITS.items():
        if name in schema:
            value = schema[name]
            yield words.format(f"{int(value):,}" if isinstance(value, float) else value)
    if "const" in schema:
        yield f"`{schema['const']}`"
    if "enum" in schema:
        yield "、".join(f"`{one}`" for one in schema["enum"])
    if schema.get("type") == "array" and "$ref" not in schema.get("items", {}):
        yield from _limits(schema.get("items", {}))
    default = schema.get("default")
    if default not in (None, "", []):
        yield f"省略時 `{str(default).lower()}`"


def _codes(spec: Json) -> Iterator[str]:
    known = spec["components"]["schemas"]
    yield "\n## 5. コード一覧"
    for name, words in VALUES.items():
        model, _, field = name.partition(".")
        schema = known[model]["properties"][field] if field else known[model]
        yield f"\n### {name}\n\n| 値 | 意味 |\n| --- | --- |"
        for value in schema["enum"]:
            yield f"| `{value}` | {_word(words, value)} |"
    yield "\n### action\n\n| 値 | 意味 |\n| --- | --- |"
    for value in sorted({one.action for one in PROBLEMS.values()}):
        yield f"| `{value}` | {_word(ACTIONS, value)} |"


def _errors() -> Iterator[str]:
    yield "\n## 6. エラー一覧\n"
    yield "| コード | HTTP | 係員向けの文言 | 再送 | 対応 |\n| --- | --- | --- | --- | --- |"
    for code, one in sorted(PROBLEMS.items(), key=lambda item: (item[1].status, item[0])):
        again = "可" if one.retryable else "不可"
        yield f"| `{code}` | {one.status} | {one.message} | {again} | {ACTIONS[one.action]} |"


def _cases() -> Iterator[str]:
    yield "\n## 8. 連携テスト\n"
    yield "| 番号 | 内容 | 期待する結果 |\n| --- | --- | --- |"
    for case in CASES:
        yield f"| {case.id} | {case.title} | {case.expects} |"


if __name__ == "__main__":
    sys.exit(main())
