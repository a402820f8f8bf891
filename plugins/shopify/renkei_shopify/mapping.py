"""Shopify's orders and customers as the hub's. Pure tables and functions."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.amounts import in_yen
from renkei_contracts.toolkit.wire import canonical
from renkei_shopify import codes, goodwill, wire
from renkei_shopify.amounts import line_yen, needed, returned, tax_rate, whole_yen

STATES = {
    None: OrderState.PLACED,  # nothing is known about money yet
    "pending": OrderState.PLACED,
    "authorized": OrderState.PLACED,
    "partially_paid": OrderState.PLACED,
    "expired": OrderState.PLACED,  # the authorization lapsed; the merchant may still be paid
    "paid": OrderState.PAID,
    "partially_refunded": OrderState.PAID,
    "refunded": OrderState.PAID,  # its lines are all given back
    "voided": OrderState.CANCELLED,
}

ORDER_KEYS = frozenset(
    {
        "id",
        "created_at",
        "updated_at",
        "cancelled_at",
        "financial_status",
        "currency",
        "taxes_included",
        "test",
        "customer",
        "discount_codes",
        "line_items",
        "refunds",
    }
)
"""Without these nothing can be said about an order's state, amounts or buyer."""

SOURCE_KEYS = frozenset({"source_name", "source_identifier"})
"""Whose sale it is, where other registers put theirs into the store."""

NO_REGISTERS: Mapping[str, str] = {}

SHIPPING_KEYS = frozenset({"shipping_lines", "total_shipping_price_set"})
"""One of them says what shipping costs."""

LINE_KEYS = frozenset({"id", "quantity", "price", "discount_allocations", "tax_lines"})
REFUND_KEYS = frozenset({"refund_line_items", "refund_shipping_lines", "transactions"})
REFUND_LINE_KEYS = frozenset({"line_item_id", "quantity", "subtotal", "total_tax"})


def is_thin(order: wire.Order, registers: Mapping[str, str] = NO_REGISTERS) -> bool:
    """Whether the payload lacks something that decides state or amounts.

    It may be trimmed. And no webhook says for certain what took how much off which line, nor for
    what money without pieces was given back: where that counts the order is read again, and so it
    is where its lines cost something else together than its own subtotal says.
    """
    refunds = order.refunds or ()
    refund_lines = [one for refund in refunds for one in refund.refund_line_items or ()]
    return (
        bool(ORDER_KEYS - order.model_fields_set)
        or bool(registers and SOURCE_KEYS - order.model_fields_set)
        or _uses_ours(order)
        or (order.customer is not None and order.customer.id is None)
        or not SHIPPING_KEYS & order.model_fields_set
        or any(LINE_KEYS - line.model_fields_set for line in order.line_items or ())
        or any(REFUND_KEYS - refund.model_fields_set for refund in refunds)
        or any(REFUND_LINE_KEYS - one.model_fields_set for one in refund_lines)
        or any(one.refund_shipping_lines or not goodwill.is_told_by_lines(one) for one in refunds)
        or (order.subtotal_price is not None and not _adds_up(order, order.subtotal_price))
    )


def _adds_up(order: wire.Order, subtotal: Decimal) -> bool:
    """Whether the lines cost this together after discounts, as ordered."""
    try:
        return sum(_line_cost(line) for line in order.line_items or ()) == subtotal
    except ArithmeticError:  # beyond what a decimal may be
        return False


def _line_cost(line: wire.LineItem) -> Decimal:
    off = sum((one.amount or Decimal(0) for one in line.discount_allocations or ()), Decimal(0))
    return (line.price or Decimal(0)) * (line.quantity or 0) - off


def order_state(order: wire.Order) -> OrderState:
    """How far the sale has come; a status we do not know is refused."""
    if order.cancelled_at is not None:
        return OrderState.CANCELLED
    status = order.financial_status
    if status not in STATES:
        raise PayloadInvalid("order.financial_status is a word we do not know")
    state = STATES[status]
    if state is OrderState.PAID and order.fulfillment_status == "fulfilled":
        return OrderState.FULFILLED
    return state


def _uses_ours(order: wire.Order) -> bool:
    """Whether a hold or a coupon may have paid a part; at a till a property of the cart says so."""
    given = (one.code or "" for one in order.discount_codes or ())
    at_till = order.location_id is not None
    silent = order.note_attributes is None
    named = ((one.name or "", one.value or "") for one in order.note_attributes or ())
    return any(map(codes.of_ours, given)) or (at_till and silent) or bool(codes.held(named))


