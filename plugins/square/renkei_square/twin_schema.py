"""What plugin and twin may say to each other: Square's own OpenAPI document, as JSON Schema."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from renkei_contracts.twin.schema import Call, JsonSchema
from renkei_square.client import TOKEN

SOURCE = (
    "Square's OpenAPI document, API version 2025-08-20 (schema/SOURCE.md); for tokens, which it "
    "leaves out, our own extraction of 2026-11-27"
)

REFUSAL = "Refusal"

TEXT = {"type": "string", "minLength": 1}

OWN: dict[str, Any] = {
    REFUSAL: {
        "type": "object",
        "required": ["errors"],
        "properties": {"errors": {"type": "array", "items": {"$ref": "#/$defs/Error"}}},
    },
    "TokenAsked": {
        "type": "object",
        "required": ["client_id", "client_secret", "grant_type", "refresh_token"],
        "properties": {
            "client_id": TEXT,
            "client_secret": TEXT,
            "grant_type": {"const": "refresh_token"},
            "refresh_token": TEXT,
        },
        "additionalProperties": False,
    },
    "Token": {
        "type": "object",
        "required": ["access_token", "token_type", "expires_at", "merchant_id", "refresh_token"],
        "properties": {
            "access_token": TEXT,
            "token_type": {"const": "bearer"},
            "expires_at": TEXT,
            "merchant_id": TEXT,
            "refresh_token": TEXT,
        },
        "additionalProperties": False,
    },
}


@cache
def schema() -> JsonSchema:
    """Every definition the calls and deliveries need."""
    return JsonSchema({"$defs": {**dict(_definitions()), **dict(_queries()), **OWN}})


@cache
def calls() -> tuple[Call, ...]:
    """Every call of the document."""
    token = Call("POST", TOKEN, body="TokenAsked", answer="Token")
    return (token, *(_call(path, method, told) for path, method, told in _operations()))


def delivery_problem(event: str, body: object) -> str | None:
    """What is wrong with a delivery of this event, or None."""
    parts = re.split(r"[._]", event)
    return schema().problem("".join(part.title() for part in parts) + "Event", body)


@cache
def _document() -> dict[str, Any]:
    file = files("renkei_square") / "schema" / "square.openapi.json"
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in _document()["paths"].items():
        for method, told in methods.items():
            yield path, method.upper(), told


def _call(path: str, method: str, told: dict[str, Any]) -> Call:
    body = told.get("requestBody")
    return Call(
        method,
        path,
        query=_query_name(told),
        body=_named(body) if body else "",
        answer=_named(told["responses"]["200"]),
    )


def _named(holder: dict[str, Any]) -> str:
    ref: str = holder["content"]["application/json"]["schema"]["$ref"]
    return ref.rpartition("/")[2]


def _query_name(told: dict[str, Any]) -> str:
    return f"query.{told['operationId']}"


def _queries() -> Iterator[tuple[str, dict[str, Any]]]:
    for _, _, told in _operations():
        asked = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query"]
        properties = {key: {"type": "string"} for key in asked}
        closed = {"type": "object", "properties": properties, "additionalProperties": False}
        yield _query_name(told), closed


def _definitions() -> Iterator[tuple[str, Any]]:
    for name, one in _document()["components"]["schemas"].items():
        yield name, _converted(one)


def _converted(one: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.0 as JSON Schema: ``nullable`` is a type of its own there, and objects are closed.

    Square refuses parameters it does not know (UNKNOWN_BODY_PARAMETER), and adds fields to its
    answers with new versions only.
    """
    if "$ref" in one:
        plain: dict[str, Any] = {"$ref": one["$ref"].replace("#/components/schemas/", "#/$defs/")}
        return {"anyOf": [plain, {"type": "null"}]} if one.get("nullable") else plain
    dropped = ("nullable", "readOnly", "format")
    plain = {key: value for key, value in one.items() if key not in dropped}
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _converted(plain[key])
    if "properties" in plain:
        plain["properties"] = {key: _converted(value) for key, value in one["properties"].items()}
        plain["additionalProperties"] = False
    return {"anyOf": [plain, {"type": "null"}]} if one.get("nullable") else plain
