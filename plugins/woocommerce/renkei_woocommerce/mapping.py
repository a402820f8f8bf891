"""WooCommerce's orders and customers as the hub's. Pure tables and functions."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from renkei_contracts.capability import Product
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.amounts import in_yen, whole_yen
from renkei_contracts.toolkit.wire import canonical, known
from renkei_woocommerce import wire
from renkei_woocommerce.amounts import (
    Back,
    before_coupons,
    charged,
    given_back,
    require_told_by_lines,
    returned,
    tax_rate,
)

STATES = {
    "pending": OrderState.PLACED,
    "on-hold": OrderState.PLACED,
    "failed": OrderState.PLACED,  # the payment failed; the shopper may try again
    "processing": OrderState.PAID,
    "completed": OrderState.FULFILLED,
    "refunded": OrderState.PAID,  # its lines are all given back
    "cancelled": OrderState.CANCELLED,
    "trash": OrderState.CANCELLED,
}

DRAFTS = frozenset({"checkout-draft", "auto-draft", "draft", "new"})
"""The block checkout makes drafts and deletes them later: they are no orders."""

HOLD = re.compile(r"hld[_-][a-z0-9_-]{1,60}")
COUPON = re.compile(r"[0-9]{18}")
"""Codes of ours: one that stands for a hold, and a coupon's eighteen digits."""


JAN = re.compile(r"[0-9]{8}|[0-9]{13}")


def states(paid: Sequence[str]) -> Mapping[str, OrderState]:
    """What each status means; those of other plugins are said to be ``paid`` by the settings."""
    return {**dict.fromkeys(paid, OrderState.PAID), **STATES}


def is_whole(order: wire.Order) -> bool:
    """Whether the order says all; it does not say for what money was given back."""
    return not order.refunds and order.status != "refunded"


def to_order(
    order: wire.Order,
    refunds: Sequence[wire.Refund],
    connection: str,
    meaning: Mapping[str, OrderState] = STATES,
) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    what = f"order {order.id}"
    return canonical(what, lambda: _order(order, refunds, connection, meaning, what))


def _order(
    order: wire.Order,
    refunds: Sequence[wire.Refund],
    connection: str,
    meaning: Mapping[str, OrderState],
    what: str,
) -> Order:
    currency = in_yen(order.currency, what)
    state = _state(order, meaning, what)
    gone = state is OrderState.CANCELLED
    ours = _our_codes(order, what, alone=not gone)
    # A cancelled order is worth nothing, whatever its amounts.
    lines = () if gone else _lines(order, refunds, what, ours=bool(ours))
    return Order(
        ref=ExternalRef(connection=connection, id=str(order.id)),
        changed_at=order.date_modified_gmt,
        placed_at=order.date_created_gmt,
        state=state,
        number=order.number,
        currency=currency,
        customer=_customer(order, connection),
        identities=_asserted(order.billing.email, order.billing.phone),
        lines=lines,
        shipping=0 if gone else _shipping(order, what),
        hold_codes=tuple(code for code in ours if HOLD.fullmatch(code)),
        coupons=tuple(code for code in ours if COUPON.fullmatch(code)),
    )


def to_member(
    customer: wire.Customer, connection: str, points_key: str, *, trust_email: bool
) -> Member:
    """The canonical member; a customer without a name of its own has the one on the bill."""
    what = f"customer {customer.id}"
    named = customer if customer.first_name or customer.last_name else customer.billing
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER,
        scope=connection,
        value=str(customer.id),
        grade=Grade.STRONG,
    )
    seen = points_shown(customer, points_key)
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=str(customer.id)),
            changed_at=customer.date_modified_gmt or customer.date_created_gmt,
            family_name=named.last_name,
            given_name=named.first_name,
            identities=(
                own,
                *_asserted(customer.email, customer.billing.phone, proven=trust_email),
            ),
            points_seen=seen,
        ),
    )


def to_product(product: wire.Listed, connection: str) -> Product:
    """The canonical product; a GTIN that is no JAN is none."""
    jan = product.global_unique_id if JAN.fullmatch(product.global_unique_id) else ""
    ref = ExternalRef(connection=connection, id=str(product.id))
    return Product(ref, product.sku, jan, product.name)


def points_shown(customer: wire.Customer, points_key: str) -> int | None:
    """The points in the customer's meta; None where they were never written."""
    values = [str(meta.value) for meta in customer.meta_data if meta.key == points_key]
    if not values:
        return None
    digits = values[0]
    if len(values) > 1 or not (digits.isascii() and digits.isdigit() and len(digits) <= 12):
        raise PayloadInvalid(f"customer {customer.id}: {points_key} holds no whole number")
    return int(digits)


