"""The twin's books: customers, orders and coupons, in the shapes that the shop shows."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from renkei_contracts.stage import Item, Shopper

Row = dict[str, Any]

ACCOUNT = "PA00000001"
DELIVERY = 550
"""Yen for sending a parcel."""

REDUCED = 800
PERCENT = {True: 8, False: 10}

NOTHING = (
    "fee", "noshi_total_charge", "card_total_charge", "wrapping_total_charge", "point_discount",
    "gmo_point_discount", "other_discount", "granted_points", "use_points", "granted_gmo_points",
    "use_gmo_points", "granted_yahoo_points", "use_yahoo_points",
)  # fmt: skip
"""Amounts that are 0 in an order without extras."""

UNSENT = ("accepted", "paid", "delivered")


class Refused(Exception):
    """The shop refuses: a code and message as its own."""

    def __init__(self, code: int, message: str, field: str) -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class TwinShop:
    """Rows by id. ``clock`` gives the time of every change, told in whole seconds."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.customers: dict[int, Row] = {}
        self.sales: dict[int, Row] = {}
        self.coupons: dict[int, Row] = {}
        self._numbers = count(1001)
        self._products: dict[str, int] = {}

    def number(self) -> int:
        """A new id."""
        return next(self._numbers)

    def second(self) -> int:
        """Now, in unix seconds."""
        return int(self.clock().timestamp())

    def register(self, shopper: Shopper, *, member: bool = True) -> Row:
        """A new customer; a guest gets a row of their own each time."""
        at = self.second()
        row = _customer(self.number(), shopper, at, member=member)
        self.customers[row["id"]] = row
        return row

    def rename(self, id: int, shopper: Shopper) -> None:
        """Another name and address."""
        row = self.customers[id]
        row.update(name=_name(shopper), mail=shopper.email, update_date=self.second())

    def set_points(self, id: int, points: int) -> None:
        """The merchant writes another number."""
        self.customers[id].update(points=points, update_date=self.second())

    def add_points(self, id: int, change: int) -> int:
        """The balance after a change; none goes below zero."""
        row = self.customers[id]
        if row["points"] + change < 0:
            raise Refused(422014, "ポイントが不足しています。", "customer.points")
        self.set_points(id, row["points"] + change)
        return int(row["points"])

    def place(self, customer: Row, items: Sequence[Item]) -> Row:
        """A new order, paid for; prices hold their tax (内税)."""
        id, at = self.number(), self.second()
        details = [self._detail(id, item) for item in items]
        sale = _sale(id, at, {k: v for k, v in customer.items() if k != "memo"}, details)
        self.sales[id] = sale
        self.add_up(sale)
        return sale

    def _detail(self, sale: int, item: Item) -> Row:
        return {
            "id": self.number(),
            "sale_id": sale,
            "account_id": ACCOUNT,
            "product_id": self._products.setdefault(item.sku, self.number()),
            "sale_delivery_id": sale + 1_000_000,
            "option1_value": None,
            "option2_value": None,
            "product_model_number": item.sku,
            "product_name": item.title,
            "pristine_product_full_name": item.title,
            "product_cost": None,
            "price": item.yen,
            "price_with_tax": item.yen,
            "product_num": item.quantity,
            "unit": None,
            "subtotal_price": item.yen * item.quantity,
            "tax_reduced": item.tax_rate == REDUCED,
            "customizations": [],
        }

    def add_up(self, sale: Row) -> None:
        """The sums of an order, from its lines and charges."""
        goods = {reduced: _goods(sale, reduced) for reduced in (False, True)}
        taxes = {
            reduced: yen * PERCENT[reduced] // (100 + PERCENT[reduced])
            for reduced, yen in goods.items()
        }
        off = sale["point_discount"] + sale["gmo_point_discount"] + sale["other_discount"]
        sale["product_total_price"] = sum(goods.values())
        sale["tax"] = sum(taxes.values())
        sale["total_price"] = sum(goods.values()) + sale["delivery_total_charge"] - off
        sale["totals"] = {
            "normal_tax_amount": taxes[False],
            "reduced_tax_amount": taxes[True],
            "discount_amount_for_normal_tax": 0,
            "discount_amount_for_reduced_tax": 0,
            "total_price_with_normal_tax": goods[False] + sale["delivery_total_charge"],
            "total_price_with_reduced_tax": goods[True],
        }

    def send(self, id: int) -> None:
        """The parcel leaves."""
        sale = self.sales[id]
        for one in sale["sale_deliveries"]:
            one.update(delivered=True, slip_number="1234-5678-9012")
        sale.update(delivered=True, update_date=self.second())

    def cancel(self, id: int) -> None:
        """Pieces and totals become 0; what the shop granted or took in points is undone."""
        sale = self.sales[id]
        for line in sale["details"]:
            line.update(product_num=0, subtotal_price=0)
        for name in (*NOTHING, "delivery_total_charge"):
            sale[name] = 0
        self.add_up(sale)
        sale.update(canceled=True, point_state="canceled", update_date=self.second())

    def charged(self, id: int) -> dict[int, int]:
        """What is owed for the goods, by tax rate in basis points."""
        sale = self.sales[id]
        owed = {PERCENT[reduced] * 100: _goods(sale, reduced) for reduced in (False, True)}
        return {tax_rate: yen for tax_rate, yen in owed.items() if yen}

    def issue(self, given: Row) -> Row:
        """A new coupon; a code is there once."""
        if any(one["code"] == given["code"] for one in self.coupons.values()):
            raise Refused(422001, "クーポンコードは既に使われています。", "shop_coupon.code")
        at = self.second()
        row = {"minimum_amount": 0, "status": "available", "name": "", **given}
        row |= {"id": self.number(), "created_at": at, "updated_at": at}
        row |= {name: _midnight(given[name]) for name in ("starts_at", "ends_at")}
        if row["starts_at"] >= row["ends_at"]:
            raise Refused(422001, "利用期間が不正です。", "shop_coupon.ends_at")
        self.coupons[row["id"]] = row
        return row


