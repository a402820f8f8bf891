"""What the twin's shop consists of before its first sale: the same shop as the real one's.

Rows hold Python's own types (Decimal, date, naive UTC datetime) and the rows they refer to, nested;
``twin_rows`` picks fields out of them, ``twin_codec`` writes them as Tryton does.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from renkei_contracts.stage import Item
from renkei_tryton.peer.setup_shop import GOODS
from renkei_tryton.peer.software import DISCOUNT

Row = dict[str, Any]

ZONE = "Asia/Tokyo"
PRICE_DIGITS = Decimal("0.0001")  # price_digits of trytond 8.2

CURRENCY: Row = {"id": 1, "code": "JPY", "digits": 0}
COMPANY: Row = {"id": 1, "timezone": ZONE, "currency": CURRENCY}
TILL: Row = {"id": 1, "name": "新宿店 レジ1", "tax_included": True, "company": COMPANY}
TENDERS: dict[str, Row] = {
    "Cash": {"id": 1, "name": "Cash", "cash": True, "active": True, "company": COMPANY},
    "Points": {"id": 2, "name": "Points", "cash": False, "active": True, "company": COMPANY},
}


def whole(amount: Decimal) -> Decimal:
    """An amount as Tryton rounds it to the currency (``Currency.round``): half to even."""
    return amount.quantize(Decimal(1), ROUND_HALF_EVEN)


def goods(items: Sequence[Item] = ()) -> dict[str, Row]:
    """The products by code, each with the tax of its rate and its price with and without tax.

    Those of the real shop, or these items and the product that stands for a discount.
    """
    sold = _sold(items) if items else GOODS
    rates = sorted({rate for *_, rate in sold})
    categories = {rate: _category(id, rate) for id, rate in enumerate(rates, start=1)}
    return {
        code: {
            "id": id,
            "code": code,
            "name": name,
            "gross_price_used": Decimal(price),
            "list_price_used": _net(Decimal(price), Decimal(rate)),
            "account_category": categories[rate],
        }
        for id, (code, name, price, rate) in enumerate(sold, start=1)
    }


def _sold(items: Sequence[Item]) -> list[tuple[str, str, str, str]]:
    discount = next(good for good in GOODS if good[0] == DISCOUNT)
    goods = [(one.sku, one.title, str(one.yen), str(_rate(one.tax_rate))) for one in items]
    return [*goods, discount]


def _rate(basis_points: int) -> Decimal:
    return Decimal(basis_points).scaleb(-4).quantize(Decimal("0.01"))


def _category(id: int, rate: str) -> Row:
    tax = {"id": id, "name": f"Tax {rate}", "type": "percentage", "rate": Decimal(rate)}
    return {"id": id, "name": f"tax {rate}", "customer_taxes_used": [tax]}


def _net(gross: Decimal, rate: Decimal) -> Decimal:
    """The price without tax (``Tax.reverse_compute``, rounded by ``round_price``)."""
    return (gross / (1 + rate)).quantize(PRICE_DIGITS, ROUND_HALF_EVEN)
