"""/pos/v1 keeps its promise: what worked for a till goes on working."""

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
_SPEC = importlib.util.spec_from_file_location("frozen", ROOT / "docs" / "frozen.py")
assert _SPEC is not None
assert _SPEC.loader is not None
frozen: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(frozen)

KEPT: dict[str, Any] = json.loads(frozen.FROZEN.read_text("utf-8"))
COMMIT = "CommitRequest"


def schemas(spec: dict[str, Any]) -> Any:
    return spec["components"]["schemas"]


def query(spec: dict[str, Any]) -> Any:
    return spec["paths"]["/pos/v1/transactions"]["get"]["parameters"]


def test_nothing_that_was_promised_is_broken_and_what_is_new_is_frozen() -> None:
    now = frozen.promise(frozen.described())
    assert frozen.broken(KEPT, now) == []
    assert now == KEPT, "accept what was added: python docs/frozen.py"


BREAKING: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "operation": (
        lambda spec: spec["paths"].pop("/pos/v1/quotes"),
        "POST /pos/v1/quotes is gone",
    ),
    "field asked": (
        lambda spec: schemas(spec)[COMMIT]["properties"].pop("occurred"),
        "CommitRequest.occurred is gone",
    ),
    "field answered": (
        lambda spec: schemas(spec)["CommitAnswer"]["properties"].pop("earned"),
        "CommitAnswer.earned is gone",
    ),
    "required": (
        lambda spec: schemas(spec)[COMMIT]["required"].append("member"),
        "CommitRequest.member must be said now",
    ),
    "no longer sure": (
        lambda spec: schemas(spec)["HoldAnswer"]["required"].remove("hold"),
        "HoldAnswer.hold may be missing now",
    ),
    "type": (
        lambda spec: schemas(spec)["HoldRequest"]["properties"]["points"].update(type="string"),
        "HoldRequest.points: type was integer and is string",
    ),
    "limit": (
        lambda spec: schemas(spec)[COMMIT]["properties"]["revision"].update(maximum=9),
        "CommitRequest.revision: maximum was 1000000.0 and is 9",
    ),
    "nested": (
        lambda spec: schemas(spec)["LineItem"]["properties"].pop("jan"),
        "LineItem.jan is gone",
    ),
    "parameter": (
        lambda spec: [one.update(required=True) for one in query(spec)],
        "GET /pos/v1/transactions: parameter company must be said now",
    ),
    "value": (
        lambda spec: schemas(spec)["ResolveMember"]["properties"]["scheme"]["enum"].remove("qr"),
        "ResolveMember.scheme: its values were",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_would_break_a_till_is_found(name: str) -> None:
    change, fault = BREAKING[name]
    changed = copy.deepcopy(KEPT)
    change(changed)
    assert any(one.startswith(fault) for one in frozen.broken(KEPT, changed))


def test_what_only_adds_breaks_nothing() -> None:
    grown = copy.deepcopy(KEPT)
    for name in (COMMIT, "CommitAnswer"):
        schemas(grown)[name]["properties"]["more"] = {"type": "string"}
    schemas(grown)["CommitAnswer"]["required"].append("more")
    schemas(grown)["HoldRequest"]["properties"]["points"]["maximum"] *= 2
    grown["paths"]["/pos/v1/more"] = {"get": {"responses": {}}}
    assert frozen.broken(KEPT, grown) == []