def _state(order: wire.Order, meaning: Mapping[str, OrderState], what: str) -> OrderState:
    state = known(dict(meaning), order.status, what)
    waiting = order.status in ("pending", "on-hold")
    return OrderState.PAID if waiting and order.date_paid_gmt else state


def _our_codes(order: wire.Order, what: str, *, alone: bool) -> tuple[str, ...]:
    """The coupons of ours; ``alone``: beside others, what each took off which line is not told."""
    codes = [coupon.code for coupon in order.coupon_lines]
    ours = tuple(code for code in codes if HOLD.fullmatch(code) or COUPON.fullmatch(code))
    if alone and ours and len(ours) != len(codes):
        raise PayloadInvalid(f"{what}: coupons of ours and of the shop's on one order")
    return ours


def _lines(
    order: wire.Order, refunds: Sequence[wire.Refund], what: str, *, ours: bool
) -> tuple[LineItem, ...]:
    _add_up(order, what)
    rates = {rate.rate_id: rate for rate in order.tax_lines}
    back = given_back(refunds, included=order.prices_include_tax)
    if not set(back) <= {line.id for line in order.line_items}:
        raise PayloadInvalid(f"{what}: a refund names a line that the order does not have")
    whole = _all_back(order, refunds)
    if not whole:
        require_told_by_lines(refunds, _shipping(order, what), what)
    return tuple(
        _line(order, line, rates, None if whole else back.get(line.id, Back()), ours=ours)
        for line in order.line_items
    )


def _line(
    order: wire.Order,
    line: wire.Line,
    rates: Mapping[int, wire.TaxLine],
    back: Back | None,
    *,
    ours: bool,
) -> LineItem:
    """One line; ``back`` None: all of it was given back."""
    what, included = f"line {line.id}", order.prices_include_tax
    paid = charged(line, what, included=included)
    before = before_coupons(line, what, included=included)
    if paid > before:
        raise PayloadInvalid(f"{what}: it costs more after coupons than before")
    amount = before if ours else paid
    rate = tax_rate(line, rates, what)
    pieces, yen = (
        (line.quantity, amount) if back is None else returned(line, amount, paid, back, what)
    )
    return canonical(
        what,
        lambda: LineItem(
            id=str(line.id),
            sku=line.sku or "",
            title=line.name,
            quantity=line.quantity,
            amount=amount,
            tax_rate=rate,
            tax_included=included,
            returned_quantity=pieces,
            returned_amount=yen,
        ),
    )


def _all_back(order: wire.Order, refunds: Sequence[wire.Refund]) -> bool:
    """Whether all the money went back, though perhaps not by lines."""
    paid = sum((refund.amount for refund in refunds), Decimal(0))
    return order.status == "refunded" or (bool(refunds) and 0 < order.total <= paid)


def _add_up(order: wire.Order, what: str) -> None:
    """The total is the sum of its parts, each of which may be a yen off by its rounding."""
    if any(fee.total < 0 for fee in order.fee_lines):
        raise PayloadInvalid(f"{what}: a fee below zero, and nothing says off which goods")
    goods = sum((line.total + line.total_tax for line in order.line_items), Decimal(0))
    fees = sum((fee.total + fee.total_tax for fee in order.fee_lines), Decimal(0))
    parts = goods + fees + order.shipping_total + order.shipping_tax
    if abs(order.total - parts) > len(order.line_items) + len(order.fee_lines) + 1:
        raise PayloadInvalid(f"{what}: its total is not the sum of its lines, fees and shipping")
    off = sum((one.discount + one.discount_tax for one in order.coupon_lines), Decimal(0))
    before = sum((line.subtotal + line.subtotal_tax for line in order.line_items), Decimal(0))
    if abs(before - goods - off) > len(order.line_items) + len(order.coupon_lines):
        raise PayloadInvalid(f"{what}: its coupons are not what its lines were reduced by")


def _shipping(order: wire.Order, what: str) -> int:
    """Postage, and fees such as for cash on delivery."""
    fees = sum((fee.total + fee.total_tax for fee in order.fee_lines), Decimal(0))
    return whole_yen(order.shipping_total + order.shipping_tax + fees, f"{what}.shipping")


def _customer(order: wire.Order, connection: str) -> ExternalRef | None:
    id = order.customer_id
    return ExternalRef(connection=connection, id=str(id)) if id else None


def _asserted(
    email: str | None, phone: str | None, *, proven: bool = False
) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if proven else Grade.ASSERTED
    mail = [Identity(kind=IdentityKind.EMAIL, value=email, grade=grade)] if email else []
    call = [Identity(kind=IdentityKind.PHONE, value=phone)] if phone else []
    return (*mail, *call)
