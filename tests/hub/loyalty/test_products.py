"""Codes of products are read as people and scanners write them, and never guessed."""

import pytest

from renkei.loyalty.context import Facts
from renkei.loyalty.products import codes_of, jan
from renkei_contracts.order import LineItem


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("4901234567894", "4901234567894"),
        ("４９０１２３４５６７８９４", "4901234567894"),
        (" 490-1234-567894\r", "4901234567894"),
        ("04901234567894", "4901234567894"),
        ("49123456", "49123456"),
        ("036000291452", "0036000291452"),
        ("4901234567890", ""),
        ("14901234567891", ""),
        ("490123456789", ""),
        ("49０1234", ""),
        ("", ""),
        ("TEA-1", ""),
        ("४९०१२३४५६७८९४", ""),
    ],
)
def test_a_jan_is_read_or_refused(text: str, read: str) -> None:
    assert jan(text) == read


def line(**fields: str) -> LineItem:
    return LineItem.model_validate(
        {"id": "1", "quantity": 1, "amount": 100, "tax_rate": 1000} | fields
    )


def test_a_line_is_known_by_its_jan_before_its_sku() -> None:
    facts = Facts(classes={"4901234567894": ("tea",), "A": ("coffee",)})
    assert codes_of(line(jan="4901234567894", sku="Ａ")) == ["4901234567894", "A"]
    assert facts.classes_of(line(jan="4901234567894", sku="A")) == ("tea",)
    assert facts.classes_of(line(jan="49123456", sku="A")) == ("coffee",)
    assert facts.classes_of(line(sku="B")) == ()


def test_a_line_without_a_jan_has_that_of_its_product() -> None:
    facts = Facts(jans={"A": "4901234567894"})
    assert facts.jan_of(line(sku="A")) == "4901234567894"
    assert facts.jan_of(line(sku="A", jan="49123456")) == "49123456"
    assert facts.jan_of(line(sku="B", jan="own-7")) == "own-7"
