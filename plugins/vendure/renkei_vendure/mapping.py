"""Vendure's orders and customers as the hub's. Pure tables and functions."""

from datetime import datetime

from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.stage import Item
from renkei_contracts.toolkit.amounts import basis_points, in_yen
from renkei_contracts.toolkit.wire import canonical
from renkei_vendure import wire
from renkei_vendure.amounts import SETTLED, Share, shares, whole_yen

STATES = {
    "ArrangingPayment": OrderState.PLACED,  # placed so early only by a strategy of the shop's own
    "PaymentAuthorized": OrderState.PLACED,
    "PaymentSettled": OrderState.PAID,
    "PartiallyShipped": OrderState.PAID,
    "PartiallyDelivered": OrderState.PAID,
    "Shipped": OrderState.FULFILLED,
    "Delivered": OrderState.FULFILLED,
    "Cancelled": OrderState.CANCELLED,
}

BEING_CHANGED = frozenset({"Modifying", "ArrangingAdditionalPayment"})
"""In these states only the money says whether the order, as it is now, is paid."""

CARTS = frozenset({"Created", "Draft", "AddingItems", "ArrangingPayment"})
"""Not ordered yet."""

SELLERS_PART = "Seller"
"""In a shop of many sellers: a part of another order, which holds the same goods."""


def unit_of(settings: wire.GlobalSettings) -> int:
    """How many of the smallest units are one yen."""
    return int(10**settings.server_config.money_strategy_precision)


def order_state(order: wire.Order) -> OrderState:
    """How far the sale has come; a state of the shop's own making is refused."""
    if order.state in BEING_CHANGED:
        paid = sum(one.amount for one in order.payments or () if one.state == SETTLED)
        return OrderState.PAID if paid >= order.total_with_tax else OrderState.PLACED
    if order.state not in STATES:
        raise PayloadInvalid(f"order {order.id}: its state is a word we do not know")
    return STATES[order.state]


def changed_at(order: wire.Order, placed_at: datetime) -> datetime:
    """The newest moment of what is only ever added to an order, so that it cannot go back.

    Vendure's ``updatedAt`` does: a state transition writes the value back that it has read before.
    States with the same moment are told apart by when they were read.
    """
    moments = [placed_at]
    for payment in order.payments or ():
        moments += [payment.created_at, *(one.created_at for one in payment.refunds)]
    for added in (order.fulfillments, order.modifications):
        moments += [one.created_at for one in added or ()]
    return max(moments)


def to_order(order: wire.Order, connection: str, unit: int) -> Order:
    """The canonical order; raises NotFound for what is none, PayloadInvalid rather than guess."""
    return canonical(f"order {order.id}", lambda: _order(order, connection, unit))


def _order(order: wire.Order, connection: str, unit: int) -> Order:
    placed_at = order.order_placed_at
    if placed_at is None or order.type == SELLERS_PART:
        raise NotFound(f"order {order.id}: Vendure has it, but not as an order of its own")
    buyer = order.customer
    return Order(
        ref=ExternalRef(connection=connection, id=order.id),
        changed_at=changed_at(order, placed_at),
        placed_at=placed_at,
        state=order_state(order),
        number=order.code,
        currency=in_yen(order.currency_code, f"order {order.id}"),
        customer=_registered(buyer, connection),
        identities=_asserted(buyer.email_address, None) if buyer else (),
        lines=tuple(
            _line(line, share) for line, share in zip(order.lines, shares(order, unit), strict=True)
        ),
        shipping=whole_yen(order.shipping_with_tax, unit, f"order {order.id}: shipping"),
    )


def _registered(buyer: wire.Buyer | None, connection: str) -> ExternalRef | None:
    """Who bought. Vendure makes a customer of each guest, too, but what they buy is nobody's."""
    if buyer is None or buyer.user is None:
        return None
    return ExternalRef(connection=connection, id=buyer.id)


def to_member(customer: wire.Customer, connection: str, *, trust_verified_email: bool) -> Member:
    """The canonical member. The points are never read here: they are our own echo."""
    user = customer.user
    proven = trust_verified_email and user is not None and user.verified
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=customer.id, grade=Grade.STRONG
    )
    known = _asserted(customer.email_address, customer.phone_number, email_proven=proven)
    return canonical(
        f"customer {customer.id}",
        lambda: Member(
            ref=ExternalRef(connection=connection, id=customer.id),
            # Following the link in the mail moves the user's clock, not the customer's.
            changed_at=max(customer.updated_at, user.updated_at if user else customer.updated_at),
            family_name=customer.last_name,
            given_name=customer.first_name,
            identities=(own, *known),
        ),
    )


def to_item(goods: wire.Goods, unit: int) -> Item:
    """Goods as a stage offers them."""
    what = f"goods {goods.sku}"
    return Item(
        sku=goods.sku,
        title=goods.name,
        quantity=1,
        yen=whole_yen(goods.price_with_tax, unit, what),
        tax_rate=basis_points(goods.tax_rate_applied.value, what),
    )


def _line(line: wire.Line, share: Share) -> LineItem:
    return LineItem(
        id=line.id,
        sku=line.product_variant.sku,
        title=line.product_variant.name,
        quantity=share.quantity,
        amount=share.amount,
        tax_rate=basis_points(line.tax_rate, f"line {line.id}"),
        returned_quantity=share.returned_quantity,
        returned_amount=share.returned_amount,
    )


def _asserted(email: str, phone: str | None, *, email_proven: bool = False) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if email_proven else Grade.ASSERTED
    mail = [Identity(kind=IdentityKind.EMAIL, value=email, grade=grade)] if email else []
    call = [Identity(kind=IdentityKind.PHONE, value=phone)] if phone else []
    return (*mail, *call)