def _midnight(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T00:00:00+09:00").timestamp())


def _goods(sale: Row, reduced: bool) -> int:
    lines = (line for line in sale["details"] if line["tax_reduced"] is reduced)
    return sum(int(line["price_with_tax"]) * int(line["product_num"]) for line in lines)


def _name(shopper: Shopper) -> str:
    return f"{shopper.family_name} {shopper.given_name}".strip()


def _customer(id: int, shopper: Shopper, at: int, *, member: bool) -> Row:
    empty = dict.fromkeys(
        ("furigana", "hojin", "busho", "sex", "birthday", "address2", "fax", "tel_mobile", "other"),
    )
    forms = dict.fromkeys(f"answer_free_form{number}" for number in (1, 2, 3))
    return {
        **empty,
        **forms,
        "id": id,
        "account_id": ACCOUNT,
        "name": _name(shopper),
        "mail": shopper.email,
        "tel": "075-000-0000",
        "postal": "6040000",
        "pref_id": 26,
        "pref_name": "京都府",
        "address1": "中京区",
        "points": 0,
        "member": member,
        "sales_count": 0,
        "receive_mail_magazine": False,
        "memo": "",
        "membership": None,
        "make_date": at,
        "update_date": at,
    }


def _sale(id: int, at: int, customer: Row, details: list[Row]) -> Row:
    mails = {f"{mail}_mail_state": "not_yet" for mail in UNSENT}
    dates = {f"{mail}_mail_sent_date": None for mail in UNSENT}
    return {
        **dict.fromkeys(NOTHING, 0),
        **mails,
        **dates,
        "id": id,
        "account_id": ACCOUNT,
        "make_date": at,
        "update_date": at,
        "memo": None,
        "payment_id": 751,
        "mobile": False,
        "paid": True,
        "delivered": False,
        "canceled": False,
        "point_state": "assumed",
        "gmo_point_state": None,
        "yahoo_point_state": None,
        "delivery_total_charge": DELIVERY,
        "other_discount_name": "",
        "external_order_id": "",
        "customer": customer,
        "details": details,
        "sale_deliveries": [_delivery(id, details)],
        "segment": None,
        "application": None,
        "shop_coupon": None,
    }


def _delivery(sale: int, details: list[Row]) -> Row:
    return {
        "id": sale + 1_000_000,
        "account_id": ACCOUNT,
        "sale_id": sale,
        "delivery_id": 1,
        "detail_ids": [line["id"] for line in details],
        "slip_number": None,
        "delivery_charge": DELIVERY,
        "delivered": False,
    }
