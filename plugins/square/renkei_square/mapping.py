"""Square's orders and customers as the hub's. Pure tables and functions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.wire import canonical, known
from renkei_square import amounts, returns, wire
from renkei_square.settings import PointsBy

STATES = {
    "OPEN": OrderState.PLACED,
    "COMPLETED": OrderState.FULFILLED,
    "CANCELED": OrderState.CANCELLED,  # never a sale that was paid: that one is refunded
}

DRAFT = "DRAFT"

GIFT_CARD = "GIFT_CARD"

TILL = "square"
"""An order does not name the device it was rung up on; its own id is unique anyway."""

UNKNOWN_NAME = "未登録"
"""Sent where Square wants a name and we know none; read back as no name."""


@dataclass(frozen=True)
class Sale:
    """A sale and what has become of it: what is needed to restate it as a whole.

    ``returns`` are the orders by which goods of it came back and were refunded, ``refunds`` those
    that were made; ``points`` are what its loyalty rewards took.
    """

    order: wire.Order
    payments: tuple[wire.Payment, ...] = ()
    refunds: tuple[wire.Refund, ...] = ()
    returns: tuple[wire.Order, ...] = ()
    points: int = 0

    def told_at(self) -> datetime:
        """When the last order about it changed."""
        return max(one.updated_at for one in (self.order, *self.returns))


def to_order(sale: Sale, connection: str, points: PointsBy, discount_name: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    order, what = sale.order, f"order {sale.order.id}"
    if order.returns:
        raise PayloadInvalid(f"{what} takes goods back and sells others: adjust by hand")
    state = known(STATES, order.state, what)
    if state is OrderState.CANCELLED:
        return _restated(sale, connection, state, (), 0, 0)
    amounts.require_sums(order, what)
    # What an open order will take is not taken yet: until then a reward is only locked.
    how: PointsBy = points if state is OrderState.FULFILLED else "none"
    uids = points_discounts(order, how, discount_name)
    lines = tuple(_line(line, order, uids, what) for line in order.line_items)
    back = returns.of(order, sale.refunds, sale.returns, uids)
    lines = tuple(back.taken_off(line) for line in lines)
    worth = sum(amounts.yen(one.applied_money, what) for one in order.discounts if one.uid in uids)
    if how == "rewards":
        # A reward that was redeemed stays so, whatever is given back.
        return _restated(sale, connection, state, lines, sale.points, worth)
    left = worth - back.by_points
    return _restated(sale, connection, state, lines, left, left)


def points_discounts(order: wire.Order, points: PointsBy, discount_name: str) -> frozenset[str]:
    """The uids of those discounts of a sale that pay by points."""
    if points == "none":
        return frozenset()
    if points == "discount":
        named = (one for one in order.discounts if one.name == discount_name)
        return frozenset(one.uid for one in named if not one.reward_ids)
    given = {id for one in order.discounts for id in one.reward_ids}
    if given != {reward.id for reward in order.rewards}:
        raise PayloadInvalid(f"order {order.id}: its rewards are not those of its discounts")
    return frozenset(one.uid for one in order.discounts if one.reward_ids)


def to_member(customer: wire.Customer, connection: str, *, card_in_reference: bool) -> Member:
    """The canonical member. Nobody proved address and phone: staff or the buyer typed them in."""
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=customer.id, grade=Grade.STRONG
    )
    grade = Grade.VERIFIED if card_in_reference else Grade.ASSERTED
    typed = (
        (IdentityKind.CARD, customer.reference_id, grade),
        (IdentityKind.EMAIL, customer.email_address, Grade.ASSERTED),
        (IdentityKind.PHONE, customer.phone_number, Grade.ASSERTED),
    )

    def member() -> Member:
        return Member(
            ref=ExternalRef(connection=connection, id=customer.id),
            changed_at=customer.updated_at,
            family_name=_name(customer.family_name),
            given_name=_name(customer.given_name),
            # The year, 0000 where it is not known, is not passed on.
            birthday=(customer.birthday or "")[5:],
            identities=(
                own,
                *(
                    Identity(kind=kind, value=value, grade=grade)
                    for kind, value, grade in typed
                    if value
                ),
            ),
        )

    return canonical(f"customer {customer.id}", member)


def _restated(
    sale: Sale,
    connection: str,
    state: OrderState,
    lines: tuple[LineItem, ...],
    points: int,
    worth: int,
) -> Order:
    order = sale.order
    customer = _customer(sale)

    def restated() -> Order:
        return Order(
            ref=ExternalRef(connection=connection, id=order.id),
            changed_at=max([sale.told_at(), *(refund.updated_at for refund in sale.refunds)]),
            placed_at=order.created_at,
            state=state,
            customer=ExternalRef(connection=connection, id=customer) if customer else None,
            lines=lines,
            points_used=points,
            points_value=worth,
            till=TillKey(
                store=order.location_id,
                till=TILL,
                business_date=order.created_at.astimezone(JST).date(),
                receipt_number=order.id,
            ),
            location=order.location_id,
        )

    return canonical(f"order {order.id}", restated)


def _customer(sale: Sale) -> str | None:
    """Whose sale it is: by the order, or else by its payments; several customers are nobody."""
    if sale.order.customer_id:
        return sale.order.customer_id
    told = [one.customer_id for one in sale.order.tenders]
    payers = {one for one in (*told, *(one.customer_id for one in sale.payments)) if one}
    return payers.pop() if len(payers) == 1 else None


def _line(line: wire.Line, order: wire.Order, uids: Collection[str], sold: str) -> LineItem:
    what = f"{sold}: line {line.uid}"
    rate, included = amounts.tax_of(line, order, what)
    measured = line.quantity_unit is not None
    return LineItem(
        id=line.uid,
        sku=line.catalog_object_id or "",
        title=" ".join(filter(None, (line.name, line.variation_name)))[:500],
        quantity=amounts.pieces(line.quantity, measured=measured, what=what),
        amount=amounts.line_amount(line, included, uids, what),
        tax_rate=rate,
        tax_included=included,
        earns=line.item_type != GIFT_CARD,
    )


def _name(name: str | None) -> str:
    return "" if name is None or name == UNKNOWN_NAME else name
