"""Identities are comparable, whoever typed or scanned them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.identity.cards import card_number, check_digit
from renkei.identity.normalize import normalized
from renkei_contracts.member import Identity, IdentityKind


def form(kind: IdentityKind, value: str) -> str | None:
    found = normalized(Identity(kind=kind, value=value))
    return found.value if found else None


@pytest.mark.parametrize(
    ("given_value", "comparable"),
    [
        ("Hanako@Example.JP", "hanako@example.jp"),
        (" hanako@example.jp ", "hanako@example.jp"),
        ("ｈａｎａｋｏ＠ｅｘａｍｐｌｅ．ｊｐ", "hanako@example.jp"),
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        ("hanako@日本.jp", "hanako@xn--wgv71a.jp"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(given_value: str, comparable: str) -> None:
    assert form(IdentityKind.EMAIL, given_value) == comparable


@pytest.mark.parametrize("nobody", ["hanako", "@example.jp", "x@dummy.dummy", "a b@example.jp"])
def test_what_names_nobody_is_no_identity(nobody: str) -> None:
    assert form(IdentityKind.EMAIL, nobody) is None


@pytest.mark.parametrize(
    "written", ["090-1234-5678", "０９０１２３４５６７８", "+81 90 1234 5678", "09012345678"]
)
def test_a_phone_number_is_the_same_however_it_is_written(written: str) -> None:
    assert form(IdentityKind.PHONE, written) == "+819012345678"


def test_half_a_phone_number_is_no_identity() -> None:
    assert form(IdentityKind.PHONE, "12") is None


@pytest.mark.parametrize(
    "scanned",
    ["2900000000018", "２９０００００００００１８", "A2900000000018B\r", "2900-0000 00018"],
)
def test_a_card_is_the_same_whatever_the_scanner_adds(scanned: str) -> None:
    assert form(IdentityKind.CARD, scanned) == "2900000000018"


def test_check_digits_are_those_of_ean_13() -> None:
    assert check_digit("400638133393") == "1"


@given(st.integers(0, 10**10 - 1))
def test_every_card_of_ours_is_a_valid_in_store_ean_13(serial: int) -> None:
    number = card_number(serial)
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(number))
    assert (len(number), number[:2], weighted % 10) == (13, "29", 0)
