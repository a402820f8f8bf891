"""What the twin's shop shows over the Admin API, and what its emitter posts. Pure."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from renkei_contracts.stage import Item
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.emitter import Outgoing
from renkei_vendure.twin_prices import TwinLine
from renkei_vendure.twin_state import Told, TwinCustomer, TwinOrder, TwinRefund


def order(one: TwinOrder) -> dict[str, Any]:
    """An order: everything the schema has, of which an answer holds what was asked for."""
    return {
        "id": str(one.id),
        "code": one.code,
        "type": "Regular",
        "state": one.state,
        "active": False,
        "currencyCode": "JPY",
        "updatedAt": one.updated_at,
        "orderPlacedAt": one.placed_at,
        "subTotalWithTax": one.sub_total,
        "shippingWithTax": one.shipping,
        "totalWithTax": one.total,
        "customer": customer(one.customer),
        "lines": [_line(line) for line in one.lines],
        "surcharges": [],
        "payments": [_payment(one)],
        "fulfillments": [{"createdAt": at} for at in one.fulfillments],
        "modifications": [{"createdAt": at} for at in one.modifications],
    }


def _line(line: TwinLine) -> dict[str, Any]:
    return {
        "id": str(line.id),
        "quantity": line.quantity,
        "orderPlacedQuantity": line.placed,
        "taxRate": line.item.tax_rate / 100,
        "proratedUnitPriceWithTax": line.unit_price,
        "proratedLinePriceWithTax": line.line_price,
        "productVariant": {"sku": line.item.sku, "name": line.item.title},
    }


def _payment(one: TwinOrder) -> dict[str, Any]:
    return {
        "amount": one.paid,
        "state": "Settled",
        "createdAt": one.placed_at.replace(microsecond=0),
        "refunds": [_refund(each) for each in one.refunds],
    }


def _refund(one: TwinRefund) -> dict[str, Any]:
    return {
        "total": one.total,
        "shipping": 0,
        "state": "Settled",
        "createdAt": one.at,
        "lines": [{"orderLineId": str(id), "quantity": count} for id, count in one.pieces],
    }


def customer(one: TwinCustomer) -> dict[str, Any]:
    """A customer."""
    user = one.user
    return {
        "__typename": "Customer",
        "id": str(one.id),
        "emailAddress": one.email,
        "firstName": one.given_name,
        "lastName": one.family_name,
        "phoneNumber": "",
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
        "user": user and {"verified": user.verified, "updatedAt": user.updated_at},
        "customFields": {"hubPoints": one.points},
    }


def goods(item: Item, unit: int) -> dict[str, Any]:
    """What can be bought."""
    return {
        "sku": item.sku,
        "name": item.title,
        "priceWithTax": item.yen * unit,
        "taxRateApplied": {"value": item.tax_rate / 100},
    }


def moment(at: datetime) -> str:
    """A moment as Vendure writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def delivery(told: Told, *, secret: str, at: datetime) -> Outgoing:
    """One delivery, signed at ``at`` as the shop's emitter signs (peer/server.cjs)."""
    raw = _body(told)
    timestamp = str(int(at.timestamp()))
    signature = hmac_sha256_base64(secret, timestamp.encode() + b"." + raw)
    return Outgoing(
        headers={
            "content-type": "application/json",
            "x-renkei-topic": told.event,
            "x-renkei-timestamp": timestamp,
            # Unique beyond one run: a hub that remembers would drop a repeated one.
            "x-renkei-delivery": str(uuid.uuid4()),
            "x-renkei-signature": f"sha256={signature}",
        },
        body=raw,
    )


def _body(told: Told) -> bytes:
    body = {
        "event": told.event,
        "createdAt": moment(told.at),
        "type": told.kind,
        "id": told.id,
        "code": told.code,
        "from": told.before,
        "to": told.to,
        "change": told.change,
    }
    known = {name: value for name, value in body.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")).encode()
