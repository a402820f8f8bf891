"""JSON that means one thing to every reader, and costs what its length says."""

import json
import sys
from types import FrameType
from typing import Any

import pytest

from renkei.web.body import strict_json

TEXTS = 1_000
DEPTH = 300


def calls(body: bytes) -> int:
    """How many calls reading it takes."""
    seen = 0

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal seen
        seen += event == "call"

    sys.setprofile(watch)
    try:
        strict_json(body)
    finally:
        sys.setprofile(None)
    return seen


def test_a_text_that_lies_deep_costs_no_more_than_one_that_does_not() -> None:
    texts = b",".join([b'"\\u0041"'] * TEXTS)
    flat, deep = b"[%s]" % texts, b"[" * DEPTH + texts + b"]" * DEPTH
    assert calls(deep) < calls(flat) + 10 * DEPTH


@pytest.mark.parametrize(
    "body", [b'{"a":[{"b":["\\ud800"]}]}', b'[{"\\u0000":1}]', b'{"\\udfff":{}}', b'["\\u0000"]']
)
def test_what_is_no_text_is_found_in_names_and_values_wherever_it_lies(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError, match="NUL and lone surrogates"):
        strict_json(body)
