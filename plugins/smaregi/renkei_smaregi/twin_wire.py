"""Rows as the twin sends them: every value a string."""

from datetime import datetime
from typing import Any

from renkei_contracts.stage import Item
from renkei_contracts.toolkit.japanese import JST

Row = dict[str, Any]

BASIS_POINTS = 10_000


def moment(at: datetime) -> str:
    """A moment, Japanese time."""
    return at.astimezone(JST).isoformat()


def head(**given: str) -> Row:
    """A transaction of store 1, terminal 1; what is not given is nothing."""
    row = {
        "cancelDivision": "0",
        "subtotal": "0",
        "subtotalDiscountPrice": "0",
        "pointDiscount": "0",
        "couponDiscount": "0",
        "total": "0",
        "taxExclude": "0",
        "newPoint": "0",
        "spendPoint": "0",
        "storeId": "1",
        "terminalId": "1",
        "customerId": "",
        "customerCode": "",
        "returnSales": "0",
        "disposeDivision": "0",
        "disposeServerTransactionHeadId": "",
        "cancelDateTime": "",
        "sellDivision": "0",
        "details": [],
    }
    return {**row, **given}


def detail(number: int, item: Item, point_share: int) -> Row:
    """A line, tax included."""
    total = item.yen * item.quantity
    rate = f"{item.tax_rate / 100:.2f}"
    paid = total - point_share
    return {
        "transactionDetailId": str(number),
        "transactionDetailDivision": "1",
        "productId": str(8_000_000 + number),
        "productCode": item.sku,
        "productName": item.title,
        "taxDivision": "0",
        "price": str(item.yen),
        "salesPrice": str(item.yen),
        "unitDiscountPrice": "0",
        "quantity": str(item.quantity),
        "unitNonDiscountSum": str(total),
        "unitDiscountSum": "0",
        "unitDiscountedSum": str(total),
        "productBundleProportional": "0",
        "staffDiscountProportional": "0",
        "bargainDiscountProportional": "0",
        "discountPriceProportional": "0",
        "discountPointProportional": str(point_share),
        "discountCouponProportional": "0",
        "taxIncludeProportional": str(paid * item.tax_rate // (BASIS_POINTS + item.tax_rate)),
        "taxExcludeProportional": "0",
        "taxFree": "0",
        "pointNotApplicable": "0",
        "taxRate": rate,
        "standardTaxRate": "10.00",
        "reduceTaxId": "10000001" if item.tax_rate == 800 else "",
        "reduceTaxRate": "8.00" if item.tax_rate == 800 else "",
    }
