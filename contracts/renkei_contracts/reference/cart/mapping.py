"""The cart's orders, customers and products as the hub's. Pure tables and functions."""

import re

from renkei_contracts.capability import Product
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.reference.cart import wire
from renkei_contracts.toolkit.amounts import in_yen
from renkei_contracts.toolkit.shares import divide
from renkei_contracts.toolkit.wire import canonical, known

ORDER_STATES = {
    "open": OrderState.PLACED,
    "paid": OrderState.PAID,
    "sent": OrderState.FULFILLED,
    "cancelled": OrderState.CANCELLED,
}

MEMBER_STATES = {
    "active": MemberState.ACTIVE,
    "blocked": MemberState.SUSPENDED,
    "withdrawn": MemberState.WITHDRAWN,
    "merged": MemberState.MERGED,
}

BASIS_POINTS_A_PERCENT = 100

HOLD = re.compile(r"hld-[a-z0-9]{1,60}")
"""A code that the hub has issued for a hold."""


def to_order(order: wire.Order, connection: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    what = f"order {order.id}"
    currency = in_yen(order.currency, what)
    state = known(ORDER_STATES, order.state, what)
    off = order.coupon.yen if order.coupon else 0
    if order.total != sum(line.amount for line in order.lines) + order.shipping - off:
        raise PayloadInvalid(f"{what}: its total is not the sum of its lines and shipping")
    hold_codes = _hold_codes(order)
    each = divide(0 if hold_codes else off, [line.amount for line in order.lines])
    return canonical(
        what,
        lambda: Order(
            ref=ExternalRef(connection=connection, id=order.id),
            changed_at=order.updated_at,
            placed_at=order.placed_at,
            state=state,
            number=order.number,
            currency=currency,
            customer=_ref(connection, order.customer_id),
            identities=_mail(order.email),
            lines=tuple(map(_line, order.lines, each)),
            shipping=order.shipping,
            hold_codes=hold_codes,
            test=order.test,
        ),
    )


def to_member(customer: wire.Customer, connection: str) -> Member:
    """The canonical member."""
    what = f"customer {customer.id}"
    state = known(MEMBER_STATES, customer.state, what)
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=customer.id),
            changed_at=customer.updated_at,
            state=state,
            merged_into=_ref(connection, customer.merged_into),
            family_name=customer.family_name,
            given_name=customer.given_name,
            identities=_identities(customer, connection),
            points_seen=customer.points,
        ),
    )


def to_product(product: wire.Product, connection: str) -> Product:
    """The canonical product."""
    ref = ExternalRef(connection=connection, id=product.id)
    return Product(ref, product.sku, product.jan, product.title)


def _hold_codes(order: wire.Order) -> tuple[str, ...]:
    """The code of ours that stands for a hold: what it is worth the hub knows."""
    coupon = order.coupon
    return (coupon.code,) if coupon and HOLD.fullmatch(coupon.code) else ()


def _line(line: wire.Line, off: int) -> LineItem:
    """One line, less its share of what a coupon of the shop's took off."""
    amount = line.amount - off
    return LineItem(
        id=line.id,
        sku=line.sku,
        jan=line.jan,
        title=line.title,
        quantity=line.quantity,
        amount=amount,
        tax_rate=line.tax_percent * BASIS_POINTS_A_PERCENT,
        returned_quantity=line.returned_quantity,
        returned_amount=line.returned_amount * amount // (line.amount or 1),
    )


def _identities(customer: wire.Customer, connection: str) -> tuple[Identity, ...]:
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER,
        scope=connection,
        value=customer.id,
        grade=Grade.STRONG,
    )
    return (own, *_mail(customer.email, proven=customer.email_verified), *_phone(customer.phone))


def _mail(address: str | None, *, proven: bool = False) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if proven else Grade.ASSERTED
    return (Identity(kind=IdentityKind.EMAIL, value=address, grade=grade),) if address else ()


def _phone(number: str | None) -> tuple[Identity, ...]:
    return (Identity(kind=IdentityKind.PHONE, value=number),) if number else ()


def _ref(connection: str, id: str | None) -> ExternalRef | None:
    return ExternalRef(connection=connection, id=id) if id else None
