"""Rows as the twin sends them; whatever is unset is left out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from renkei_contracts.stage import Item, Shopper
from renkei_square.client import moment

Row = dict[str, Any]

LOCATION, MERCHANT, PROGRAM = "LTWIN01", "MTWIN01", "main-program"
NEVER_SOLD = "NEVERSOLD1"
BASIS_POINTS = 10_000


def money(yen: int) -> Row:
    """An amount of yen."""
    return {"amount": yen, "currency": "JPY"}


def person(shopper: Shopper) -> Row:
    """What the directory knows of a shopper."""
    known = {
        "given_name": shopper.given_name,
        "family_name": shopper.family_name,
        "email_address": shopper.email,
    }
    return {key: value for key, value in known.items() if value}


def included_tax(yen: int, rate: int) -> int:
    """The tax within an amount, rounded down."""
    return yen * rate // (BASIS_POINTS + rate)


def line(number: int, item: Item, share: int) -> Row:
    """A line, tax included; ``share`` of it was paid by a reward."""
    total = item.yen * item.quantity - share
    tax = included_tax(total, item.tax_rate)
    row = {
        "uid": f"line-{number}",
        "name": item.title,
        "quantity": str(item.quantity),
        "catalog_object_id": item.sku,
        "item_type": "ITEM",
        "base_price_money": money(item.yen),
        # For Japan the tax within is taken off.
        "gross_sales_money": money(total + share - tax),
        "total_tax_money": money(tax),
        "total_discount_money": money(share),
        "total_money": money(total),
        "total_service_charge_money": money(0),
        "applied_taxes": [
            {"uid": f"at-{number}", "tax_uid": f"tax-{item.tax_rate}", "applied_money": money(tax)}
        ],
    }
    applied = {"uid": f"ad-{number}", "discount_uid": "reward", "applied_money": money(share)}
    return {**row, "applied_discounts": [applied]} if share else row


def taxes(lines: Sequence[Row]) -> list[Row]:
    """The taxes that the lines bear."""
    sums: dict[str, int] = {}
    for one in lines:
        applied = one["applied_taxes"][0]
        amount = applied["applied_money"]["amount"]
        sums[applied["tax_uid"]] = sums.get(applied["tax_uid"], 0) + amount
    return [
        {
            "uid": uid,
            "name": "消費税",
            "percentage": str(int(uid.removeprefix("tax-")) // 100),
            "type": "INCLUSIVE",
            "scope": "LINE_ITEM",
            "applied_money": money(yen),
        }
        for uid, yen in sums.items()
    ]


def sale(id: str, lines: Sequence[Row], customer: str, at: datetime) -> Row:
    """A completed sale of the register."""
    sums = {
        name: sum(one[name]["amount"] for one in lines)
        for name in ("total_money", "total_tax_money", "total_discount_money")
    }
    row = {
        "id": id,
        "location_id": LOCATION,
        "source": {"name": "Square Point of Sale"},
        "line_items": list(lines),
        "taxes": taxes(lines),
        **{name: money(yen) for name, yen in sums.items()},
        "total_tip_money": money(0),
        "total_service_charge_money": money(0),
        "state": "COMPLETED",
        **made(at),
        "closed_at": moment(at),
    }
    return {**row, "customer_id": customer} if customer else row


def reward_discount(points: int, reward: str) -> Row:
    """The discount that a reward gives: a yen for a point."""
    return {
        "uid": "reward",
        "name": f"{points} ポイント",
        "type": "FIXED_AMOUNT",
        "amount_money": money(points),
        "applied_money": money(points),
        "scope": "ORDER",
        "reward_ids": [reward],
    }


def payment(id: str, order: Row) -> Row:
    """Cash for a sale."""
    paid = order["total_money"]
    row = {
        "id": id,
        "created_at": order["created_at"],
        "updated_at": order["updated_at"],
        "amount_money": paid,
        "total_money": paid,
        "status": "COMPLETED",
        "source_type": "CASH",
        "cash_details": {"buyer_supplied_money": paid, "change_back_money": money(0)},
        "location_id": LOCATION,
        "order_id": order["id"],
        "receipt_number": id[-4:],
    }
    return {**row, **_customer(order)}


def tender(payment: Row) -> Row:
    """The payment within its order."""
    row = {
        "id": payment["id"],
        "payment_id": payment["id"],
        "location_id": LOCATION,
        "created_at": payment["created_at"],
        "amount_money": payment["amount_money"],
        "type": "CASH",
    }
    return {**row, **_customer(payment)}


def return_line(of: Row, quantity: int, total: int, share: int) -> Row:
    """Pieces of a line that come back: ``total`` in money, ``share`` of it paid by a reward."""
    rate = int(of["applied_taxes"][0]["tax_uid"].removeprefix("tax-"))
    row = {
        "uid": f"return-{of['uid']}",
        "source_line_item_uid": of["uid"],
        "name": of["name"],
        "quantity": str(quantity),
        "catalog_object_id": of["catalog_object_id"],
        "item_type": "ITEM",
        "total_tax_money": money(included_tax(total, rate)),
        "total_discount_money": money(share),
        "total_money": money(total),
    }
    applied = {"uid": "rad-1", "discount_uid": "reward-back", "applied_money": money(share)}
    return {**row, "applied_discounts": [applied]} if share else row


def giving_back(id: str, source: Row, row: Row, share: int, at: datetime) -> Row:
    """The order by which goods of a sale come back."""
    total = row["total_money"]
    given = {"uid": f"of-{source['id']}", "source_order_id": source["id"]}
    back = {"uid": "reward-back", "source_discount_uid": "reward", "applied_money": money(share)}
    return {
        "id": id,
        "location_id": LOCATION,
        "source": {"name": "Square Point of Sale"},
        "returns": [
            {
                **given,
                "return_line_items": [row],
                **({"return_discounts": [back]} if share else {}),
                "return_amounts": {"total_money": total},
            }
        ],
        "return_amounts": {"total_money": total},
        "net_amounts": {"total_money": money(-total["amount"])},
        "state": "COMPLETED",
        **made(at),
        "closed_at": moment(at),
        **_customer(source),
    }


def refund(id: str, payment: Row, order: Row) -> Row:
    """The money for what an order gives back."""
    return {
        "id": id,
        "status": "COMPLETED",
        "location_id": LOCATION,
        "amount_money": order["return_amounts"]["total_money"],
        "payment_id": payment["id"],
        "order_id": order["id"],
        "reason": "返品",
        "created_at": order["created_at"],
        "updated_at": order["updated_at"],
    }


def made(at: datetime) -> Row:
    """When something was made."""
    return {"created_at": moment(at), "updated_at": moment(at)}


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """The amount over the lines by their weight; the last bears what is left."""
    total, shares = sum(weights) or 1, []
    for weight in weights[:-1]:
        shares.append(amount * weight // total)
    return [*shares, amount - sum(shares)]


def _customer(of: Mapping[str, Any]) -> Row:
    return {"customer_id": of["customer_id"]} if "customer_id" in of else {}
