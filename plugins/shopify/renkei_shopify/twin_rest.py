"""The twin's webhooks: REST-style bodies, with times in the shop's offset, signed and named."""

import json
import uuid
from datetime import datetime
from typing import Any

from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.emitter import Outgoing
from renkei_shopify.twin_records import TwinCustomer, TwinLine, TwinOrder, TwinRefund, tax_within


def delivery(
    topic: str,
    body: dict[str, Any],
    *,
    secret: str,
    shop: str,
    at: datetime,
    version: str,
    event: str,
) -> Outgoing:
    """One delivery; sent again, it keeps its webhook id. ``event`` names what was done."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Outgoing(
        headers={
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": hmac_sha256_base64(secret, raw),
            "X-Shopify-Shop-Domain": shop,
            "X-Shopify-API-Version": version,
            # Unique beyond one run: a hub that remembers would drop a repeated one.
            "X-Shopify-Webhook-Id": str(uuid.uuid4()),
            "X-Shopify-Event-Id": event,
            "X-Shopify-Triggered-At": at.isoformat(),
        },
        body=raw,
    )


def customer(one: TwinCustomer) -> dict[str, Any]:
    """The body of customers/*."""
    return {
        "id": one.id,
        "email": one.email,
        "phone": one.phone,
        "first_name": one.given_name,
        "last_name": one.family_name,
        "state": "enabled",
        "verified_email": one.verified_email,
        "created_at": _local(one.created_at),
        "updated_at": _local(one.updated_at),
    }


def order(one: TwinOrder) -> dict[str, Any]:
    """The body of orders/*."""
    total = str(one.items_total + one.shipping)
    shopper = one.customer
    return {
        "id": one.id,
        "admin_graphql_api_id": f"gid://shopify/Order/{one.id}",
        "name": f"#{one.number}",
        "order_number": one.number,
        "created_at": _local(one.created_at),
        "updated_at": _local(one.updated_at),
        "processed_at": _local(one.created_at),
        "cancelled_at": _local(one.cancelled_at) if one.cancelled_at else None,
        "financial_status": one.financial_status,
        "fulfillment_status": one.fulfillment_status,
        "currency": "JPY",
        "taxes_included": one.taxes_included,
        "total_price": total,
        "subtotal_price": str(one.items_total),
        "source_name": one.source_name,
        "source_identifier": one.source_identifier,
        "location_id": one.location_id,
        "test": one.test,
        "email": shopper.email if shopper else None,
        "phone": None,
        "customer": customer(shopper) if shopper else None,
        "discount_codes": [{"code": code} for code in one.codes],
        "note_attributes": [{"name": key, "value": one.attributes[key]} for key in one.attributes],
        "line_items": [_line(one, line) for line in one.lines],
        "shipping_lines": [{"title": "Standard", "price": str(one.shipping)}],
        "refunds": [refund(one, each) for each in one.refunds],
    }


def refund(one: TwinOrder, each: TwinRefund) -> dict[str, Any]:
    """The body of refunds/create."""
    return {
        "id": each.id,
        "order_id": one.id,
        "created_at": _local(each.at),
        "refund_line_items": [
            {
                "line_item_id": part.line_id,
                "quantity": part.quantity,
                # JSON numbers here, decimal strings everywhere else.
                "subtotal": float(part.subtotal),
                "total_tax": float(part.tax),
            }
            for part in each.lines
        ],
        "refund_shipping_lines": [_shipping_refund(each)] if each.shipping else [],
        "transactions": [_transaction(each)] if each.money else [],
    }


def _shipping_refund(each: TwinRefund) -> dict[str, Any]:
    return {"subtotal_amount_set": {"shop_money": {"amount": str(each.shipping)}}}


def _transaction(each: TwinRefund) -> dict[str, Any]:
    return {"kind": "refund", "status": "success", "amount": str(each.money)}


def edit(one: TwinOrder, line: TwinLine, quantity: int) -> dict[str, Any]:
    """The body of orders/edited: not an order, only what left it (keys unproven)."""
    lines = {"additions": [], "removals": [{"id": line.id, "delta": quantity}]}
    return {"order_edit": {"order_id": one.id, "line_items": lines}}


def merged(kept: TwinCustomer, gone: TwinCustomer) -> dict[str, Any]:
    """The body of customers/merge."""
    return {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{kept.id}",
        "admin_graphql_api_customer_deleted_id": f"gid://shopify/Customer/{gone.id}",
        "admin_graphql_api_job_id": None,
        "status": "completed",
        "errors": [],
    }


def _line(one: TwinOrder, line: TwinLine) -> dict[str, Any]:
    tax = tax_within(line.amount, line.item.tax_rate, included=one.taxes_included)
    rate = line.item.tax_rate / 10_000
    return {
        "id": line.id,
        "sku": line.item.sku,
        "title": line.item.title,
        "quantity": line.quantity,
        "current_quantity": one.current(line),
        "price": str(line.price),
        "gift_card": line.gift_card,
        "discount_allocations": [{"amount": str(less)} for less in _discounts(line)],
        "tax_lines": [{"title": "消費税", "rate": rate, "price": str(tax)}],
    }


def _discounts(line: TwinLine) -> list[int]:
    return [*line.discounts, *line.by_code.values(), *line.by_title.values()]


def _local(at: datetime) -> str:
    return at.astimezone(JST).isoformat()
