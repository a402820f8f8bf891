"""GraphQL answers in the shape of the webhooks, so that one mapping serves both. Pure."""

import re
from collections.abc import Sequence

from renkei_contracts.errors import PayloadInvalid
from renkei_shopify import wire, wire_graphql

_GID = re.compile(r"gid://shopify/[A-Za-z]+/([1-9]\d{0,19})(\?.*)?")


def gid(kind: str, id: str) -> str:
    """The global id of something known by its number."""
    return f"gid://shopify/{kind}/{id}"


def number_of(global_id: str) -> int:
    """The number within a global id; raises PayloadInvalid."""
    match = _GID.fullmatch(global_id)
    if match is None:
        raise PayloadInvalid("a global id is not understood")
    return int(match[1])


def order(
    node: wire_graphql.Order,
    lines: Sequence[wire_graphql.LineItem],
    refunds: Sequence[Sequence[wire_graphql.RefundLine]],
) -> wire.Order:
    """An order, all of its lines, and the lines of each of its refunds."""
    financial = node.display_financial_status
    shopper, location = node.customer, node.retail_location
    return wire.Order(
        id=node.legacy_resource_id,
        name=node.name,
        created_at=node.created_at,
        updated_at=node.updated_at,
        processed_at=node.processed_at,
        cancelled_at=node.cancelled_at,
        financial_status=financial.lower() if financial else None,
        fulfillment_status=node.display_fulfillment_status.lower(),
        currency=node.currency_code,
        taxes_included=node.taxes_included,
        test=node.test,
        email=node.email,
        phone=node.phone,
        location_id=location.legacy_resource_id if location else None,
        customer=wire.Customer(id=shopper.legacy_resource_id) if shopper else None,
        line_items=tuple(_line(line) for line in lines),
        refunds=tuple(_refund(one) for one in refunds),
        total_shipping_price_set=wire.MoneySet(
            shop_money=wire.ShopMoney(amount=node.total_shipping_price_set.shop_money.amount)
        ),
    )


def customer(node: wire_graphql.Customer) -> wire.Customer:
    """A customer."""
    mail, call = node.default_email_address, node.default_phone_number
    return wire.Customer(
        id=node.legacy_resource_id,
        email=mail.email_address if mail else None,
        phone=call.phone_number if call else None,
        first_name=node.first_name,
        last_name=node.last_name,
        verified_email=node.verified_email,
        updated_at=node.updated_at,
    )


def _line(line: wire_graphql.LineItem) -> wire.LineItem:
    return wire.LineItem(
        id=number_of(line.id),
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        current_quantity=line.current_quantity,
        price=line.original_unit_price_set.shop_money.amount,
        gift_card=line.is_gift_card,
        discount_allocations=tuple(
            wire.DiscountAllocation(amount=one.allocated_amount_set.shop_money.amount)
            for one in line.discount_allocations
        ),
        tax_lines=tuple(wire.TaxLine(title=one.title, rate=one.rate) for one in line.tax_lines),
    )


def _refund(lines: Sequence[wire_graphql.RefundLine]) -> wire.Refund:
    return wire.Refund(
        refund_line_items=tuple(
            wire.RefundLine(
                line_item_id=number_of(one.line_item.id),
                quantity=one.quantity,
                subtotal=one.subtotal_set.shop_money.amount,
                total_tax=one.total_tax_set.shop_money.amount,
            )
            for one in lines
        )
    )
