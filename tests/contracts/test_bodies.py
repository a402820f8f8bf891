"""Bodies taken apart: whatever has a name in JSON, a form or XML becomes something else once."""

from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from renkei_contracts.testing.bodies import REMOVED, spoilt

FORM = b"topic=order&note=&data=%7B%22id%22%3A+7%7D"
XML = b'<?xml version="1.0"?><event><topic>order</topic><order><id>7</id></order></event>'


def read(body: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(body)  # noqa: S314 - our own


def test_every_name_of_json_is_spoilt_once_in_lists_as_well() -> None:
    found = dict(spoilt(b'[{"id": 7, "lines": [{"sku": "A"}]}]', None))
    assert list(found) == ["0.id", "0.lines", "0.lines.0.sku"]
    assert found["0.lines.0.sku"] == b'[{"id": 7, "lines": [{"sku": null}]}]'


def test_the_outermost_names_alone_are_spoilt_where_that_is_asked() -> None:
    assert [name for name, _ in spoilt(b'[{"id": 7, "lines": [{"sku": "A"}]}]', 1, 1)] == [
        "0.id",
        "0.lines",
    ]
    assert [name for name, _ in spoilt(FORM, 1, 1)] == ["topic", "note", "data"]
    assert [name for name, _ in spoilt(XML, 1, 1)] == ["topic", "order"]


def test_every_field_of_a_form_is_spoilt_and_json_within_it() -> None:
    found = {name: parse_qs(body.decode(), True) for name, body in spoilt(FORM, REMOVED)}
    assert found["topic"] == {"note": [""], "data": ['{"id": 7}']}
    assert found["note"] == {"topic": ["order"], "data": ['{"id": 7}']}
    assert found["data.id"] == {"topic": ["order"], "note": [""], "data": ["{}"]}


@pytest.mark.parametrize(
    ("new", "values"),
    [(None, [""]), ("a", ["a"]), (1.5, ["1.5"]), (["a", "b"], ["a", "b"]), ({}, ["{}"])],
)
def test_a_field_of_a_form_becomes_what_a_form_can_hold(new: object, values: list[str]) -> None:
    (_, body), *_ = spoilt(b"topic=order", new)
    assert parse_qs(body.decode(), True)["topic"] == values


def test_every_element_of_xml_is_spoilt_once() -> None:
    gone = {name: read(body) for name, body in spoilt(XML, REMOVED)}
    assert list(gone) == ["topic", "order", "order.id"]
    assert gone["topic"].find("topic") is None
    assert gone["topic"].findtext("order/id") == "7"
    assert gone["order.id"].find("order/id") is None
    other = {name: read(body) for name, body in spoilt(XML, -1)}
    assert other["order.id"].findtext("order/id") == "-1"
    nested = {name: read(body) for name, body in spoilt(XML, {})}
    assert nested["topic"].find("topic/unexpected") is not None


@pytest.mark.parametrize("body", [b"", b"17", b"<half", b"\xff\xfe", b"no names at all"])
def test_of_a_body_without_names_nothing_is_spoilt(body: bytes) -> None:
    assert list(spoilt(body, None)) == []
