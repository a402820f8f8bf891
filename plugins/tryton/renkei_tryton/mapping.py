"""Tryton's sales as the hub's. Pure tables and functions."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState, Tender, TillKey
from renkei_contracts.stage import Item
from renkei_contracts.toolkit.amounts import in_yen
from renkei_contracts.toolkit.wire import canonical
from renkei_tryton import wire
from renkei_tryton.amounts import Priced, discounted, priced, tax_rate, whole_yen
from renkei_tryton.settings import TrytonSettings

STATES = {
    "done": OrderState.FULFILLED,  # paid and handed over
    "posted": OrderState.FULFILLED,  # and in the accounts
    "cancelled": OrderState.CANCELLED,  # opened again, paid back and called off
}


def till_name(point: int) -> str:
    """The name of a till in natural keys: its id, since anybody may rename it."""
    return str(point)


def till_key(store: str, point: int, day: date, number: str) -> TillKey:
    """The natural key of a sale: what the poll finds and the register commits are joined by it.

    A Tryton till numbers on through every settlement, so that their count is always 0.
    """
    return TillKey(store=store, till=till_name(point), business_date=day, receipt_number=number)


def to_order(sale: wire.Sale, connection: str, settings: TrytonSettings) -> Order:
    """The canonical order; raises PayloadInvalid rather than giving a wrong amount."""
    return canonical(f"sale {sale.id}", lambda: _order(sale, connection, settings))


def _order(sale: wire.Sale, connection: str, settings: TrytonSettings) -> Order:
    currency = in_yen(sale.currency.code, f"sale {sale.id}")
    state = _state(sale)
    # One that was called off is worth nothing, whatever its lines and what was paid back how.
    gone = state is OrderState.CANCELLED
    tenders = {} if gone else _tenders(sale)
    points = tenders.get(settings.points_tender, 0)
    return Order(
        ref=ExternalRef(connection=connection, id=str(sale.id)),
        changed_at=sale.write_date,
        placed_at=sale.create_date,
        state=state,
        number=sale.number,
        currency=currency,
        lines=() if gone else _lines(sale, settings.discount_codes),
        points_used=points,
        points_value=points,
        tenders=tuple(Tender(kind=kind, amount=yen) for kind, yen in tenders.items()),
        till=till_key(settings.store, sale.point.id, sale.date, sale.number),
        location=settings.store,
    )


def to_item(goods: wire.Goods) -> Item:
    """One piece of a product, as a stage offers it."""
    what = f"product {goods.code}"
    rate = tax_rate(goods.category.taxes, what)
    return Item(goods.code, goods.name, 1, whole_yen(goods.gross, what), rate)


def _state(sale: wire.Sale) -> OrderState:
    if sale.state not in STATES:
        raise PayloadInvalid(f"sale {sale.id}: its state is none of a finished sale")
    return STATES[sale.state]


def _lines(sale: wire.Sale, discount_codes: Collection[str | None]) -> tuple[LineItem, ...]:
    """The goods less every discount. Their sum is the sale's total, to the yen."""
    rows = [priced(line, tax_included=sale.point.tax_included) for line in sale.lines]
    if sum(row.yen for row in rows) != whole_yen(sale.total, f"sale {sale.id}: its total"):
        raise PayloadInvalid(f"sale {sale.id}: its lines do not add up to its total")
    goods = [row for row in rows if row.yen >= 0]
    for row in rows:
        if row.yen >= 0:
            continue
        if row.line.product.code not in discount_codes:
            # Tryton does not say which sale is undone, so no points can be taken back for it.
            raise PayloadInvalid(
                f"sale {sale.id}: goods were taken back, and Tryton does not say from which sale"
            )
        goods = discounted(goods, row)
    return tuple(_line(one) for one in goods)


def _line(good: Priced) -> LineItem:
    line = good.line
    whole = line.quantity == line.quantity.to_integral_value()
    return LineItem(
        id=str(line.id),
        sku=line.product.code or "",
        title=line.product.name or "",
        # Weighed goods are one piece with its price.
        quantity=int(line.quantity) if whole else 1,
        amount=good.yen,
        tax_rate=good.tax_rate,
        tax_included=True,
    )


def _tenders(sale: wire.Sale) -> dict[str, int]:
    """Yen by means of payment; change given is taken off the cash."""
    sums: dict[str, int] = defaultdict(int)
    for payment in sale.payments:
        sums[payment.method.name] += whole_yen(payment.amount, f"sale {sale.id}: a payment")
    return dict(sums)
