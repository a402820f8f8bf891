"""Color Me Shop's orders and customers as the hub's. Pure tables and functions."""

import re

from renkei_colorme import amounts, wire
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.wire import canonical

BIRTHDAY = re.compile(r"[0-9]{4}-((?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))")
NO_SUCH_DAY = frozenset({"02-30", "02-31", "04-31", "06-31", "09-31", "11-31"})
SPACE = re.compile(r"[ \u3000]")


def to_order(sale: wire.Sale, connection: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    what = f"order {sale.id}"
    _require_unsplit(sale, what)
    gone = sale.canceled
    if not gone:
        _points_agree(sale, what)
    return canonical(
        what,
        lambda: Order(
            ref=ExternalRef(connection=connection, id=str(sale.id)),
            changed_at=sale.update_date,
            placed_at=sale.make_date,
            state=_state(sale),
            number=str(sale.id),
            customer=_member_ref(sale.customer, connection),
            identities=_mail(sale.customer.mail),
            # A cancelled order comes back with its numbers at zero, and is worth nothing anyway.
            lines=() if gone else _lines(sale, what),
            shipping=0 if gone else amounts.shipping(sale),
            points_used=0 if gone else sale.use_points,
            points_value=0 if gone else sale.point_discount,
        ),
    )


def to_member(customer: wire.Customer, connection: str) -> Member:
    """The canonical member; no address is better proven than Color Me Shop says, which is not."""
    id = str(customer.id)
    what = f"customer {id}"
    # One field holds the whole name; most shops have it typed with a space in between.
    family, _, given = SPACE.sub(" ", customer.name or "", count=1).partition(" ")
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=customer.update_date,
            family_name=family,
            given_name=given,
            birthday=_birthday(customer.birthday),
            identities=(_own(id, connection), *_mail(customer.mail), *_phones(customer)),
            points_seen=customer.points,
        ),
    )


def _state(sale: wire.Sale) -> OrderState:
    """What was sent but not paid for (後払い) is only placed: points are for what was paid."""
    if sale.canceled:
        return OrderState.CANCELLED
    if not sale.paid:
        return OrderState.PLACED
    return OrderState.FULFILLED if sale.delivered else OrderState.PAID


def _require_unsplit(sale: wire.Sale, what: str) -> None:
    """Which of a split order holds what is not documented, nor what cancelling one of them means.

    One that was not split may name itself as its parent.
    """
    cut = sale.segment
    if cut is not None and (cut.splitted or cut.parent_sale_id != sale.id):
        raise PayloadInvalid(f"{what}: the shop split order {cut.parent_sale_id}: adjust by hand")


def _points_agree(sale: wire.Sale, what: str) -> None:
    if bool(sale.use_points) != bool(sale.point_discount):
        raise PayloadInvalid(f"{what}: points used and their discount contradict each other")


def _lines(sale: wire.Sale, what: str) -> tuple[LineItem, ...]:
    tax_included, worth = amounts.line_amounts(sale, what)
    return tuple(
        LineItem(
            id=str(line.id),
            sku=line.product_model_number or "",
            title=line.pristine_product_full_name or line.product_name or "",
            quantity=line.product_num,
            amount=yen,
            tax_rate=amounts.rate(line),
            tax_included=tax_included,
        )
        for line, yen in zip(sale.details, worth, strict=True)
    )


def _member_ref(buyer: wire.Buyer, connection: str) -> ExternalRef | None:
    """A guest's id is thrown away: the same person gets another one next time."""
    return ExternalRef(connection=connection, id=str(buyer.id)) if buyer.member else None


def _own(id: str, connection: str) -> Identity:
    kind = IdentityKind.VENDOR_CUSTOMER
    return Identity(kind=kind, scope=connection, value=id, grade=Grade.STRONG)


def _mail(address: str | None) -> tuple[Identity, ...]:
    return (Identity(kind=IdentityKind.EMAIL, value=address),) if address else ()


def _phones(customer: wire.Customer) -> tuple[Identity, ...]:
    numbers = dict.fromkeys(filter(None, (customer.tel, customer.tel_mobile)))
    return tuple(Identity(kind=IdentityKind.PHONE, value=number) for number in numbers)


def _birthday(text: str | None) -> str:
    """Month and day; Color Me Shop takes any text for a birthday, and no day is guessed from it."""
    found = BIRTHDAY.fullmatch(text or "")
    day = found[1] if found else ""
    return "" if day in NO_SUCH_DAY else day
