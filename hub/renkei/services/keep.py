"""What an attempt staged becomes part of its batch's world."""

from dataclasses import replace

from renkei.ledger.allowances import Allowance
from renkei.ledger.books import Books
from renkei.ledger.groups import groups_in
from renkei.ledger.staged import Staged
from renkei.ledger.world import KnownHold
from renkei.services.attempt import Attempt


def keep(attempt: Attempt) -> None:
    """Everything the attempt staged becomes part of its batch's world."""
    mine, world = attempt.staged, attempt.world
    world.books.update(attempt.books)
    for new in mine.members:
        world.books[new.member] = Books(new.member, new.program, 0, 0, b"", zone=new.zone)
        world.merged[new.member] = None
        world.member_keys[new.member] = new.wrapped_key
    for kept, staged in (
        (world.orders, mine.orders),
        (world.sales, mine.sales),
        (world.settled, mine.settled),
        (world.requests, mine.requests),
        (world.quotas, mine.new_quotas),
        (world.quotas, mine.quotas),
        (world.claims, attempt.claims),
        (world.coupons, attempt.coupons),
        (world.customers, mine.customers),
    ):
        if staged:
            kept.update(staged)  # type: ignore[arg-type]
    if attempt.merged:
        world.merged.update(attempt.merged)
        world.groups = groups_in(world.merged)
    for refund in mine.refunds:
        order = refund.key[:2]
        world.refunds[order] = (*world.refunds.get(order, ()), refund)
    _keep_allowances(mine, world.allowances)
    if mine.holds or mine.hold_ends:
        _keep_holds(attempt)
    for link in mine.identities:
        world.identities[link.key] = (link.member, link.grade)
    for name, value in vars(mine).items():
        if value:
            into = getattr(world.staged, name)
            into.extend(value) if isinstance(value, list) else into.update(value)


def _keep_allowances(mine: Staged, known: dict[str, Allowance]) -> None:
    known.update((given.id, given) for given in mine.allowances)
    for id, use in mine.allowance_uses:
        known[id] = replace(known[id], uses=(*known[id].uses, use))


def _keep_holds(attempt: Attempt) -> None:
    known = attempt.world.holds
    entries = {(one.member, one.version): one for one in attempt.staged.entries}
    for hold in attempt.staged.holds:
        before = known.get(hold.lead, KnownHold(hold.connection, hold.for_member, ()))
        known[hold.lead] = before._replace(homes=(*before.homes, hold.member))
    for end in attempt.staged.hold_ends:
        name = (end.member, end.version)
        if name in known:
            order = entries[end.member, end.end_version].order
            known[name] = known[name]._replace(how=end.how, order=order)
