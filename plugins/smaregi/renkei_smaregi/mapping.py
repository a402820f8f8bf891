"""Smaregi's transactions and members as the hub's. Pure tables and functions."""

from datetime import datetime

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.wire import canonical
from renkei_smaregi import amounts, wire

SALE = "1"
"""The one transactionHeadDivision that is a sale; 6, 7 and 8 are points, 2 to 5 cash, and so on."""

CANCELLED = "1"
ORIGINAL_DISPOSED, DISPOSING_RECORD = "1", "2"
RETURN_SALE = "1"
RETURN_LINE = "2"
UNTOLD = frozenset({None, "", "0"})
"""Of these divisions 0 is none, and they may be left out; any other word is refused."""

LINE_DIVISIONS = frozenset({"1", "3"})
"""transactionDetailDivision: a product, or an amount keyed into a category."""

NOT_EARNING = "1"

NO_CUSTOMER = (None, "", "0")

WITHDRAWN = "3"

STATES = {
    "0": MemberState.ACTIVE,
    "1": MemberState.SUSPENDED,
    "2": MemberState.SUSPENDED,  # the card was lost
    WITHDRAWN: MemberState.WITHDRAWN,
    "4": MemberState.MERGED,  # by name-matching (名寄せ); into whom is not told
}

WITH_CARD = frozenset({"0", "1"})
"""Only then is the code proof of who holds it: a lost or given-up card may be in other hands."""

UNKNOWN_NAME = "未登録"
"""Sent where a name is required and we know none; read back as no name."""


def is_sale(sale: wire.Transaction) -> bool:
    """Whether the transaction is one that points are earned or used in."""
    division = amounts.needed(sale.transaction_head_division, "transactionHeadDivision")
    return division == SALE


def to_order(sale: wire.Transaction, connection: str) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    id = amounts.needed(sale.transaction_head_id, "transactionHeadId")
    what = f"transaction {id}"
    _require_known_divisions(sale, what)
    gone = _is_gone(sale)
    if not gone and sale.return_sales == RETURN_SALE:
        # Nothing says which sale the goods came from, so that nobody's points can be corrected.
        raise PayloadInvalid(f"{what} is a return without its sale (返品販売): adjust by hand")
    return canonical(
        what,
        lambda: Order(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=_changed_at(sale, what),
            placed_at=_sold_at(sale, what),
            state=OrderState.CANCELLED if gone else OrderState.FULFILLED,
            number=sale.transaction_uuid or "",
            customer=_customer(sale, connection),
            identities=_card(sale.customer_code or _code_of(sale.customer)),
            # A voided sale is worth nothing whatever its numbers, which may be negative by now.
            lines=() if gone else _lines(sale, what),
            shipping=0 if gone else _yen(sale.carriage, f"{what}.carriage"),
            points_used=0 if gone else _yen(sale.spend_point, f"{what}.spendPoint"),
            points_value=0 if gone else _yen(sale.point_discount, f"{what}.pointDiscount"),
            till=_till(sale, what),
            location=sale.store_id or "",
        ),
    )


def to_member(customer: wire.Customer, connection: str) -> Member:
    """The canonical member."""
    id = amounts.needed(customer.customer_id, "customerId")
    what = f"customer {id}"
    if customer.upd_date_time is None:
        raise PayloadInvalid(f"{what}.updDateTime is missing")
    state = STATES.get(customer.status or "")
    if state is None:
        raise PayloadInvalid(f"{what}.status is a word we do not know")
    return canonical(
        what,
        lambda: Member(
            ref=ExternalRef(connection=connection, id=id),
            changed_at=customer.upd_date_time,
            state=state,
            family_name=_name(customer.last_name),
            given_name=_name(customer.first_name),
            identities=_identities(customer, id, connection),
        ),
    )


def disposed_original(sale: wire.Transaction) -> str | None:
    """The id of the sale that this record undoes, where it is such a record and says so."""
    original = sale.dispose_server_transaction_head_id
    return original if sale.dispose_division == DISPOSING_RECORD and original else None


def told_by(order: Order, record: wire.Transaction) -> Order:
    """The sale as the record that undoes it tells of it: not older than that.

    Whether undoing a sale touches the sale's own updDateTime is not documented.
    """
    at = max(order.changed_at, record.upd_date_time or order.changed_at)
    return order.model_copy(update={"changed_at": at})


def _require_known_divisions(sale: wire.Transaction, what: str) -> None:
    """Refuse a division of another value: whether the sale still counts would be a guess."""
    told = {
        "cancelDivision": (sale.cancel_division, {CANCELLED}),
        "disposeDivision": (sale.dispose_division, {ORIGINAL_DISPOSED, DISPOSING_RECORD}),
        "returnSales": (sale.return_sales, {RETURN_SALE}),
    }
    for name, (word, known) in told.items():
        if word not in UNTOLD | known:
            raise PayloadInvalid(f"{what}.{name} is a word we do not know")


