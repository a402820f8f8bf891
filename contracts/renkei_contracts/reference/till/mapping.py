"""The register's sales and members as the hub's. Pure tables and functions."""

from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.order import LineItem, Order, OrderState, Tender, TillKey
from renkei_contracts.reference.till import wire
from renkei_contracts.toolkit.wire import canonical, known

SALE_STATES = {"closed": OrderState.FULFILLED, "voided": OrderState.CANCELLED}

MEMBER_STATES = {
    "active": MemberState.ACTIVE,
    "left": MemberState.WITHDRAWN,
    "merged": MemberState.MERGED,
}

BASIS_POINTS_PER_PERCENT = 100


def to_order(sale: wire.Sale, connection: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    what = f"sale {sale.id}"
    state = known(SALE_STATES, sale.status, what)
    return canonical(
        what,
        lambda: Order(
            ref=ExternalRef(connection=connection, id=sale.id),
            changed_at=sale.updated_at,
            placed_at=sale.sold_at,
            state=state,
            number=sale.receipt,
            customer=ExternalRef(connection=connection, id=sale.member) if sale.member else None,
            identities=_card(sale.card),
            lines=tuple(_line(line) for line in sale.lines),
            points_used=sale.points_used,
            points_value=sale.points_used,
            hold_codes=(sale.hold,) if sale.hold else (),
            tenders=tuple(Tender(kind=one.kind, amount=one.amount) for one in sale.payments),
            till=_till_key(sale),
            location=sale.store,
        ),
    )


def to_member(member: wire.Member, connection: str) -> Member:
    """The canonical member."""
    what = f"member {member.id}"
    state = known(MEMBER_STATES, member.status, what)
    into = member.merged_into
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=member.id),
            changed_at=member.updated_at,
            state=state,
            merged_into=ExternalRef(connection=connection, id=into) if into else None,
            family_name=member.family_name,
            given_name=member.given_name,
            identities=_identities(member, connection),
            points_seen=member.points,
        ),
    )


def _identities(member: wire.Member, connection: str) -> tuple[Identity, ...]:
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=member.id, grade=Grade.STRONG
    )
    # A card that was given up may be in other hands by now.
    card = _card(member.card) if member.status == "active" else ()
    # Staff typed the address in; nobody proved it.
    mail = (Identity(kind=IdentityKind.EMAIL, value=member.email),) if member.email else ()
    return (own, *card, *mail)


def _card(card: str | None) -> tuple[Identity, ...]:
    """Whoever shows the card at the register is taken for its member."""
    if not card:
        return ()
    return (Identity(kind=IdentityKind.CARD, value=card, grade=Grade.VERIFIED),)


def _line(line: wire.Line) -> LineItem:
    return LineItem(
        id=str(line.number),
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        amount=line.amount,
        tax_rate=line.tax_percent * BASIS_POINTS_PER_PERCENT,
        returned_quantity=line.returned,
        returned_amount=line.returned_amount,
    )


def _till_key(sale: wire.Sale) -> TillKey:
    return TillKey(
        store=sale.store,
        till=sale.register_no,
        business_date=sale.business_date,
        settlement_count=sale.settlement,
        receipt_number=sale.receipt,
    )
