"""EC-CUBE's orders and customers as the hub's. Pure tables and functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from renkei_contracts.capability import Product
from renkei_contracts.errors import NotYet
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.amounts import in_yen
from renkei_contracts.toolkit.wire import canonical, known
from renkei_eccube import wire
from renkei_eccube.amounts import Basket, Worth, basis_points, basket, whole
from renkei_eccube.settings import EccubeSettings

RETURNED = "9"
"""返品: all of it came back, and the points that were used with it."""

STATES = {
    "1": OrderState.PLACED,  # 新規受付
    "3": OrderState.CANCELLED,  # キャンセル
    "4": OrderState.PLACED,  # 対応中
    "5": OrderState.FULFILLED,  # 発送済み
    "6": OrderState.PAID,  # 入金済み
    RETURNED: OrderState.FULFILLED,
}
"""OrderStatus (dtb mtb_order_status of EC-CUBE 4)."""

CHECKOUT = frozenset({"7", "8"})
"""決済処理中 and 購入処理中: somebody is still buying, or has given it up."""

PROVISIONAL, MEMBER, LEFT = "1", "2", "3"
"""CustomerStatus 仮会員, 本会員, 退会."""


@dataclass(frozen=True)
class Rules:
    """How this shop is to be read: whose points it shows, and what its own statuses mean."""

    own_points: bool
    trust_email: bool
    states: Mapping[str, OrderState]


def rules(settings: EccubeSettings) -> Rules:
    """As the settings say."""
    paid = dict.fromkeys(settings.paid_statuses, OrderState.PAID)
    return Rules(settings.points == "companion", settings.trust_email, {**paid, **STATES})


def to_order(order: wire.Order, connection: str, rules: Rules) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount.

    A checkout that is under way is NotYet.
    """
    what = f"order {order.id}"
    if order.status.id in CHECKOUT:
        raise NotYet(f"{what} is still in the checkout: EC-CUBE tells when it is bought")
    currency = in_yen(order.currency_code, what)
    state = _state(order, rules, what)
    gone = state is OrderState.CANCELLED
    # A cancelled order is worth nothing, whatever its amounts.
    held = Basket((), 0, 0) if gone else basket(order, what, own_points=rules.own_points)
    spent = rules.own_points and not gone and order.status.id != RETURNED
    lines = _lines(held.goods, what, back=order.status.id == RETURNED)
    return canonical(
        what,
        lambda: Order(
            ref=ExternalRef(connection=connection, id=order.id),
            changed_at=order.update_date,
            placed_at=order.order_date or order.create_date,
            state=state,
            number=order.order_no or "",
            currency=currency,
            customer=_ref(order.customer, connection),
            identities=_contacts(order.email, order.phone_number),
            lines=lines,
            shipping=held.shipping,
            points_used=whole(order.use_point, f"{what}: use_point") if spent else 0,
            points_value=held.points_value if spent else 0,
        ),
    )


def to_member(customer: wire.Customer, connection: str, rules: Rules) -> Member:
    """The canonical member. One who left has given up name and address.

    Who has not yet confirmed the address is NotYet a member.
    """
    what = f"customer {customer.id}"
    if customer.status.id == PROVISIONAL:
        raise NotYet(f"{what} has not confirmed the address yet")
    states = {MEMBER: MemberState.ACTIVE, LEFT: MemberState.WITHDRAWN}
    state = known(states, customer.status.id, what)
    active = state is MemberState.ACTIVE
    shown = active and rules.own_points and customer.point >= 0
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=customer.id),
            changed_at=customer.update_date,
            state=state,
            family_name=customer.name01 if active else "",
            given_name=customer.name02 if active else "",
            birthday=customer.birth[5:] if active and customer.birth else "",
            identities=(
                _own(customer.id, connection),
                *(_reached(customer, rules) if active else ()),
            ),
            points_seen=whole(customer.point, f"{what}: point") if shown else None,
        ),
    )


def to_products(product: wire.Product, connection: str) -> Sequence[Product]:
    """A product for each variation that has a code; EC-CUBE knows no JAN."""
    return [
        Product(ExternalRef(connection=connection, id=one.id), one.code, "", product.name)
        for one in product.classes
        if one.visible and one.code
    ]


def _state(order: wire.Order, rules: Rules, what: str) -> OrderState:
    """What is paid for is paid, even where it was not moved on."""
    state = known(dict(rules.states), order.status.id, what)
    return OrderState.PAID if state is OrderState.PLACED and order.payment_date else state


def _lines(goods: Sequence[Worth], what: str, *, back: bool) -> tuple[LineItem, ...]:
    return tuple(_line(item, yen, what, back=back) for item, yen in goods)


def _line(item: wire.OrderItem, yen: int, what: str, *, back: bool) -> LineItem:
    pieces = whole(item.quantity, f"{what}: a quantity")
    rate = basis_points(item, what)
    return canonical(
        what,
        lambda: LineItem(
            id=item.id,
            sku=item.product_code or "",
            title=item.product_name,
            quantity=pieces,
            amount=yen,
            tax_rate=rate,
            returned_quantity=pieces if back else 0,
            returned_amount=yen if back else 0,
        ),
    )


def _ref(customer: wire.Ref | None, connection: str) -> ExternalRef | None:
    return ExternalRef(connection=connection, id=customer.id) if customer else None


def _own(id: str, connection: str) -> Identity:
    kind = IdentityKind.VENDOR_CUSTOMER
    return Identity(kind=kind, scope=connection, value=id, grade=Grade.STRONG)


def _reached(customer: wire.Customer, rules: Rules) -> tuple[Identity, ...]:
    return _contacts(customer.email, customer.phone_number, proven=rules.trust_email)


def _contacts(
    email: str | None, phone: str | None, *, proven: bool = False
) -> tuple[Identity, ...]:
    grade = Grade.VERIFIED if proven else Grade.ASSERTED
    mail = [Identity(kind=IdentityKind.EMAIL, value=email, grade=grade)] if email else []
    call = [Identity(kind=IdentityKind.PHONE, value=phone)] if phone else []
    return (*mail, *call)
