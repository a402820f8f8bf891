"""The twin's contract: stores, members, points and transactions as Smaregi keeps them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from renkei_contracts.stage import Item, Shopper
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.shares import divide
from renkei_smaregi.twin_wire import Row, detail, head, moment

CATALOGUE = (
    Item("YOKAN-01", "羊羹", 1, 2_160, 800),
    Item("CHA-01", "緑茶", 1, 1_080, 800),
    Item("KYUSU-01", "急須", 1, 11_000, 1000),
    Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000),
)

FIRST_CUSTOMER, FIRST_TRANSACTION = 1, 1
SECOND = timedelta(seconds=1)


class Refused(Exception):
    """What Smaregi answers 400 to; the text is its ``detail``."""


def _point_condition() -> Row:
    """As the hub wants it: nothing granted by Smaregi, one yen a point."""
    return {
        "storeId": "1",
        "pointUseDivision": "1",
        "spendRate": "1",
        "pointGivingUnitPrice": "100",
        "pointGivingUnit": "0",
        "pointGivingDivision": "1",
        "pointUseUnit": "1",
        "pointSpendDivision": "1",
        "pointSpendLimitDivision": "0",
        "expireDivision": "0",
        "expireLimit": "",
        "mileageDivision": "0",
    }


def _stores() -> list[dict[str, Any]]:
    store = {"storeId": "1", "storeCode": "001", "storeName": "本店", "division": "1"}
    return [{**store, "pointCondition": _point_condition()}]


def _undone(row: Row) -> bool:
    return bool(row["cancelDivision"] != "0" or row["disposeDivision"] != "0")


def _person(shopper: Shopper) -> Row:
    return {
        "lastName": shopper.family_name,
        "firstName": shopper.given_name,
        "mailAddress": shopper.email,
    }


@dataclass
class TwinPos:
    """One contract. Times have whole seconds, and those of one object never repeat."""

    now: Callable[[], datetime] | None = None
    stores: list[dict[str, Any]] = field(default_factory=_stores)
    customers: dict[str, Row] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Now, in whole seconds."""
        return (self.now() if self.now else datetime.now(UTC)).replace(microsecond=0)

    def create_customer(self, given: Row) -> Row:
        """POST /customers."""
        if self.by_code(given["customerCode"]):
            raise Refused("customerCode is already in use")
        id = str(FIRST_CUSTOMER + len(self.customers))
        at = moment(self.clock())
        row = {"customerId": id, "status": "0", **given, "insDateTime": at, "updDateTime": at}
        self.customers[id], self.points[id] = row, 0
        return row

    def update_customer(self, id: str, given: Row) -> Row:
        """PATCH /customers/{id}."""
        self.customers[id].update(given)
        self._touch(self.customers[id])
        return self.customers[id]

    def register(self, shopper: Shopper) -> Row:
        """A member made at the register, whose code is the shopper's card or, without one, made."""
        code = shopper.card or f"{FIRST_CUSTOMER + len(self.customers):010}"
        return self.create_customer({"customerCode": code, **_person(shopper)})

    def rename(self, id: str, shopper: Shopper) -> Row:
        """Name and address of a member change."""
        return self.update_customer(id, _person(shopper))

    def by_code(self, code: str) -> Row | None:
        """The member with this customerCode."""
        rows = self.customers.values()
        return next((row for row in rows if row["customerCode"] == code), None)

    def add_points(self, id: str, change: int) -> Row:
        """POST /customers/{id}/point/add: a transaction of division 6 or 7."""
        if self.points[id] + change < 0:
            raise Refused("points would become negative")
        before = self.points[id]
        self.points[id] += change
        granted, spent = max(change, 0), max(-change, 0)
        row = head(
            transactionHeadDivision="6" if change >= 0 else "7",
            customerId=id,
            customerCode=self.customers[id]["customerCode"],
            newPoint=str(granted),
            spendPoint=str(spent),
            point=str(before),
            totalPoint=str(self.points[id]),
        )
        return self._booked(row)

    def sell(self, items: Sequence[Item], customer: Row | None, points: int) -> Row:
        """A sale at the register, its points taken from the register's own copy."""
        subtotal = sum(item.yen * item.quantity for item in items)
        id = customer["customerId"] if customer else ""
        held = self.points.get(id, 0)
        if points > min(held, subtotal):
            raise ValueError(f"{points} points: the register shows {held} for {subtotal} yen")
        shares = divide(points, [item.yen * item.quantity for item in items])
        row = head(
            transactionHeadDivision="1",
            subtotal=str(subtotal),
            pointDiscount=str(points),
            total=str(subtotal - points),
            spendPoint=str(points),
            point=str(held),
            totalPoint=str(held - points),
            customerId=id,
            customerCode=customer["customerCode"] if customer else "",
        )
        lines = enumerate(zip(items, shares, strict=True), start=1)
        row["details"] = [detail(number, item, share) for number, (item, share) in lines]
        if customer:
            self.points[id] -= points
        return self._booked(row)

    def cancel(self, id: str) -> None:
        """取消: the sale itself is voided, its points go back to the register's copy."""
        row = self._standing(id)
        row["cancelDivision"] = "1"
        self._touch(row)
        row["cancelDateTime"] = row["updDateTime"]
        self._give_back(row)

    def dispose(self, id: str) -> Row:
        """返品取消: the sale is undone by a record of its own, with negative amounts."""
        row = self._standing(id)
        row["disposeDivision"] = "1"
        self._touch(row)
        self._give_back(row)
        negative = {
            name: str(-int(row[name]))
            for name in ("subtotal", "total", "pointDiscount", "spendPoint")
        }
        undone = {"disposeDivision": "2", "disposeServerTransactionHeadId": id}
        return self._booked({**row, **negative, **undone, "details": []})

    def owed(self, id: str) -> dict[int, int]:
        """What the buyer owes for the goods of a sale, by tax rate."""
        row = self.transactions[id]
        if _undone(row):
            return {}
        owed: dict[int, int] = defaultdict(int)
        for line in row["details"]:
            rate = int(Decimal(line["taxRate"]) * 100)
            owed[rate] += int(line["unitDiscountedSum"])
        return {rate: yen for rate, yen in owed.items() if yen}

    def changed(self, rows: Iterator[dict[str, Any]], since: str, until: str) -> list[Row]:
        """Rows updated from ``since`` to ``until``, both included."""
        start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
        return [one for one in rows if start <= datetime.fromisoformat(one["updDateTime"]) <= end]

    def _standing(self, id: str) -> Row:
        """A sale that still counts; its points can come back only once."""
        row = self.transactions[id]
        if _undone(row):
            raise ValueError(f"transaction {id} was undone already")
        return row

    def _give_back(self, row: Row) -> None:
        if row["customerId"]:
            self.points[row["customerId"]] += int(row["spendPoint"])

    def _booked(self, row: dict[str, Any]) -> dict[str, Any]:
        id = str(FIRST_TRANSACTION + len(self.transactions))
        at = self.clock()
        named = {
            "transactionHeadId": id,
            "terminalTranId": id,
            "transactionUuid": f"twin-{id}",
            "transactionDateTime": moment(at),
            "terminalTranDateTime": moment(at),
            "updDateTime": moment(at),
            "sumDate": at.astimezone(JST).date().isoformat(),
        }
        self.transactions[id] = {**row, **named}
        return self.transactions[id]

    def _touch(self, row: dict[str, Any]) -> None:
        last = datetime.fromisoformat(row["updDateTime"])
        row["updDateTime"] = moment(max(self.clock(), last + SECOND))
