"""Deliveries that are forms or XML are spoilt like JSON, so that misreading them is seen."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import pytest
import wrong_hooks as w
from wrong import must_fail

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Observation
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.cart.webhooks import ID, SIGNATURE, TIME, signed_message
from renkei_contracts.stage import StageContext
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.schema import JsonSchema
from renkei_contracts.twin.shop import Customer, Sale
from renkei_contracts.twin.shop_twin import CartTwin, Compare, Happening
from renkei_contracts.vendor import Vendor

READING = (
    "an unknown topic is ignored",
    "any missing key is read or invalid",
    "any other type is read or invalid",
    "a missing key never makes another sale",
    "a sale is told by its deliveries",
    "a body that is not json is invalid",
)


def as_form(told: Any) -> bytes:
    """A field for each key, and JSON in the one that holds the data."""
    return urlencode({**told, "data": json.dumps(told["data"])}).encode()


def of_form(body: bytes) -> Any:
    fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return {**fields, "data": json.loads(fields["data"])}


def as_xml(told: Any) -> bytes:
    root = ElementTree.Element("event")
    _fill(root, told)
    return ElementTree.tostring(root)


def _fill(element: ElementTree.Element, value: Any) -> None:
    rows = value.items() if isinstance(value, dict) else [("row", one) for one in value]
    for name, one in rows:
        below = ElementTree.SubElement(element, name)
        if isinstance(one, dict | list):
            _fill(below, one)
        else:
            below.text = json.dumps(one)


def of_xml(body: bytes) -> Any:
    return _value(ElementTree.fromstring(body))  # noqa: S314 - our own twin's


def _value(element: ElementTree.Element) -> Any:
    if element.tag == "lines":
        return [_value(one) for one in element]
    if len(element):
        return {one.tag: _value(one) for one in element}
    try:
        return json.loads(element.text or "")
    except ValueError:
        return element.text


Form = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]
FORM: Form = (as_form, of_form)
XML: Form = (as_xml, of_xml)


def speaking(form: Form, wrap: Any) -> Vendor:
    """The reference cart with deliveries of this form, read as ``wrap`` reads JSON."""
    write, read = form

    class Speaks(ReferenceTwin):
        def _outgoing(self, topic: str, data: Any) -> Outgoing:
            sent = super()._outgoing(topic, data)
            body = write(json.loads(sent.body))
            message = signed_message(sent.headers[ID], sent.headers[TIME], body)
            signature = hmac_sha256_base64(w.WEBHOOK_SECRET, message)
            return Outgoing({**sent.headers, SIGNATURE: signature}, body)

    class Hears(w.Around):
        def read(self, delivery: Delivery) -> Sequence[Observation]:
            try:
                told = read(delivery.body)
            except (ValueError, KeyError, RecursionError, ElementTree.ParseError):
                raise PayloadInvalid("the body is not understood") from None
            heard = replace(delivery, body=json.dumps(told).encode())
            return wrap(self.right, self.connection).read(heard)  # type: ignore[no-any-return]

    made = VENDOR.webhooks
    assert made is not None
    return replace(VENDOR, twin=Speaks, webhooks=lambda given: Hears(made(given), given))


@pytest.mark.parametrize("form", [FORM, XML], ids=["form", "xml"])
@pytest.mark.parametrize("name", READING)
async def test_a_right_plugin_passes(form: Form, name: str) -> None:
    outcome = await run_check(speaking(form, w.Around), CHECKS[f"webhooks: {name}"])
    assert (outcome.status, outcome.text) == ("passed", "")


@pytest.mark.parametrize("form", [FORM, XML], ids=["form", "xml"])
@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("an unknown topic is ignored", w.UnknownIsInvalid),
        ("any missing key is read or invalid", w.LooksInside),
        ("any other type is read or invalid", w.LooksInside),
        ("a missing key never makes another sale", w.MissingIsNobody),
    ],
)
async def test_a_wrong_plugin_fails(form: Form, name: str, wrap: Any) -> None:
    await must_fail(speaking(form, wrap), f"webhooks: {name}")


async def test_of_a_body_without_names_it_is_said_that_nothing_can_be_left_out() -> None:
    opaque = speaking((lambda told: b"17 " + json.dumps(told).encode(), lambda body: None), w.Deaf)
    outcome = await run_check(opaque, CHECKS["webhooks: any missing key is read or invalid"])
    assert outcome.status == "not applicable"
    assert "no JSON, form or XML" in outcome.text


class OfForms(CartTwin):
    """A shop whose deliveries are forms."""

    compare = Compare(JsonSchema({"$defs": {"told": {"required": ["id"]}}}), (), "ours", "", "told")

    def __init__(self, context: StageContext) -> None:
        super().__init__(context, (), compare=self.compare)

    def row(self, thing: Customer | Sale) -> Mapping[str, Any]:
        return {"id": thing.id}

    def outgoing(self, what: Happening, thing: Customer | Sale) -> Sequence[Outgoing]:
        return [Outgoing({}, urlencode(self.row(thing)).encode())]

    def told(self, delivery: Outgoing) -> object:
        return dict(parse_qsl(delivery.body.decode()))


async def test_a_twin_compares_what_it_reads_of_a_form(tmp_path: Path) -> None:
    twin = OfForms(StageContext(tmp_path))
    await twin.register(HANAKO)
    assert (twin.schema.deliveries, twin.schema.complaints) == (1, [])
