"""The two schemas of ours that everything on the twin's wire must fit.

``wire_schema.graphql`` is the part of the Admin API that the plugin uses, ``delivery_schema.json``
what the shop's emitter posts; each field names its source.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from graphql import GraphQLError, GraphQLScalarType, GraphQLSchema, build_schema

from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.schema import JsonSchema
from renkei_vendure import twin_wire

SOURCE = "wire_schema.graphql and delivery_schema.json of renkei-vendure, 2026-11-27"


def wire_schema() -> GraphQLSchema:
    """The Admin API's schema; its scalars let only moments and whole numbers out."""
    built = build_schema(_text("wire_schema.graphql"))
    _scalar(built, "DateTime", _moment, datetime.fromisoformat)
    _scalar(built, "Money", _money, int)
    return built


def delivery_problem(delivery: Outgoing) -> str | None:
    """What is wrong with a delivery, or None."""
    schema = _delivery_schema()
    headers = schema.problem("Headers", dict(delivery.headers))
    return headers or schema.problem("Body", json.loads(delivery.body))


@cache
def _delivery_schema() -> JsonSchema:
    return JsonSchema(json.loads(_text("delivery_schema.json")))


def _text(name: str) -> str:
    return files("renkei_vendure").joinpath(name).read_text("utf-8")


def _scalar(
    built: GraphQLSchema, name: str, out: Callable[[Any], Any], into: Callable[[Any], Any]
) -> None:
    scalar = built.type_map[name]
    assert isinstance(scalar, GraphQLScalarType)
    scalar.coerce_output_value, scalar.coerce_input_value = out, into


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise GraphQLError("is no moment")
    return twin_wire.moment(value)


def _money(value: Any) -> int:
    if type(value) is not int:
        raise GraphQLError("is no whole number of the smallest unit")
    return value
