"""What rules ask of a sale's member: from the sale if it was kept there, else from their past."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from renkei.ledger.keys import OrderKey
from renkei.ledger.past import Past, PastOf, PastSale, together
from renkei.ledger.staged import OrderRow
from renkei.loyalty.member import Kept, facts_at
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import looked_at, looks_back
from renkei.services.attempt import Attempt
from renkei_contracts.order import Order


def pasts_asked(
    order: Order, rules: Program, row: OrderRow | None, members: Iterable[str]
) -> frozenset[PastOf]:
    """Whose past must be loaded: nobody's, where the rules ask for nothing or the sale has it."""
    asked = rules.asks_of_members
    if not asked:
        return frozenset()
    return frozenset(
        past_asked(rules, member, order)
        for member in members
        if not asked <= kept_of(row, member).keys()
    )


def past_asked(rules: Program, member: str, order: Order) -> PastOf:
    """What of a member's past the rules look at for this sale."""
    if "tier" not in rules.asks_of_members:
        return PastOf(member, None)
    since = looks_back(rules.tiers, order.placed_at, rules.clock)
    return PastOf(member, since, points=rules.tiers.metric == "points")


def kept_of(row: OrderRow | None, member: str) -> Kept:
    """What the order has kept of this member."""
    kept = row.facts if row and row.facts else {}
    return kept if kept.get("member") == member else {}


def keep_facts(
    attempt: Attempt, order: Order, row: OrderRow | None, member: str, rules: Program
) -> Kept | None:
    """What the order keeps of its member from now on: what was known first stays."""
    asked = rules.asks_of_members
    if not asked:
        return None
    kept = kept_of(row, member)
    if asked <= kept.keys():
        return kept
    past = past_of(attempt, member, (order.ref.connection, order.ref.id))
    known: dict[str, Any] = {"member": member, **facts_at(rules, past, order.placed_at)}
    return known | dict(kept)


def past_of(attempt: Attempt, member: str, but: OrderKey | None = None) -> Past:
    """The past of a member's group with what this batch has decided, without one sale."""
    homes = attempt.group_of(member).members
    loaded = together(attempt.world.pasts.get(home, Past()) for home in sorted(homes))
    orders = {**attempt.world.orders, **attempt.staged.orders}
    here = [
        PastSale(row.placed_at, row.spent, attempt.settled_of(row.member, key).earned)
        for key, row in orders.items()
        if row.member in homes and row.spent and row.doubt is None and key != but
    ]
    firsts = (loaded.first_at, *(sale.at for sale in here))
    first = min((at for at in firsts if at is not None), default=None)
    return replace(loaded, first_at=first, sales=(*loaded.sales, *here))


def look_at_tiers(attempt: Attempt, member: str, at: datetime, rules: Program) -> None:
    """Something counts more since that instant: the member may have reached a tier that gives."""
    if not rules.tiers.rewards:
        return
    due = looked_at(rules.tiers, at, rules.clock)
    attempt.staged.tiers_due[member] = min(due, attempt.world.staged.tiers_due.get(member, due))