def _is_gone(sale: wire.Transaction) -> bool:
    """Voided (取消), undone by another record (返品取消), or that record itself.

    The original already counts as nothing; were its counter-record a sale of its own with negative
    amounts, the points would be taken twice.
    """
    disposed = sale.dispose_division in (ORIGINAL_DISPOSED, DISPOSING_RECORD)
    return sale.cancel_division == CANCELLED or disposed


def _changed_at(sale: wire.Transaction, what: str) -> datetime:
    if sale.upd_date_time is None:
        raise PayloadInvalid(f"{what}.updDateTime is missing")
    # It is not documented that undoing a sale touches the original's updDateTime.
    return max(sale.upd_date_time, sale.cancel_date_time or sale.upd_date_time)


def _sold_at(sale: wire.Transaction, what: str) -> datetime:
    # transactionDateTime is when it reached the server; a till that was offline uploads later.
    sold = sale.terminal_tran_date_time or sale.transaction_date_time
    if sold is None:
        raise PayloadInvalid(f"{what}.terminalTranDateTime is missing")
    return sold


def _till(sale: wire.Transaction, what: str) -> TillKey | None:
    store, till, receipt = sale.store_id, sale.terminal_id, sale.terminal_tran_id
    if not (store and till and receipt):
        return None
    # sumDate would be the store's day, but is empty until the day is closed: the key would change.
    day = _sold_at(sale, what).astimezone(JST).date()
    return TillKey(store=store, till=till, business_date=day, receipt_number=receipt)


def _customer(sale: wire.Transaction, connection: str) -> ExternalRef | None:
    if sale.customer_id in NO_CUSTOMER:
        return None
    return ExternalRef(connection=connection, id=str(sale.customer_id))


def _code_of(customer: wire.Customer | None) -> str | None:
    return customer.customer_code if customer else None


def _card(code: str | None) -> tuple[Identity, ...]:
    # The till scanned it, or staff keyed it in from the card: whoever holds the card is the member.
    if not code:
        return ()
    return (Identity(kind=IdentityKind.CARD, value=code, grade=Grade.VERIFIED),)


def _identities(customer: wire.Customer, id: str, connection: str) -> tuple[Identity, ...]:
    own = Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=connection, value=id, grade=Grade.STRONG
    )
    card = _card(customer.customer_code) if customer.status in WITH_CARD else ()
    return (own, *card, *_asserted(customer))


def _asserted(customer: wire.Customer) -> tuple[Identity, ...]:
    """Addresses that staff typed in; nobody proved them."""
    mails = (customer.mail_address, customer.mail_address2, customer.mail_address3)
    phones = (customer.phone_number, customer.mobile_number)
    kinds = {IdentityKind.EMAIL: mails, IdentityKind.PHONE: phones}
    return tuple(
        Identity(kind=kind, value=value)
        for kind, values in kinds.items()
        for value in dict.fromkeys(filter(None, values))
    )


def _name(name: str | None) -> str:
    return "" if name is None or name == UNKNOWN_NAME else name


def _yen(text: str | None, what: str) -> int:
    value = amounts.positive(amounts.whole(text, what), what)
    if value > MAX_AMOUNT:
        raise PayloadInvalid(f"{what} is too large")
    return value


def _lines(sale: wire.Transaction, what: str) -> tuple[LineItem, ...]:
    if sale.details is None:
        raise PayloadInvalid(f"{what}.details is missing")
    lines = tuple(_line(line, sale, what) for line in sale.details)
    try:
        amounts.require_sums(sale, sale.details)
    except PayloadInvalid as error:
        raise PayloadInvalid(f"{what}: {error}") from None
    return lines


def _line(line: wire.Detail, sale: wire.Transaction, sold: str) -> LineItem:
    id = amounts.needed(line.transaction_detail_id, f"{sold}: transactionDetailId")
    what = f"{sold}: line {id}"
    if line.transaction_detail_division == RETURN_LINE:
        raise PayloadInvalid(f"{what} gives goods back without their sale: adjust by hand")
    if line.transaction_detail_division not in LINE_DIVISIONS:
        raise PayloadInvalid(f"{what}: transactionDetailDivision is a word we do not know")
    quantity = amounts.whole(amounts.needed(line.quantity, f"{what}.quantity"), what)
    return LineItem(
        id=id,
        sku=line.product_code or "",
        title=line.product_name or "",
        quantity=amounts.positive(quantity, f"{what}.quantity"),
        amount=amounts.line_amount(line, what),
        tax_rate=amounts.tax_rate(line, sale, what),
        tax_included=amounts.tax_included(line, what),
        earns=line.point_not_applicable != NOT_EARNING,
    )
