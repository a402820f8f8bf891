"""What the twin's shop shows over the Web API, and what its webhook posts. Pure."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.signature import hmac_sha256_hex
from renkei_contracts.twin.emitter import Outgoing
from renkei_eccube.amounts import DISCOUNT, FEE, GOODS, POINTS, POSTAGE
from renkei_eccube.twin_state import TwinCustomer, TwinLine, TwinOrder, TwinProduct
from renkei_eccube.webhooks import SIGNATURE

Row = dict[str, Any]

Event = tuple[str, int, str]
"""Entity, id and action."""


def order(one: TwinOrder) -> Row:
    """An order: everything the schema has, of which an answer holds what was asked for."""
    total = one.sum()
    return {
        "id": one.id,
        "order_no": str(one.id),
        "email": one.email,
        "phone_number": None,
        "subtotal": one.sum(GOODS),
        "discount": -one.sum(DISCOUNT, POINTS),
        "delivery_fee_total": one.sum(POSTAGE),
        "charge": one.sum(FEE),
        "total": total,
        "payment_total": total,
        "add_point": one.add_point,
        "use_point": one.use_point,
        "currency_code": "JPY",
        "create_date": one.made_at,
        "update_date": one.updated_at,
        "order_date": one.ordered_at,
        "payment_date": one.paid_at,
        "OrderStatus": {"id": one.status},
        "Customer": customer(one.customer) if one.customer else None,
        "OrderItems": [item_row(line) for line in one.lines],
    }


def item_row(line: TwinLine) -> Row:
    """A line of an order."""
    return {
        "id": line.id,
        "product_name": line.name,
        "product_code": line.code,
        "price": line.price,
        "quantity": line.quantity,
        "tax": line.tax,
        "tax_rate": line.rate,
        "tax_adjust": 0,
        "OrderItemType": {"id": line.kind},
        "TaxType": {"id": line.taxation},
        "TaxDisplayType": {"id": line.display},
    }


def customer(one: TwinCustomer) -> Row:
    """A customer."""
    return {
        "id": one.id,
        "name01": one.shopper.family_name,
        "name02": one.shopper.given_name,
        "email": one.email,
        "phone_number": None,
        "birth": None,
        "point": one.point,
        "update_date": one.updated_at,
        "Status": {"id": one.status},
    }


def product(one: TwinProduct) -> Row:
    """A product with its only class."""
    return {
        "id": one.id,
        "name": one.item.title,
        "update_date": one.updated_at,
        "ProductClasses": [product_class(one)],
    }


def product_class(one: TwinProduct) -> Row:
    """What holds the code and the stock."""
    return {
        "id": one.class_id,
        "code": one.item.sku,
        "stock": one.stock,
        "stock_unlimited": one.stock is None,
        "visible": True,
        "update_date": one.updated_at,
    }


def moment(at: datetime) -> str:
    """A moment as EC-CUBE writes it: ``DateTime::ATOM`` in the shop's zone."""
    return at.astimezone(JST).isoformat(timespec="seconds")


def delivery(events: Sequence[Event], *, home: str, secret: str) -> Outgoing:
    """What one request to the shop changed."""
    rows = [{"entity": entity, "id": id, "action": action} for entity, id, action in events]
    body = json.dumps(rows, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "X-ECCUBE-URL": f"{home}/",
        SIGNATURE: hmac_sha256_hex(secret, body),
    }
    return Outgoing(headers, body)
