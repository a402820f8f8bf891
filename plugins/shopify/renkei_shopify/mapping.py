"""Shopify's orders and customers as the hub's. Pure tables and functions."""

from collections.abc import Sequence

from pydantic import ValidationError

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_shopify import wire
from renkei_shopify.amounts import line_amount, needed, returned, tax_rate, whole_yen

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
        "line_items",
        "refunds",
    }
)
"""Without these nothing can be said about an order's state, amounts or buyer."""

SHIPPING_KEYS = frozenset({"shipping_lines", "total_shipping_price_set"})
"""One of them says what shipping costs."""

LINE_KEYS = frozenset({"id", "quantity", "price", "discount_allocations", "tax_lines"})
REFUND_KEYS = frozenset({"refund_line_items"})
REFUND_LINE_KEYS = frozenset({"line_item_id", "quantity", "subtotal", "total_tax"})


def is_thin(order: wire.Order) -> bool:
    """Whether the payload was trimmed of something that decides state or amounts."""
    refunds = order.refunds or ()
    refund_lines = [one for refund in refunds for one in refund.refund_line_items or ()]
    return (
        bool(ORDER_KEYS - order.model_fields_set)
        or (order.customer is not None and order.customer.id is None)
        or not SHIPPING_KEYS & order.model_fields_set
        or any(LINE_KEYS - line.model_fields_set for line in order.line_items or ())
        or any(REFUND_KEYS - refund.model_fields_set for refund in refunds)
        or any(REFUND_LINE_KEYS - one.model_fields_set for one in refund_lines)
    )


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


def to_order(order: wire.Order, connection: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    id = str(needed(order.id, "order.id"))
    placed = order.processed_at or order.created_at
    shopper = order.customer.id if order.customer else None
    try:
        return Order(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=needed(order.updated_at, "order.updated_at"),
            # An offline register uploads later: the sale happened at processed_at.
            placed_at=needed(placed, "order.created_at"),
            state=order_state(order),
            number=order.name or "",
            currency=needed(order.currency, "order.currency"),
            customer=ExternalRef(connection=connection, id=str(shopper)) if shopper else None,
            identities=_asserted(order.email, order.phone),
            lines=_lines(order),
            shipping=_shipping(order),
            location=str(order.location_id or ""),
            test=needed(order.test, "order.test"),
        )
    except ValidationError as error:
        problem = _problem(f"order {id}", error)
    raise problem


def to_member(customer: wire.Customer, connection: str, *, trust_verified_email: bool) -> Member:
    """The canonical member. The points metafield is never read here: it is our own echo."""
    id = str(needed(customer.id, "customer.id"))
    proven = trust_verified_email and customer.verified_email is True
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=id, grade=Grade.STRONG
    )
    try:
        return Member(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=needed(customer.updated_at, "customer.updated_at"),
            # ``state`` is not read: a guest, too, is "disabled" there, and new accounts ignore it.
            family_name=customer.last_name or "",
            given_name=customer.first_name or "",
            identities=(own, *_asserted(customer.email, customer.phone, email_proven=proven)),
        )
    except ValidationError as error:
        problem = _problem(f"customer {id}", error)
    raise problem


def _problem(what: str, error: ValidationError) -> PayloadInvalid:
    """Names the field only: pydantic's own text would repeat personal data."""
    first = error.errors(include_input=False, include_url=False)[0]
    return PayloadInvalid(f"{what}: {'.'.join(map(str, first['loc']))} ({first['type']})")


def _asserted(
    email: str | None, phone: str | None, *, email_proven: bool = False
) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if email_proven else Grade.ASSERTED
    mail = [Identity(kind=IdentityKind.EMAIL, value=email, grade=grade)] if email else []
    call = [Identity(kind=IdentityKind.PHONE, value=phone)] if phone else []
    return (*mail, *call)


def _lines(order: wire.Order) -> tuple[LineItem, ...]:
    refunds = [
        one
        for refund in needed(order.refunds, "order.refunds")
        for one in needed(refund.refund_line_items, "refund.refund_line_items")
    ]
    lines = needed(order.line_items, "order.line_items")
    if not {one.line_item_id for one in refunds} <= {line.id for line in lines}:
        raise PayloadInvalid("a refund names a line that the order does not have")
    return tuple(_line(line, order, refunds) for line in lines)


def _line(line: wire.LineItem, order: wire.Order, refunds: Sequence[wire.RefundLine]) -> LineItem:
    id = needed(line.id, "line.id")
    what = f"line {id}"
    included = needed(order.taxes_included, "order.taxes_included")
    mine = [one for one in refunds if one.line_item_id == id]
    pieces, yen = returned(line, mine, tax_included=included, what=what)
    amount = line_amount(line, what)
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
    return sum(whole_yen(line.price, "order.shipping") for line in order.shipping_lines or ())
