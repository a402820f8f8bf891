"""The twin's shop: one till, and its sales as ``sale_point`` keeps them.

A sale is open, done when it is paid (then it has its number), and posted when the day is closed. A
done one may be opened again, changed and finished again, or cancelled without its payments; it
keeps its number. A posted one stays as it is. Source: ``sale_point`` 8.2, ``POSSale``.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from renkei_contracts.stage import Item
from renkei_tryton import twin_goods
from renkei_tryton.peer.software import DISCOUNT
from renkei_tryton.twin_goods import CURRENCY, TENDERS, TILL, Row, whole

BASIS_POINTS = 10_000

FIRST_SALE, FIRST_ROW = 1_001, 500_001
"""Ids that cannot be taken for each other, nor for a receipt number or a quantity."""

_NEVER = datetime(1970, 1, 1)  # noqa: DTZ001 - as Tryton has it
_TICK = timedelta(microseconds=1)


class TwinShop:
    """Everything in memory. ``now`` is the server's clock; ``items`` are sold, if there are any."""

    def __init__(self, now: Callable[[], datetime], items: Sequence[Item] = ()) -> None:
        self._now = now
        self._rows = FIRST_ROW
        self.goods = twin_goods.goods(items)
        self.sales: list[Row] = []

    def sell(self, items: Sequence[tuple[str, int]], *, points: int = 0, discount: int = 0) -> Row:
        """Ring up goods by code, pay with points first and the rest in cash."""
        lines = [*items, (DISCOUNT, -discount)] if discount else items
        return self._ring_up(lines, points)

    def give_back(self, items: Sequence[tuple[str, int]]) -> Row:
        """Goods come back for cash: a sale of its own, which names no other."""
        return self._ring_up([(code, -quantity) for code, quantity in items], 0)

    def take_out(self, id: int, code: str, quantity: int) -> Row:
        """Open the sale again, take pieces out, pay back what is too much, finish it again."""
        sale = self._opened(id)
        line = next(line for line in sale["lines"] if line["product"]["code"] == code)
        if quantity > line["quantity"]:
            raise ValueError(f"sale {id} has {line['quantity']:.0f} of {code}")
        line["quantity"] -= quantity
        line["amount"] = _amount(line["unit_gross_price"], line["quantity"])
        sale["lines"] = [line for line in sale["lines"] if line["quantity"]]
        points = sum(one["amount"] for one in sale["payments"] if one["method"]["name"] == "Points")
        self._pay(sale, int(points))
        return self._written(sale, "done")

    def call_off(self, id: int) -> Row:
        """Open the sale again, pay everything back, cancel it."""
        sale = self._opened(id)
        sale["payments"] = []
        return self._written(sale, "cancelled")

    def close_day(self) -> None:
        """Post every finished sale, which touches each once more."""
        for sale in self.sales:
            if sale["state"] == "done":
                self._written(sale, "posted")

    def sale(self, id: int) -> Row:
        """The sale; raises ValueError where there is none."""
        for sale in self.sales:
            if sale["id"] == id:
                return sale
        raise ValueError(f"there is no sale {id}")

    def _ring_up(self, lines: Sequence[tuple[str, int]], points: int) -> Row:
        at = self._instant()
        sale: Row = {
            "id": FIRST_SALE + len(self.sales),
            "number": str(len(self.sales) + 1),
            "date": at.replace(tzinfo=UTC).astimezone(ZoneInfo(twin_goods.ZONE)).date(),
            "create_date": at,
            "point": TILL,
            "company": TILL["company"],
            "currency": CURRENCY,
            "lines": [self._line(code, quantity) for code, quantity in lines],
        }
        self._pay(sale, points)
        self.sales.append(sale)
        return self._written(sale, "done")

    def _line(self, code: str, quantity: int) -> Row:
        if code not in self.goods:
            raise ValueError(f"there is no product {code}")
        product = self.goods[code]
        gross = product["gross_price_used"]
        return {
            "id": self._next(),
            "product": product,
            "quantity": float(quantity),
            "unit_list_price": product["list_price_used"],
            "unit_gross_price": gross,
            "unit_price": gross,
            "amount": _amount(gross, quantity),
        }

    def _pay(self, sale: Row, points: int) -> None:
        total = sum(line["amount"] for line in sale["lines"])
        if not 0 <= points <= max(total, 0):
            raise ValueError(f"{points} points for {total} yen")
        tenders = {"Points": Decimal(points), "Cash": total - points}
        sale["payments"] = [
            {"id": self._next(), "method": TENDERS[name], "amount": amount}
            for name, amount in tenders.items()
            if amount
        ]

    def _opened(self, id: int) -> Row:
        sale = self.sale(id)
        if sale["state"] != "done":
            raise ValueError(f"sale {id} is {sale['state']}: only a finished one is opened again")
        return sale

    def _written(self, sale: Row, state: str) -> Row:
        untaxed = [_amount(line["unit_list_price"], line["quantity"]) for line in sale["lines"]]
        sale["total"] = sum((line["amount"] for line in sale["lines"]), Decimal(0))
        sale["total_tax"] = sale["total"] - sum(untaxed)
        sale["amount_paid"] = sum((one["amount"] for one in sale["payments"]), Decimal(0))
        sale["state"] = state
        # Each change is a transaction of its own, later than the one before.
        sale["write_date"] = max(self._instant(), sale.get("write_date", _NEVER) + _TICK)
        return sale

    def _instant(self) -> datetime:
        """Tryton keeps UTC and does not say so."""
        return self._now().astimezone(UTC).replace(tzinfo=None)

    def _next(self) -> int:
        self._rows += 1
        return self._rows


def owed(sale: Row) -> dict[int, int]:
    """Yen with tax by tax rate in basis points, of what is in the sale now."""
    sums: dict[int, int] = defaultdict(int)
    for line in sale["lines"] if sale["state"] != "cancelled" else ():
        (tax,) = line["product"]["account_category"]["customer_taxes_used"]
        sums[int(tax["rate"] * BASIS_POINTS)] += int(line["amount"])
    return {rate: yen for rate, yen in sums.items() if yen}


def _amount(unit_price: Decimal, quantity: float) -> Decimal:
    """Of a line, rounded once (``on_change_with_amount``)."""
    return whole(Decimal(str(quantity)) * unit_price)
