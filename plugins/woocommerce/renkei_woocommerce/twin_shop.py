"""The twin's shop: its rows exactly as the REST API shows them, with its clock of whole seconds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from typing import Any

from renkei_contracts.stage import Item, Shopper
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.shares import divide
from renkei_contracts.twin.shop import CATALOGUE

Row = dict[str, Any]

POSTAGE, POSTAGE_TAX = 455, 45
POINTS_KEY = "_renkei_points"
RATES = {1000: 1, 800: 2}
"""The id of each tax rate, by its basis points."""
EMPTY = {
    "first_name": "", "last_name": "", "company": "", "address_1": "", "address_2": "", "city": "",
    "postcode": "", "country": "JP", "state": "JP13",
}  # fmt: skip


def yen(amount: Decimal | int) -> str:
    """An amount with the decimals of a shop that sells in yen: none."""
    return str(Decimal(amount).quantize(Decimal(1), ROUND_HALF_UP))


def times(name: str, at: datetime | None) -> Row:
    """A moment in the shop's zone and in UTC, neither of which it names."""
    if at is None:
        return {name: None, f"{name}_gmt": None}
    return {
        name: at.astimezone(JST).strftime("%Y-%m-%dT%H:%M:%S"),
        f"{name}_gmt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }


def parts(gross: int, rate: int) -> tuple[Decimal, Decimal]:
    """An amount with tax as WooCommerce keeps it: without, and the tax."""
    net = Decimal(gross) * 10_000 / (10_000 + rate)
    return net, gross - net


class TwinShop:
    """One shop whose prices include tax. What changes twice in a second says the same time."""

    def __init__(self, now: Callable[[], datetime], items: Sequence[Item], seed: int) -> None:
        self._now = now
        self._numbers = count(seed * 1_000 + 1)
        self.items = items or CATALOGUE
        self.orders: dict[int, Row] = {}
        self.customers: dict[int, Row] = {}
        self.refunds: dict[int, list[Row]] = {}
        self.products: dict[int, Row] = {}
        self.coupons: dict[int, Row] = {}
        self.webhooks: dict[int, Row] = {}
        for item in self.items:
            self._stock_up(item)

    def number(self) -> int:
        """The next id."""
        return next(self._numbers)

    def now(self) -> datetime:
        """The second it is."""
        return self._now().astimezone(UTC).replace(microsecond=0)

    def touch(self, row: Row) -> Row:
        """The row changes now."""
        row.update(times("date_modified", self.now()))
        return row

    def _stock_up(self, item: Item) -> None:
        id = self.number()
        told = {"id": id, "parent_id": 0, "type": "simple", "name": item.title, "sku": item.sku}
        told["global_unique_id"] = f"49{id:011d}"
        stock = {"manage_stock": True, "stock_quantity": 10, "price": str(item.yen)}
        self.products[id] = self.touch({**told, **stock, **times("date_created", self.now())})

    def register(self, shopper: Shopper) -> Row:
        """A new customer, whom a plugin of the shop has proven the address of."""
        id, now = self.number(), self.now()
        phone = f"0901{id:07d}"
        row: Row = {
            "id": id,
            **times("date_created", now),
            **times("date_modified", now),
            "email": shopper.email,
            "first_name": shopper.given_name,
            "last_name": shopper.family_name,
            "role": "customer",
            "username": f"user{id}",
            "billing": {**EMPTY, "email": shopper.email, "phone": phone},
            "shipping": {**EMPTY, "phone": ""},
            "is_paying_customer": False,
            "avatar_url": "",
            "meta_data": [],
        }
        self.customers[id] = row
        return row

    def rename(self, row: Row, shopper: Shopper) -> None:
        """Another name and address."""
        names = {"first_name": shopper.given_name, "last_name": shopper.family_name}
        row.update(names, email=shopper.email)
        row["billing"]["email"] = shopper.email
        self.touch(row)

    def set_meta(self, row: Row, key: str, value: object) -> None:
        """One value by its key."""
        for meta in row["meta_data"]:
            if meta["key"] == key:
                meta["value"] = value
                break
        else:
            row["meta_data"].append({"id": self.number(), "key": key, "value": value})
        self.touch(row)

    def place(self, customer: int, items: Sequence[Item]) -> Row:
        """An unpaid order; 0 is a guest."""
        id, now = self.number(), self.now()
        holder = self.customers.get(customer)
        billing = {**EMPTY, "email": "guest@example.jp", "phone": ""}
        row: Row = {
            "id": id,
            "parent_id": 0,
            "number": str(id),
            "order_key": f"wc_order_{id}",
            "created_via": "checkout",
            "version": "9.4.0",
            "status": "pending",
            "currency": "JPY",
            "prices_include_tax": True,
            **times("date_created", now),
            **times("date_modified", now),
            **times("date_paid", None),
            **times("date_completed", None),
            "customer_id": customer,
            "billing": dict(holder["billing"]) if holder else billing,
            "shipping": {**EMPTY, "phone": ""},
            "payment_method": "stripe",
            "transaction_id": "",
            "cart_hash": "",
            "meta_data": [],
            "line_items": [self._line(item) for item in items],
            "shipping_lines": [{"id": self.number(), "total": yen(POSTAGE)}],
            "fee_lines": [],
            "coupon_lines": [],
            "refunds": [],
        }
        self.orders[id] = row
        self.refunds[id] = []
        self._sum(row)
        return row

    def use(self, row: Row, code: str) -> None:
        """A coupon takes its yen off each line in proportion."""
        coupon = next(one for one in self.coupons.values() if one["code"] == code)
        lines = row["line_items"]
        whole = [self.item(line["sku"]).yen * line["quantity"] for line in lines]
        off = divide(min(int(coupon["amount"]), sum(whole)), whole)
        for line, gross, less in zip(lines, whole, off, strict=True):
            net, tax = parts(gross - less, self.item(line["sku"]).tax_rate)
            line.update(total=yen(net), total_tax=yen(tax))
            line["taxes"][0]["total"] = str(tax.quantize(Decimal("0.000001")))
        self._sum(row)
        net_off, tax_off = (
            yen(sum(int(line[f"subtotal{part}"]) - int(line[f"total{part}"]) for line in lines))
            for part in ("", "_tax")
        )
        used = {"id": self.number(), "code": code, "discount": net_off, "discount_tax": tax_off}
        row.update(discount_total=net_off, discount_tax=tax_off, coupon_lines=[used])

    def move(self, row: Row, status: str) -> None:
        """The order's status changes."""
        row["status"] = status
        if status == "processing":
            row.update(times("date_paid", self.now()))
        if status == "completed":
            row.update(times("date_completed", self.now()))
        self.touch(row)

    def take_out(self, row: Row, sku: str, quantity: int) -> None:
        """Pieces leave the order, which is calculated again."""
        line = self.line(row, sku)
        left = line["quantity"] - quantity
        if left:
            line.update(self._amounts(self.item(sku), left))
        else:
            row["line_items"].remove(line)
        self._sum(row)
        self.touch(row)

    def give_back(self, row: Row, sku: str, quantity: int) -> None:
        """Pieces come back and are refunded."""
        line, item = self.line(row, sku), self.item(sku)
        net, tax = parts(item.yen * quantity, item.tax_rate)
        back = {
            "id": self.number(),
            "name": line["name"],
            "product_id": line["product_id"],
            "variation_id": 0,
            "quantity": -quantity,
            "tax_class": line["tax_class"],
            "subtotal": f"-{yen(net)}",
            "subtotal_tax": f"-{yen(tax)}",
            "total": f"-{yen(net)}",
            "total_tax": f"-{yen(tax)}",
            "taxes": [],
            "meta_data": [
                {"id": self.number(), "key": "_refunded_item_id", "value": str(line["id"])}
            ],
            "sku": sku,
            "price": -item.yen,
        }
        id, amount = self.number(), yen(item.yen * quantity)
        self.refunds[row["id"]].append(
            {
                "id": id,
                **times("date_created", self.now()),
                "amount": amount,
                "reason": "",
                "refunded_by": 1,
                "refunded_payment": True,
                "meta_data": [],
                "line_items": [back],
            }
        )
        row["refunds"].append({"id": id, "reason": "", "total": f"-{amount}"})
        self.touch(row)

    def line(self, row: Row, sku: str) -> Row:
        """The order's line of a product."""
        found: Row = next(line for line in row["line_items"] if line["sku"] == sku)
        return found

    def item(self, sku: str) -> Item:
        """What is sold under it."""
        return next(item for item in self.items if item.sku == sku)

    def owed(self, row: Row) -> Mapping[int, int]:
        """Yen by tax rate in basis points, without what came back."""
        by_rate: dict[int, int] = {}
        for line in row["line_items"] if row["status"] != "cancelled" else ():
            item = self.item(line["sku"])
            left = line["quantity"] - self._came_back(row, line)
            by_rate[item.tax_rate] = by_rate.get(item.tax_rate, 0) + item.yen * left
        return {rate: amount for rate, amount in by_rate.items() if amount}

    def _came_back(self, row: Row, line: Row) -> int:
        return -sum(
            int(back["quantity"])
            for refund in self.refunds[row["id"]]
            for back in refund["line_items"]
            if back["meta_data"][0]["value"] == str(line["id"])
        )

    def _line(self, item: Item) -> Row:
        product = next(one for one in self.products.values() if one["sku"] == item.sku)
        return {
            "id": self.number(),
            "name": item.title,
            "product_id": product["id"],
            "variation_id": 0,
            "tax_class": "" if item.tax_rate == 1000 else "reduced-rate",
            "meta_data": [],
            "sku": item.sku,
            **self._amounts(item, item.quantity),
        }

    def _amounts(self, item: Item, quantity: int) -> Row:
        net, tax = parts(item.yen * quantity, item.tax_rate)
        exact = str(tax.quantize(Decimal("0.000001")))
        return {
            "quantity": quantity,
            "subtotal": yen(net),
            "subtotal_tax": yen(tax),
            "total": yen(net),
            "total_tax": yen(tax),
            "taxes": [{"id": RATES[item.tax_rate], "total": exact, "subtotal": exact}],
            "price": float(round(net / quantity, 6)),
        }

    def _sum(self, row: Row) -> None:
        tax = sum(int(line["total_tax"]) for line in row["line_items"])
        net = sum(int(line["total"]) for line in row["line_items"])
        rates = sorted({line["taxes"][0]["id"] for line in row["line_items"]})
        row.update(
            discount_total="0",
            discount_tax="0",
            shipping_total=yen(POSTAGE),
            shipping_tax=yen(POSTAGE_TAX),
            cart_tax=yen(tax),
            total=yen(net + tax + POSTAGE + POSTAGE_TAX),
            total_tax=yen(tax + POSTAGE_TAX),
            tax_lines=[self._tax_line(id) for id in rates],
        )

    def _tax_line(self, id: int) -> Row:
        percent = next(rate // 100 for rate, known in RATES.items() if known == id)
        named = {"id": self.number(), "rate_code": f"JP-TAX-{id}", "rate_id": id, "label": "消費税"}
        return {**named, "compound": False, "rate_percent": percent, "meta_data": []}


def changed(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """What changed between the ends, which are left out, by second and id, without ``exclude``."""
    start, end = query["modified_after"], query["modified_before"]
    out = {int(id) for id in query.get("exclude", "").split(",") if id}
    found = [row for row in rows if start < row["date_modified_gmt"] < end]
    ordered = sorted(found, key=lambda row: (row["date_modified_gmt"], row["id"]))
    return [row for row in ordered if row["id"] not in out]
