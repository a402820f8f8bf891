"""What must always hold, one small function each. Numbers are those of the design's invariants."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields

from renkei.ledger.books import DEBT_LOT, LotRef
from renkei.ledger.chart import MEMBER_ACCOUNTS, Account
from renkei.ledger.entry import hash_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.rules import RULES
from renkei.ledger.staged import Entry
from renkei.ledger.world import World

LOT_ACCOUNTS = (Account.PENDING, Account.AVAILABLE, Account.HELD)


def accounts_sum_to_zero(entries: Iterable[Entry], world: World) -> None:
    """1. Program accounts from the postings, member accounts from the books."""
    program = Counter(dict.fromkeys(Account, 0))
    for entry in entries:
        for posting in entry.postings:
            program[posting.source] -= posting.amount
            program[posting.destination] += posting.amount
    outside = sum(n for account, n in program.items() if account not in MEMBER_ACCOUNTS)
    inside = sum(books.total(one) for books in world.books.values() for one in MEMBER_ACCOUNTS)
    assert outside + inside == 0


def lots_sum_to_the_accounts(entries: Iterable[Entry], world: World) -> None:
    """3 and 11. Balances recomputed from the postings equal the lots' sums, and the debt."""
    posted: Counter[tuple[str, Account]] = Counter()
    for entry in entries:
        for posting in entry.postings:
            posted[entry.member, posting.source] -= posting.amount
            posted[entry.member, posting.destination] += posting.amount
    for member, books in world.books.items():
        for account in MEMBER_ACCOUNTS:
            assert books.total(account) == posted[member, account], (member, account)


def lots_follow_from_their_allocations(entries: Iterable[Entry], world: World) -> None:
    """11. Every counter of every lot is the sum of what was allocated to it."""
    moved: Counter[tuple[str, int, Account]] = Counter()
    for entry in entries:
        for posting in entry.postings:
            for move in posting.allocations:
                for account in MEMBER_ACCOUNTS:
                    assert move.ref[0] == entry.member == posting.home
                    moved[entry.member, move.ref[1], account] += move.of(account)
    for member, books in world.books.items():
        assert books.debt == moved[member, DEBT_LOT, Account.DEBT]
        for lot in books.lots:
            for account in LOT_ACCOUNTS:
                assert getattr(lot, account.value) == moved[member, lot.number, account]


def counters_are_in_range(world: World) -> None:
    """4. None negative, together never above what was granted; debt never above zero."""
    for books in world.books.values():
        assert books.debt <= 0
        for lot in books.lots:
            counters = (lot.pending, lot.available, lot.held, lot.expired, lot.netted)
            assert min(counters) >= 0
            assert sum(counters) <= lot.granted


def requests_take_living_points_only(entries: Iterable[Entry], world: World) -> None:
    """4. What a request takes from the balance is usable when it takes it."""
    for entry in entries:
        lots = {lot.number: lot for lot in world.books[entry.member].lots}
        for posting in entry.postings:
            if posting.rule in ("hold.place", "redeem"):
                for move in posting.allocations:
                    assert lots[move.ref[1]].alive(entry.recorded_at), posting.rule


def orders_have_their_target(
    entries: Iterable[Entry], targets: Mapping[tuple[str, OrderKey], tuple[int, int]]
) -> None:
    """5 and 6. What is posted for an order adds up to what its newest state should have.

    Points of others in a group may have paid for it: what was used is compared per order.
    """
    posted: Counter[tuple[str, OrderKey, Account]] = Counter()
    for entry in entries:
        if entry.order is None:
            continue
        for posting in entry.postings:
            posted[entry.member, entry.order, posting.source] -= posting.amount
            posted[entry.member, entry.order, posting.destination] += posting.amount
    earned = {(m, order): -n for (m, order, at), n in posted.items() if at is Account.ISSUED and n}
    assert earned == {name: target[0] for name, target in targets.items() if target[0]}
    used: Counter[OrderKey] = Counter()
    for (_, order, account), amount in posted.items():
        used[order] += amount if account is Account.REDEEMED else 0
    assert +used == +Counter({order: target[1] for (_, order), target in targets.items()})


def postings_are_permitted(entries: Iterable[Entry]) -> None:
    """Every posting is in the table, positive, and leaves no account for itself."""
    for entry in entries:
        for posting in entry.postings:
            assert posting.amount > 0
            assert (posting.source, posting.destination) in RULES[posting.rule]


def chains_hold(entries: Iterable[Entry], world: World) -> None:
    """11. Versions without a gap, each hash over the one before, the head is the last."""
    heads = dict.fromkeys(world.books, (0, b""))
    for entry in entries:
        version, head = heads[entry.member]
        assert (entry.version, entry.prev) == (version + 1, head)
        assert hash_of(entry) == entry.hash
        heads[entry.member] = (entry.version, entry.hash)
    for member, books in world.books.items():
        assert heads[member] == (books.version, books.chain)


def held_is_what_open_holds_froze(world: World) -> None:
    """What each lot holds is what the open holds froze of it."""
    for books in world.books.values():
        frozen: Counter[LotRef] = Counter()
        for hold in books.holds:
            for lot, part in hold.frozen:
                frozen[lot] += part
        assert {lot.ref: lot.held for lot in books.lots if lot.held} == dict(frozen)


def nothing_was_changed(before: World, after: World) -> None:
    """7 and 8. A refusal, a repeated request and a jobless moment leave everything as it was."""
    for one in fields(World):
        if one.name not in ("now", "staged"):
            assert getattr(before, one.name) == getattr(after, one.name), one.name
    assert after.staged.is_empty()


def quotas_are_kept(world: World) -> None:
    """9. What all claimants got together is what is used, and within the limit."""
    for (scope, period), quota in world.quotas.items():
        marks = [top for key, (_, top) in world.claims.items() if key[:2] == (scope, period)]
        assert quota.used == sum(marks) <= quota.limit
