"""The twin's seller as Square keeps it: customers, loyalty accounts, sales, what came back."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from renkei_contracts.stage import Item, Shopper
from renkei_square import twin_rows as rows
from renkei_square.client import moment
from renkei_square.twin_rows import LOCATION, MERCHANT, NEVER_SOLD, PROGRAM, Row

TICK = timedelta(milliseconds=1)
REFUND_ID = 73
"""Characters of a refund's id."""


class Refused(Exception):
    """What Square answers 400 to; the text is its ``detail``."""


def _program() -> Row:
    """As the hub wants it: it grants points for what is never sold, and nothing expires."""
    rule = {"accrual_type": "ITEM_VARIATION", "points": 1}
    return {
        "id": PROGRAM,
        "status": "ACTIVE",
        "terminology": {"one": "ポイント", "other": "ポイント"},
        "location_ids": [LOCATION],
        "accrual_rules": [{**rule, "item_variation_data": {"item_variation_id": NEVER_SOLD}}],
    }


def _location() -> Row:
    known = {"id": LOCATION, "name": "本店", "status": "ACTIVE", "merchant_id": MERCHANT}
    return {**known, "country": "JP", "currency": "JPY", "timezone": "Asia/Tokyo"}


@dataclass
class Books:
    """One seller with one location. Times have milliseconds; those of one object never repeat."""

    now: Callable[[], datetime]
    customers: dict[str, Row] = field(default_factory=dict)
    accounts: dict[str, Row] = field(default_factory=dict)
    rewards: dict[str, Row] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    payments: dict[str, Row] = field(default_factory=dict)
    refunds: dict[str, Row] = field(default_factory=dict)
    program: Row = field(default_factory=_program)
    promotions: list[Row] = field(default_factory=list)
    locations: list[Row] = field(default_factory=lambda: [_location()])
    answered: dict[str, Row] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: count(1001))

    def make_customer(self, given: Mapping[str, Any], source: str = "THIRD_PARTY") -> Row:
        """A new profile. Whoever gave no telephone number tells it to the cashier at once."""
        number = next(self._ids)
        phone = {"phone_number": f"+8190{number:08}"}
        about = {"creation_source": source, "version": 0, **rows.made(self.now())}
        row = {"id": f"CUST{number}", **phone, **given, **about}
        self.customers[row["id"]] = row
        return row

    def register(self, shopper: Shopper) -> Row:
        """A profile made at the register."""
        card = {"reference_id": shopper.card} if shopper.card else {}
        return self.make_customer({**rows.person(shopper), **card}, "DIRECTORY")

    def by_card(self, card: str) -> Row | None:
        """The profile with this reference_id."""
        found = (one for one in self.customers.values() if one.get("reference_id") == card)
        return next(found, None)

    def change(self, id: str, given: Row) -> Row:
        """Some fields of a profile change."""
        row = self.customers[id]
        row.update(given)
        row["version"] += 1
        self.touch(row)
        return row

    def delete(self, id: str) -> Row:
        """A profile goes, and its loyalty account with it."""
        for account in [one for one in self.accounts.values() if one["customer_id"] == id]:
            del self.accounts[account["id"]]
        return self.customers.pop(id)

    def account_of(self, customer: str) -> Row | None:
        """The loyalty account of a customer."""
        found = (one for one in self.accounts.values() if one["customer_id"] == customer)
        return next(found, None)

    def enrol(self, customer: str, phone: str) -> Row:
        """A new loyalty account; a telephone number has one at most."""
        taken = {one["mapping"]["phone_number"] for one in self.accounts.values()}
        if phone in taken:
            raise Refused("the phone number is mapped to another loyalty account")
        number, at = next(self._ids), self.now()
        mapping = {"id": f"MAP{number}", "created_at": moment(at), "phone_number": phone}
        counts = {"balance": 0, "lifetime_points": 0}
        names = {"id": f"ACC{number}", "program_id": PROGRAM, "customer_id": customer}
        row = {**names, **counts, "mapping": mapping, **rows.made(at)}
        self.accounts[row["id"]] = row
        return row

    def enrolled(self, customer: str) -> Row:
        """The customer's loyalty account, made at the register where there is none."""
        known = self.account_of(customer)
        return known or self.enrol(customer, self.customers[customer]["phone_number"])

    def adjust(self, account: Row, points: int, source: str, *, below: bool = False) -> Row:
        """Points are added or taken, ``below`` zero where asked for; the loyalty event of it."""
        if account["balance"] + points < 0 and not below:
            raise Refused("the balance would be negative")
        account["balance"] += points
        self.touch(account)
        return {
            "id": f"EVT{next(self._ids)}",
            "type": "ADJUST_POINTS",
            "created_at": account["updated_at"],
            "adjust_points": {"loyalty_program_id": PROGRAM, "points": points},
            "loyalty_account_id": account["id"],
            "source": source,
        }

    def sell(self, items: Sequence[Item], customer: str, points: int) -> Row:
        """A sale for cash; ``points`` go by a reward of a tier of that many yen."""
        sums = [item.yen * item.quantity for item in items]
        shares = rows.split(points, sums) if points else [0] * len(items)
        lines = [
            rows.line(number, item, share)
            for number, (item, share) in enumerate(zip(items, shares, strict=True), start=1)
        ]
        order = rows.sale(f"ORD{next(self._ids)}", lines, customer, self.now())
        if points:
            self._reward(order, customer, points)
        payment = rows.payment(f"PAY{next(self._ids)}", order)
        order["tenders"] = [rows.tender(payment)]
        self.orders[order["id"]], self.payments[payment["id"]] = order, payment
        return order

    def refund(self, id: str, sku: str, quantity: int) -> Row:
        """Pieces come back by an order of their own, which is refunded; the refund."""
        order = self.orders[id]
        line = next(one for one in order["line_items"] if one["catalog_object_id"] == sku)
        before = self._returned(id)[line["uid"]]
        if before + quantity > int(line["quantity"]):
            raise ValueError(f"order {id}: more of {sku} comes back than was sold")
        total = _part(line, "total_money", before, quantity)
        share = _part(line, "total_discount_money", before, quantity)
        row = rows.return_line(line, quantity, total, share)
        given = rows.giving_back(f"ORD{next(self._ids)}", order, row, share, self.now())
        self.orders[given["id"]] = given
        return self._paid_back(self.payments[order["tenders"][0]["payment_id"]], given)

    def charged(self, id: str) -> Mapping[int, int]:
        """Yen owed for the goods of a sale, by tax rate, before points."""
        owed: dict[int, int] = defaultdict(int)
        back = self._returned(id)
        for line in self.orders[id]["line_items"]:
            rate = int(line["applied_taxes"][0]["tax_uid"].removeprefix("tax-"))
            left = int(line["quantity"]) - back[line["uid"]]
            owed[rate] += left * line["base_price_money"]["amount"]
        return {rate: yen for rate, yen in owed.items() if yen}

    def touch(self, row: Row) -> None:
        """It changes now: later than before, even within the same moment."""
        last = datetime.fromisoformat(row["updated_at"])
        row["updated_at"] = moment(max(self.now(), last + TICK))

    def _reward(self, order: Row, customer: str, points: int) -> None:
        account = self.enrolled(customer)
        if points > min(account["balance"], order["total_money"]["amount"] + points):
            raise ValueError(f"{points} points: the register shows {account['balance']}")
        reward = self.lock(account, points)
        reward |= {"status": "REDEEMED", "order_id": order["id"]}
        reward["redeemed_at"] = moment(self.now())
        order["rewards"] = [{key: reward[key] for key in ("id", "reward_tier_id")}]
        order["discounts"] = [rows.reward_discount(points, reward["id"])]

    def lock(self, account: Row, points: int) -> Row:
        """A reward is issued: its points are locked from now on."""
        self.adjust(account, -points, "SQUARE")
        reward = {
            "id": f"RWD{next(self._ids)}",
            "reward_tier_id": f"TIER{points}",
            "status": "ISSUED",
            "loyalty_account_id": account["id"],
            "points": points,
            **rows.made(self.now()),
        }
        self.rewards[reward["id"]] = reward
        return reward

    def release(self, reward: Row) -> None:
        """A reward that was only issued is deleted, and its points come back."""
        reward["status"] = "DELETED"
        self.adjust(self.accounts[reward["loyalty_account_id"]], reward["points"], "SQUARE")

    def _paid_back(self, payment: Row, given: Row) -> Row:
        refund = rows.refund(_refund_id(payment, next(self._ids)), payment, given)
        self.refunds[refund["id"]] = refund
        before = payment.get("refunded_money", rows.money(0))["amount"]
        payment["refunded_money"] = rows.money(before + refund["amount_money"]["amount"])
        payment["refund_ids"] = [*payment.get("refund_ids", []), refund["id"]]
        self.touch(payment)
        return refund

    def _returned(self, id: str) -> Counter[str]:
        """Pieces that came back of a sale, by the uid of the line."""
        found: Counter[str] = Counter()
        for given in (one for order in self.orders.values() for one in order.get("returns", ())):
            if given["source_order_id"] == id:
                for row in given["return_line_items"]:
                    found[row["source_line_item_uid"]] += int(row["quantity"])
        return found


def _refund_id(payment: Row, number: int) -> str:
    """As long as Square's own: it holds the payment's and has 73 characters (its examples)."""
    return f"{payment['id']}_".ljust(REFUND_ID - 9, "x") + f"{number:09}"


def _part(line: Row, name: str, before: int, quantity: int) -> int:
    """The part of an amount of a line that some of its pieces bear; together they bear all."""
    whole, pieces = line[name]["amount"], int(line["quantity"])
    return int(whole * (before + quantity) // pieces - whole * before // pieces)
