"""Lots of both ledgers in one form: those that are alike in all facts, their counters added up."""

from collections import Counter

from reference_ledger import ReferenceLedger
from reference_points import Is, Lot

from renkei.ledger.books import Books

Facts = tuple[object, ...]
Buckets = dict[Facts, list[int]]


def hub_buckets(books: Books) -> Buckets:
    """[granted, pending, available, held, expired, netted] by the lots' facts."""
    sums: Buckets = {}
    for lot in books.lots:
        order = (lot.connection, lot.order) if lot.order else None
        facts = (lot.origin, order, lot.granted_at, lot.usable_from, lot.expires_at)
        counters = [lot.granted, lot.pending, lot.available, lot.held, lot.expired, lot.netted]
        _add(sums, facts, counters)
    return sums


def reference_buckets(reference: ReferenceLedger, home: str) -> Buckets:
    """The same, counted point by point."""
    sums: Buckets = {}
    states: dict[Lot, Counter[Is]] = {lot: Counter() for lot in reference.lots if lot.home == home}
    for point in reference.points:
        if point.lot in states:
            states[point.lot][point.now] += 1
    for lot, count in states.items():
        there = count[Is.AVAILABLE]
        available, expired = (0, there) if lot.dead(reference.now) else (there, 0)
        facts = (lot.origin, lot.order, lot.granted_at, lot.usable_from, lot.expires_at)
        row = [count.total(), count[Is.PENDING], available, count[Is.HELD], expired]
        _add(sums, facts, [*row, count[Is.NETTED]])
    return sums


def different(found: Buckets, expected: Buckets) -> str:
    """The lots about which the two are not of one mind."""
    names = [name for name in {*found, *expected} if found.get(name) != expected.get(name)]
    return "".join(f"\n{name}: {found.get(name)} not {expected.get(name)}" for name in names)


def _add(sums: Buckets, facts: Facts, counters: list[int]) -> None:
    old = sums.get(facts, [0] * len(counters))
    sums[facts] = [a + b for a, b in zip(old, counters, strict=True)]
