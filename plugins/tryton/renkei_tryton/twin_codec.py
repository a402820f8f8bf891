"""Tryton's JSON: what JSON has no type for is an object with ``__class__``.

Source: ``trytond.protocols.jsonrpc`` 8.2. Booleans are 0 and 1, as on SQLite.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from renkei_tryton.wire import DAY_PARTS, TIME_PARTS


def decoded(body: bytes) -> Any:
    """A request with Python's own types; raises ValueError."""
    return json.loads(body, object_hook=_known)


def encoded(value: Any) -> Any:
    """Python's types as Tryton writes them."""
    if isinstance(value, dict):
        return {key: encoded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [encoded(one) for one in value]
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, datetime):
        return {"__class__": "datetime"} | {name: getattr(value, name) for name in TIME_PARTS}
    if isinstance(value, date):
        return {"__class__": "date"} | {name: getattr(value, name) for name in DAY_PARTS}
    return int(value) if isinstance(value, bool) else value


def _known(value: dict[str, Any]) -> Any:
    match value.get("__class__"):
        case "datetime":
            return datetime(*(value[name] for name in TIME_PARTS))  # noqa: DTZ001 - as Tryton has it
        case "date":
            return date(*(value[name] for name in DAY_PARTS))
        case "Decimal":
            return Decimal(value["decimal"])
    return value
