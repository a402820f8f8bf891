"""The twin's shop: its rows exactly as the interface shows them, with its clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from renkei_contracts.stage import Item, Shopper

Row = dict[str, Any]

CATALOGUE = (
    # The first two together are worth 132 points at 1 in 100, net of tax.
    Item("TETSUBIN-01", "鉄瓶", 1, 11_220, 1000),
    Item("SENCHA-03", "煎茶 3袋", 1, 3_240, 800),
    Item("CHAZUTSU-01", "茶筒", 1, 4_400, 1000),
    Item("SENCHA-01", "煎茶", 1, 1_080, 800),
    Item("FUKURO-01", "紙袋", 1, 77, 1000),
)

SHIPPING = 500
TICK = timedelta(milliseconds=1)


def iso(at: datetime) -> str:
    """Milliseconds, UTC: the resolution of the shop's clock."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


class TwinShop:
    """One shop. Rows share a moment, but one row's moments never repeat."""

    def __init__(self, seed: int, now: Callable[[], datetime], items: Sequence[Item]) -> None:
        self._now = now
        self._numbers = count(seed * 10_000 + 1)
        self.orders: dict[str, Row] = {}
        self.customers: dict[str, Row] = {}
        self.expiry: dict[str, str | None] = {}
        self.levels: dict[tuple[str, str], Row] = {}
        self.coupons: dict[str, Row] = {}
        self.messages: list[tuple[str, str]] = []
        self.settings: Row = {"currency": "JPY", "own_points": False, "webhook_url": None}
        self.products: dict[str, Row] = {}
        self.items = items
        for item in items:
            self._stock_up(item)

    def _stock_up(self, item: Item) -> None:
        number, now = self.number(), iso(self._now())
        row = {"id": f"p{number}", "sku": item.sku, "jan": f"49{number:011d}", "title": item.title}
        self.products[row["id"]] = {**row, "updated_at": now}
        level = {"sku": item.sku, "location": "main", "quantity": 10, "at": now}
        self.levels[item.sku, "main"] = level

    def number(self) -> int:
        """The next number for an id."""
        return next(self._numbers)

    def touch(self, row: Row) -> None:
        """The row changes now: a moment later than before, even within the same one."""
        before = datetime.fromisoformat(row["updated_at"])
        row["updated_at"] = iso(max(self._now(), before + TICK))

    def register(self, shopper: Shopper) -> Row:
        """A new customer, who answered from the address."""
        number = self.number()
        customer: Row = {
            "id": f"c{number}",
            "state": "active",
            "merged_into": None,
            "email": shopper.email or None,
            "email_verified": bool(shopper.email),
            "phone": f"0901{number:07d}",
            "family_name": shopper.family_name,
            "given_name": shopper.given_name,
            "points": 0,
            "updated_at": iso(self._now()),
        }
        self.customers[customer["id"]] = customer
        return customer

    def place(self, customer: str, items: Sequence[Item], code: str | None = None) -> Row:
        """An unpaid order, perhaps with a coupon; an empty customer is a guest."""
        now, number = iso(self._now()), self.number()
        lines = [_line(str(place), item) for place, item in enumerate(items, 1)]
        goods = sum(line["amount"] for line in lines)
        off = min(self.coupons[code]["yen"], goods) if code else 0
        order: Row = {
            "id": f"o{number}",
            "number": str(number),
            "state": "open",
            "currency": "JPY",
            "test": False,
            "placed_at": now,
            "updated_at": now,
            "customer_id": customer or None,
            "email": self.customers[customer]["email"] if customer else "guest@example.jp",
            "lines": lines,
            "shipping": SHIPPING,
            "coupon": {"code": code, "yen": off} if code else None,
            "total": goods + SHIPPING - off,
        }
        self.orders[order["id"]] = order
        return order

    def give_back(self, order: Row, sku: str, quantity: int) -> None:
        """Pieces come back and are refunded."""
        line, amount = _pieces(order, sku, quantity)
        line["returned_quantity"] += quantity
        line["returned_amount"] += amount
        self.touch(order)

    def take_out(self, order: Row, sku: str, quantity: int) -> None:
        """Pieces leave the order, as if they had never been in it."""
        line, amount = _pieces(order, sku, quantity)
        line["quantity"] -= quantity
        line["amount"] -= amount
        order["total"] -= amount
        self.touch(order)

    def become(self, row: Row, state: str, **changed: object) -> None:
        """A row's state changes."""
        row.update(changed, state=state)
        self.touch(row)

    def show_points(self, customer: str, points: int) -> None:
        """The account page shows this from now on."""
        row = self.customers[customer]
        row["points"] = points
        self.touch(row)


def owed(order: Row) -> Mapping[int, int]:
    """Yen by tax rate in basis points, without what came back."""
    by_rate: dict[int, int] = {}
    for line in order["lines"] if order["state"] != "cancelled" else ():
        rate, amount = line["tax_percent"] * 100, line["amount"] - line["returned_amount"]
        by_rate[rate] = by_rate.get(rate, 0) + amount
    return {rate: amount for rate, amount in by_rate.items() if amount}


def page(rows: Iterable[Row], query: Mapping[str, str], size: int) -> Row:
    """Rows within the time asked for, by time and id; the cursor is the last row's."""
    start, end = (datetime.fromisoformat(query[name]) for name in ("from", "to"))
    found = sorted((row for row in rows if start <= _changed(row) < end), key=_place)
    rest = [row for row in found if _place(row) > query.get("cursor", "")]
    more = len(rest) > size
    return {"rows": rest[:size], "next": _place(rest[size - 1]) if more else None}


def _line(id: str, item: Item) -> Row:
    return {
        "id": id,
        "sku": item.sku,
        "title": item.title,
        "quantity": item.quantity,
        "amount": item.yen * item.quantity,
        "tax_percent": item.tax_rate // 100,
        "returned_quantity": 0,
        "returned_amount": 0,
    }


def _pieces(order: Row, sku: str, quantity: int) -> tuple[Row, int]:
    """The line with so many pieces left, and what they cost."""
    for line in order["lines"]:
        if line["sku"] == sku and line["quantity"] - line["returned_quantity"] >= quantity:
            return line, line["amount"] * quantity // line["quantity"]
    raise ValueError(f"order {order['id']} has no {quantity} pieces of {sku} left")


def _changed(row: Row) -> datetime:
    return datetime.fromisoformat(row["updated_at"])


def _place(row: Row) -> str:
    return f"{row['updated_at']}/{row['id']}"
