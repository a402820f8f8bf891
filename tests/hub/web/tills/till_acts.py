"""What a till does, as it is sent, as its answer reads, and as the reference ledger says it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reference_ledger import Answer, Refused
from reference_points import OrderKey, Refunded
from reference_tills import SHOP, Sale, TillLedger
from till_stage import STORE

JAPAN = timedelta(hours=9)
SALES = "/pos/v1/transactions"
Said = dict[str, Any]


@dataclass
class Names:
    """What the hub calls the holds and allowances that the reference numbers."""

    holds: dict[int, str] = field(default_factory=dict)
    allowances: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Act:
    """One call. ``decide`` asks the reference; ``read`` gives the same of the hub's answer.

    ``learn`` is told the number that the reference has for what the hub has named.
    ``known``: told again, the whole answer is the first one, and not only the same points.
    """

    till: str
    path: str
    said: Any
    decide: Callable[[TillLedger], Answer] = field(repr=False)
    read: Callable[[Said], Answer] = field(repr=False)
    learn: Callable[[int, Said], None] | None = field(repr=False, default=None)
    known: bool = field(repr=False, default=True)
    content: Answer = field(repr=False, default=())

    def expected(self, ledger: TillLedger) -> Answer:
        """What the reference says; a refusal is its code."""
        try:
            return self.decide(ledger)
        except Refused as refusal:
            return ("refused", str(refusal))


def key_of(till: str, receipt: str, sold_at: datetime) -> Said:
    """The natural key of a receipt."""
    day = (sold_at + JAPAN).date().isoformat()
    return {"store": STORE, "till": till, "business_date": day, "receipt_number": receipt}


def order_of(sale: Sale) -> OrderKey:
    """What the ledger calls a sale."""
    key = key_of(sale.till, sale.receipt, sale.sold_at)
    parts = ("", STORE, sale.till, key["business_date"], "0", sale.receipt)
    return (SHOP, "|".join(parts))


def moment(text: str) -> datetime:
    """An instant of an answer."""
    return datetime.fromisoformat(text)


def place(names: Names, till: str, key: str, member: str, points: int, ttl: int) -> Act:
    """A hold."""

    def learn(number: int, answer: Said) -> None:
        assert names.holds.setdefault(number, answer["hold"]) == answer["hold"]

    return Act(
        till,
        "/pos/v1/holds",
        {"key": key, "member": member, "points": points, "ttl_seconds": ttl},
        lambda ledger: ledger.place(till, key, member, points, ttl),
        lambda said: (said["points"], moment(said["lapses_at"]), said["spendable"]),
        learn,
    )


def extend(names: Names, till: str, number: int, ttl: int) -> Act:
    """A hold for longer."""
    return Act(
        till,
        f"/pos/v1/holds/{names.holds[number]}:extend",
        {"ttl_seconds": ttl},
        lambda ledger: ledger.extend(number, ttl),
        lambda said: (said["points"], moment(said["lapses_at"]), said["spendable"]),
        known=False,
    )


def release(names: Names, till: str, number: int) -> Act:
    """A hold given back."""
    return Act(
        till,
        f"/pos/v1/holds/{names.holds[number]}:release",
        None,
        lambda ledger: ledger.give_back(number),
        lambda said: (said["spendable"],),
        known=False,
        content=("release", names.holds[number]),
    )


def sell(names: Names, sale: Sale, *, occurred: bool = False) -> Act:
    """A sale. ``said`` has no ``occurred`` where it is a request: a batch adds it."""
    said: Said = {
        "sale": key_of(sale.till, sale.receipt, sale.sold_at),
        "revision": sale.revision,
        "sold_at": sale.sold_at.isoformat(),
        "member": sale.member,
        "points_used": sale.used,
        "lines": _lines(sale.yen),
        "voided": sale.voided,
    }
    if sale.hold is not None:
        said["hold"] = names.holds[sale.hold]
    if sale.use is not None:
        allowance = names.allowances[sale.use.allowance]
        said["allowance"] = {"id": allowance, "counter": sale.use.counter}
    return Act(
        sale.till,
        SALES,
        said | ({"occurred": True} if occurred else {}),
        lambda ledger: ledger.sell(sale, order_of(sale), occurred=occurred),
        lambda said: (said["member"] or None, said["earned"], said["used"], said["spendable"]),
        content=("commit", sale),
    )


def void(sale: Sale, at: datetime) -> Act:
    """The whole sale undone."""
    key = key_of(sale.till, sale.receipt, sale.sold_at)
    said = {"sale": key, "voided_at": at.isoformat(), "business_date": key["business_date"]}
    return Act(
        sale.till,
        f"{SALES}:void",
        said,
        lambda ledger: ledger.void(order_of(sale), at),
        _read_back,
        content=("void", order_of(sale), at),
    )


def refund(till: str, receipt: str, sale: Sale, told: Refunded) -> Act:
    """Goods of the sale's first half come back, perhaps at another till."""
    said = {
        "receipt": key_of(till, receipt, told.at),
        "sale": key_of(sale.till, sale.receipt, sale.sold_at),
        "refunded_at": told.at.isoformat(),
        "lines": [{"id": "1", "quantity": 0, "amount": told.yen}],
        "points_returned": told.points,
    }
    name = "|".join(("", STORE, till, said["receipt"]["business_date"], "0", receipt))
    return Act(
        till,
        f"{SALES}:refund",
        said,
        lambda ledger: ledger.refund_at(order_of(sale), name, told),
        _read_back,
        content=("refund", name, order_of(sale), told),
    )