def to_order(
    order: wire.Order, connection: str, registers: Mapping[str, str] = NO_REGISTERS
) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount.

    ``registers``: the connections of other vendors' registers, by the source that they are told as.
    """
    id = str(needed(order.id, "order.id"))
    return canonical(f"order {id}", lambda: _order(order, id, connection, registers))


def _order(order: wire.Order, id: str, connection: str, registers: Mapping[str, str]) -> Order:
    shopper = order.customer.id if order.customer else None
    return Order(
        ref=ExternalRef(connection=connection, id=id),
        changed_at=needed(order.updated_at, "order.updated_at"),
        # An offline register uploads later: the sale happened at processed_at.
        placed_at=needed(order.processed_at or order.created_at, "order.created_at"),
        state=order_state(order),
        number=order.name or "",
        currency=in_yen(needed(order.currency, "order.currency"), f"order {id}"),
        customer=ExternalRef(connection=connection, id=str(shopper)) if shopper else None,
        identities=_asserted(order.email, order.phone),
        lines=_lines(order),
        shipping=_shipping(order),
        hold_codes=_codes(order, codes.HOLD),
        coupons=_codes(order, codes.COUPON),
        same_as=_same_as(order, registers),
        location=str(order.location_id or ""),
        test=needed(order.test, "order.test"),
    )


def to_member(customer: wire.Customer, connection: str, *, trust_verified_email: bool) -> Member:
    """The canonical member. The points metafield is never read here: it is our own echo."""
    id = str(needed(customer.id, "customer.id"))
    proven = trust_verified_email and customer.verified_email is True
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=id, grade=Grade.STRONG
    )
    return canonical(
        f"customer {id}",
        lambda: Member(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=needed(customer.updated_at, "customer.updated_at"),
            # ``state`` is not read: a guest, too, is "disabled" there, and new accounts ignore it.
            family_name=customer.last_name or "",
            given_name=customer.first_name or "",
            identities=(own, *_asserted(customer.email, customer.phone, email_proven=proven)),
        ),
    )


def _asserted(
    email: str | None, phone: str | None, *, email_proven: bool = False
) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if email_proven else Grade.ASSERTED
    mail = [Identity(kind=IdentityKind.EMAIL, value=email, grade=grade)] if email else []
    call = [Identity(kind=IdentityKind.PHONE, value=phone)] if phone else []
    return (*mail, *call)


def _lines(order: wire.Order) -> tuple[LineItem, ...]:
    if order_state(order) is OrderState.CANCELLED:
        return ()  # worth nothing, so that nothing in its amounts may keep the cancellation back
    refunds = [
        one
        for refund in needed(order.refunds, "order.refunds")
        for one in needed(refund.refund_line_items, "refund.refund_line_items")
    ]
    lines = needed(order.line_items, "order.line_items")
    if not {one.line_item_id for one in refunds} <= {line.id for line in lines}:
        raise PayloadInvalid("a refund names a line that the order does not have")
    sold = tuple(_line(line, order, refunds) for line in lines)
    if order.financial_status == "refunded":
        return sold  # worth nothing whatever was given back for what
    given_back = goodwill.kept_back(order)
    return goodwill.less(sold, given_back) if given_back else sold


def _codes(order: wire.Order, kind: re.Pattern[str]) -> tuple[str, ...]:
    """Codes of ours that took something off, each once."""
    found = (
        one.code_of_ours
        for line in order.line_items or ()
        for one in line.discount_allocations or ()
    )
    return tuple(dict.fromkeys(code for code in found if kind.fullmatch(code)))


def _same_as(order: wire.Order, registers: Mapping[str, str]) -> tuple[ExternalRef, ...]:
    """The same sale at the register whose vendor has put it into the store."""
    connection = registers.get(order.source_name or "")
    if connection is None:
        return ()
    id = needed(order.source_identifier, "order.source_identifier")
    return (ExternalRef(connection=connection, id=id),)


def _line(line: wire.LineItem, order: wire.Order, refunds: Sequence[wire.RefundLine]) -> LineItem:
    id = needed(line.id, "line.id")
    what = f"line {id}"
    included = needed(order.taxes_included, "order.taxes_included")
    mine = [one for one in refunds if one.line_item_id == id]
    pieces, yen = returned(line, mine, tax_included=included, what=what)
    amount = line_yen(line, what).amount
    return LineItem(
        id=str(id),
        sku=line.sku or "",
        title=line.title or "",
        quantity=needed(line.quantity, what),
        amount=amount,
        tax_rate=tax_rate(line, what),
        tax_included=included,
        returned_quantity=pieces,
        # All the money went back, though perhaps not by lines.
        returned_amount=amount if order.financial_status == "refunded" else yen,
        # Points come when the card is spent, not when it is bought.
        earns=not line.gift_card,
    )


def _shipping(order: wire.Order) -> int:
    total = order.total_shipping_price_set
    if total and total.shop_money:
        return whole_yen(total.shop_money.amount, "order.shipping")
    lines = needed(order.shipping_lines, "order.shipping_lines")
    return sum(whole_yen(line.price, "order.shipping") for line in lines)
