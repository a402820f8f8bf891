"""Bodies of requests that the cases share."""

from datetime import UTC, datetime

from renkei.till_test.caller import Json, Till
from renkei.till_test.members import RICH

API = "/pos/v1"
SALES = f"{API}/transactions"
RESOLVE = f"{API}/members:resolve"

LINES = [
    {"id": "1", "title": "傘", "quantity": 1, "amount": 3_300, "tax_rate": 1000},
    {"id": "2", "title": "紅茶", "quantity": 2, "amount": 2_160, "tax_rate": 800},
]
"""Two rates: 5,460 yen in all."""


def now() -> str:
    """This moment, with its zone."""
    return datetime.now(UTC).isoformat()


async def member(till: Till, card: str = RICH) -> Json:
    """The fixed member with that card."""
    return (await till.post(RESOLVE, {"scheme": "card", "value": card})).ok()


async def spendable(till: Till) -> int:
    """What the member with points can use now."""
    return int((await member(till))["spendable"])


def sale(till: Till, who: str | None, **more: object) -> Json:
    """A sale of two lines with a receipt of its own."""
    return {"sale": till.receipt(), "sold_at": now(), "member": who, "lines": LINES} | more


async def sold(till: Till, **more: object) -> tuple[Json, Json]:
    """A sale of the member with points: what was asked and what was answered."""
    ask = sale(till, str((await member(till))["member"]), **more)
    return ask, (await till.post(SALES, ask)).ok()


async def undo(till: Till, ask: Json) -> Json:
    """Void it, so that the member has what they had."""
    day = till.today.isoformat()
    void = {"sale": ask["sale"], "voided_at": now(), "business_date": day}
    return (await till.post(f"{SALES}:void", void)).ok()


def refund(till: Till, ask: Json, yen: int) -> Json:
    """Give back so many yen of the first line."""
    lines = [{"id": "1", "quantity": 0, "amount": yen}]
    return {"receipt": till.receipt(), "sale": ask["sale"], "refunded_at": now(), "lines": lines}
