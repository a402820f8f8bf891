"""What becomes of an answer on its way: one row of it is spoiled, whatever else has its number."""

import json
from typing import Any

import httpx
import pytest

from renkei_contracts.testing import NotApplicable
from renkei_contracts.testing.bench import Exchange
from renkei_contracts.testing.spoiling import at_call, broken, spoiled, unreadable

REQUEST = httpx.Request("GET", "http://127.0.0.1/orders")
AT = "2026-07-01T03:00:00Z"
ROWS = {
    "rows": [
        {"id": 1, "at": AT, "state": "paid", "lines": [{"id": 1, "sku": "A"}, {"id": 2}]},
        {"id": 2, "at": AT, "state": "paid", "lines": [{"id": 3, "sku": "B"}]},
    ]
}


def exchange(told: Any) -> Exchange:
    return Exchange(REQUEST, httpx.Response(200, json=told, headers={"x-token": "t"}))


def spoil(told: Any, bad: str, ids: tuple[str, ...]) -> Any:
    one = exchange(told)
    assert one.response is not None
    return spoiled(bad, ids, [one])(REQUEST, one.response).json()


def test_only_the_row_is_spoiled_though_a_line_has_its_number() -> None:
    first, second = spoil(ROWS, "2", ("1", "2"))["rows"]
    assert first == ROWS["rows"][0]
    assert second == {"id": 2, "at": AT, "state": {"odd": True}, "lines": {"odd": True}}


def test_an_id_at_the_end_of_an_address_names_a_row() -> None:
    told = {"data": {"order": {"id": "gid://shop/Order/7", "legacyId": "7", "total": 3}}}
    found = spoil(told, "7", ("7",))["data"]["order"]
    assert found == {"id": "gid://shop/Order/7", "legacyId": "7", "total": {"odd": True}}


def test_an_answer_about_something_else_stays_as_it_is() -> None:
    other = httpx.Response(200, content=json.dumps({"ok": 2}), request=REQUEST)
    assert spoiled("2", ("1", "2"), [exchange(ROWS)])(REQUEST, other) is other


def test_the_headers_of_a_spoiled_answer_are_kept_and_its_length_is_true() -> None:
    one = exchange(ROWS)
    assert one.response is not None
    changed = spoiled("2", ("1", "2"), [one])(REQUEST, one.response)
    assert changed.headers["x-token"] == "t"
    assert int(changed.headers["content-length"]) == len(changed.content)


def test_an_answer_that_is_not_json_stays_as_it_is() -> None:
    page = httpx.Response(200, content=b"<rows/>", request=REQUEST)
    seen = [exchange(ROWS), Exchange(REQUEST, page)]
    assert spoiled("2", ("1", "2"), seen)(REQUEST, page) is page


def test_answers_that_name_nothing_cannot_be_spoiled() -> None:
    with pytest.raises(NotApplicable):
        spoiled("9", ("8", "9"), [exchange(ROWS)])


def test_only_the_call_that_is_meant_is_spoiled() -> None:
    on_the_way = at_call(2, unreadable)
    answers = [on_the_way(REQUEST, httpx.Response(200, json={})).content for _ in range(3)]
    assert answers == [b"{}", b"<html>", b"{}"]


def test_a_broken_connection_is_httpxs_own_error() -> None:
    with pytest.raises(httpx.TransportError):
        broken(REQUEST, httpx.Response(200))
