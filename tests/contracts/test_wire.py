"""What every plugin reads its vendor's bodies and its own addresses with."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.wire import (
    Origin,
    TwinUrl,
    Zone,
    canonical,
    json_body,
    named,
    page_of,
)

ORIGIN: TypeAdapter[str] = TypeAdapter(Origin)
TWIN: TypeAdapter[str] = TypeAdapter(TwinUrl)
ZONE: TypeAdapter[str] = TypeAdapter(Zone)


def test_a_fraction_is_read_as_what_is_asked_for() -> None:
    assert type(json_body(b"0.1")) is float
    assert json_body(b"0.10000000000000000001", Decimal) == Decimal("0.10000000000000000001")


@pytest.mark.parametrize("body", [b"", b'{"email": "hanako', b"[" * 100_000, b"\xff"])
def test_no_error_of_a_body_holds_the_body(body: bytes) -> None:
    with pytest.raises(PayloadInvalid, match="not JSON") as caught:
        json_body(body)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize(("key", "named"), [("id", "7"), ("orderNo", "A-7"), ("none", "unknown")])
def test_a_row_that_is_not_understood_is_named_by_the_vendors_own_key(key: str, named: str) -> None:
    def refuse(row: object) -> object:
        raise PayloadInvalid("order: state is not understood")

    page = page_of([{"id": 7, "orderNo": "A-7"}], refuse, None, key)
    assert page.rejected == ((named, "order: state is not understood"),)


def test_what_is_refused_is_said_of_what_it_was_to_become_and_once() -> None:
    def refuse() -> object:
        raise PayloadInvalid("line 3: its tax does not agree")

    for make in (refuse, lambda: canonical("order 7", refuse)):
        with pytest.raises(PayloadInvalid, match=r"^order 7: line 3: its tax does not agree$"):
            canonical("order 7", make)


@pytest.mark.parametrize(
    ("row", "name"),
    [({"id": 7}, "order 7"), ({"id": "A-7"}, "order A-7"), ({}, "order"), ([], "order"),
     ({"id": {"a": 1}}, "order"), ({"id": "x" * 999}, "order " + "x" * 64)],
)  # fmt: skip
def test_a_row_is_called_by_its_id(row: object, name: str) -> None:
    assert named("order", row) == name


@pytest.mark.parametrize(
    "url", ["https://shop.example.jp", "http://127.0.0.1:8080", "http://[::1]"]
)
def test_an_address_alone_is_an_origin_with_or_without_a_slash(url: str) -> None:
    assert ORIGIN.validate_python(url) == ORIGIN.validate_python(url + "/") == url


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.jp/admin",
        "https://shop.example.jp?a=b",
        "https://shop.example.jp#a",
        "https://me:secret@shop.example.jp",
        "http://shop.example.jp",
        "https://",
        "shop.example.jp",
    ],
)
def test_anything_more_or_less_is_none(url: str) -> None:
    with pytest.raises(ValidationError):
        ORIGIN.validate_python(url)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8080", "http://localhost", "http://[::1]"])
def test_a_twin_on_this_machine_may_stand_in(url: str) -> None:
    assert TWIN.validate_python(url) == url


@pytest.mark.parametrize("url", ["https://vendor.example", "http://10.0.0.1", "ftp://localhost"])
def test_nothing_else_may(url: str) -> None:
    with pytest.raises(ValidationError):
        TWIN.validate_python(url)


def test_a_zone_is_known_by_its_name() -> None:
    assert ZONE.validate_python("Asia/Tokyo") == "Asia/Tokyo"
    for name in ("", "Asia/Kyoto", "../etc/passwd", "+09:00"):
        with pytest.raises(ValidationError):
            ZONE.validate_python(name)
