"""The wire schema between plugin and twin; it says of each field where we have it from."""

import json
from importlib.resources import files
from typing import Any

from renkei_contracts.twin.schema import JsonSchema

SCHEMA = JsonSchema(json.loads((files("renkei_tryton") / "wire_schema.json").read_text("utf-8")))

BY_NAME = frozenset({"common.db.login", "model.res.user.get_preferences"})
"""Methods with a definition of their own; any other is a method of a model."""

OF_MODELS = frozenset({"search_read", "read"})


def wrong_call(call: Any) -> str | None:
    """What is wrong with a call, or None."""
    if problem := SCHEMA.problem("call", call):
        return problem
    method = call["method"]
    name = method if method in BY_NAME else method.rpartition(".")[2]
    if name not in BY_NAME | OF_MODELS:
        return "call/method is none that the schema knows"
    return SCHEMA.problem(f"{name}.call", call)


def wrong_answer(method: str, answer: dict[str, Any]) -> str | None:
    """What is wrong with an answer to a call, or None."""
    if "error" in answer:
        return SCHEMA.problem("error", answer)
    return SCHEMA.problem(method if method in BY_NAME else method.rpartition(".")[0], answer)
