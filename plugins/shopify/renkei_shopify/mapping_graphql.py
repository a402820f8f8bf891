"""GraphQL answers in the shape of the webhooks, so that one mapping serves both. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal

from renkei_contracts.errors import PayloadInvalid
from renkei_shopify import codes, wire, wire_graphql

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
    refunds: Sequence[tuple[wire_graphql.Refund, Sequence[wire_graphql.RefundLine]]],
) -> wire.Order:
    """An order, all of its lines, and each of its refunds with all of its lines."""
    hold = codes.held((one.key, one.value or "") for one in node.custom_attributes)
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
        source_name=node.source_name,
        source_identifier=node.source_identifier,
        customer=wire.Customer(id=shopper.legacy_resource_id) if shopper else None,
        line_items=tuple(_line(line, hold) for line in lines),
        refunds=tuple(_refund(*one) for one in refunds),
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


def _line(line: wire_graphql.LineItem, hold: str) -> wire.LineItem:
    return wire.LineItem(
        id=number_of(line.id),
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        current_quantity=line.current_quantity,
        price=line.original_unit_price_set.shop_money.amount,
        gift_card=line.is_gift_card,
        discount_allocations=tuple(
            wire.DiscountAllocation(
                amount=one.allocated_amount_set.shop_money.amount,
                code_of_ours=_ours(one.discount_application, hold),
            )
            for one in line.discount_allocations
        ),
        tax_lines=tuple(wire.TaxLine(title=one.title, rate=one.rate) for one in line.tax_lines),
    )


def _ours(discount: wire_graphql.DiscountApplication, hold: str) -> str:
    """The hold or coupon that a discount comes from; at a till its title says that it is points."""
    if discount.code is not None:
        return codes.of_ours(discount.code)
    return hold if (discount.title or "").startswith(codes.POINTS_TITLE) else ""


def _refund(head: wire_graphql.Refund, lines: Sequence[wire_graphql.RefundLine]) -> wire.Refund:
    parts = (head.transactions.page_info, head.refund_shipping_lines.page_info)
    if any(info.has_next_page for info in parts):
        raise PayloadInvalid("a refund has more transactions or shipping than one reading names")
    shipping = [
        wire.RefundShippingLine(
            subtotal=one.subtotal_amount_set.shop_money.amount,
            total_tax=one.tax_amount_set.shop_money.amount,
        )
        for one in head.refund_shipping_lines.nodes
    ]
    # Customs duty is none of the goods' price, either.
    duties = [
        wire.RefundShippingLine(subtotal=one.amount_set.shop_money.amount, total_tax=Decimal(0))
        for one in head.duties or ()
    ]
    return wire.Refund(
        refund_line_items=tuple(_refund_line(one) for one in lines),
        refund_shipping_lines=(*shipping, *duties),
        transactions=tuple(
            wire.Transaction(
                kind=one.kind.lower(),
                status=one.status.lower(),
                amount=one.amount_set.shop_money.amount,
            )
            for one in head.transactions.nodes
        ),
    )


def _refund_line(one: wire_graphql.RefundLine) -> wire.RefundLine:
    return wire.RefundLine(
        line_item_id=number_of(one.line_item.id),
        quantity=one.quantity,
        subtotal=one.subtotal_set.shop_money.amount,
        total_tax=one.total_tax_set.shop_money.amount,
    )