def attach(till: str, sale: Sale, member: str) -> Act:
    """Whose a sale was."""
    said = {"sale": key_of(sale.till, sale.receipt, sale.sold_at), "member": member}
    return Act(
        till,
        f"{SALES}:attach",
        said,
        lambda ledger: ledger.attach(order_of(sale), member),
        read_sale,
        known=False,
        content=("attach", order_of(sale), member),
    )


def give(names: Names, till: str, key: str, member: str, points: int, ttl: int) -> Act:
    """Points for the time offline."""

    def learn(number: int, answer: Said) -> None:
        found = answer["allowance"]
        assert names.allowances.setdefault(number, found) == found

    return Act(
        till,
        "/pos/v1/allowances",
        {"key": key, "member": member, "points": points, "ttl_seconds": ttl},
        lambda ledger: ledger.give(till, key, member, points, ttl),
        lambda said: (
            said["points"],
            moment(said["expires_at"]),
            moment(said["report_until"]),
            said["spendable"],
        ),
        learn,
    )


def close(names: Names, till: str, number: int, last: int, points: int) -> Act:
    """The till's report of an allowance."""
    return Act(
        till,
        f"/pos/v1/allowances/{names.allowances[number]}:close",
        {"last_counter": last, "points_used": points},
        lambda ledger: ledger.close(till, number, last, points),
        lambda said: (
            said["booked"],
            tuple(said["missing"]),
            *(said[name] for name in ("difference", "released", "held", "spendable")),
        ),
        known=False,
    )


def read_sale(said: Said) -> Answer:
    """How a sale stands."""
    posted = (said["earned"], said["used"])
    returned = said["lines"][0]["returned_amount"]
    names = tuple(sorted(said["refunds"]))
    return (said["revision"], said["voided"], said["member"], *posted, returned, names)


def _read_back(said: Said) -> Answer:
    names = ("outcome", "earned_back", "points_returned", "earned", "used", "spendable", "debt")
    return tuple(said[name] for name in names)


def _lines(yen: int) -> list[Said]:
    """Two lines without tax."""
    half = yen // 2
    amounts = (("1", half), ("2", yen - half))
    return [{"id": id, "quantity": 1, "amount": n, "tax_rate": 0} for id, n in amounts]
