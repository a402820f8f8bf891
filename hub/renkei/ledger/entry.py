"""Finishing a transaction: its version, its place in the member's hash chain, the books after it.

Pure. The hash covers everything that is written of the transaction; instants enter it as whole
microseconds, so that it is the same when recomputed from the database.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from renkei.ledger.transaction import Books, Draft, Lot, Posting
from renkei.ledger.world import Entry, OrderKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cause:
    """Why a transaction is booked. ``key`` names the request or the order's revision."""

    kind: str
    key: str
    program_version: int | None = None
    order: OrderKey | None = None
    delivery: str | None = None
    reasons: tuple[str, ...] = ()


def finish(draft: Draft, cause: Cause, recorded_at: datetime, period: str) -> tuple[Entry, Books]:
    """The entry for a draft that booked something, and the member's books after it."""
    books = draft.books
    new = tuple(draft.lots[number] for number in sorted(draft.fresh))
    unhashed = Entry(
        member=books.member,
        version=books.version + 1,
        kind=cause.kind,
        key=cause.key,
        program=books.program,
        program_version=cause.program_version,
        order=cause.order,
        delivery=cause.delivery,
        event_at=draft.event_at,
        recorded_at=recorded_at,
        period=period,
        content={"reasons": list(cause.reasons)},
        postings=tuple(draft.postings),
        new_lots=new,
        prev=books.chain,
        hash=b"",
    )
    entry = replace(unhashed, hash=hash_of(unhashed))
    return entry, replace(
        books,
        version=entry.version,
        lots_made=books.lots_made + len(new),
        chain=entry.hash,
        debt=draft.debt,
        lots=tuple(draft.lots.values()),
    )


def hash_of(entry: Entry) -> bytes:
    """SHA-256 over the previous hash and the entry's canonical JSON."""
    text = json.dumps(_content(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(entry.prev + text.encode()).digest()


def micros(at: datetime | None) -> int | None:
    """Whole microseconds since 1970 (UTC), without passing through a float."""
    return None if at is None else (at - EPOCH) // timedelta(microseconds=1)


def _content(entry: Entry) -> Mapping[str, Any]:
    return {
        "member": entry.member,
        "version": entry.version,
        "kind": entry.kind,
        "key": entry.key,
        "program": [entry.program, entry.program_version],
        "order": list(entry.order) if entry.order else None,
        "delivery": entry.delivery,
        "event_at": micros(entry.event_at),
        "recorded_at": micros(entry.recorded_at),
        "period": entry.period,
        "content": entry.content,
        "postings": [_posting(posting) for posting in entry.postings],
        "lots": [_lot(lot) for lot in entry.new_lots],
    }


def _posting(posting: Posting) -> list[Any]:
    moves = [[a.lot, a.pending, a.available, a.held, a.debt] for a in posting.allocations]
    return [posting.rule, posting.source, posting.destination, posting.amount, moves]


def _lot(lot: Lot) -> list[Any]:
    """The lot's immutable facts; its counters follow from the allocations."""
    dates = [micros(lot.granted_at), micros(lot.usable_from), micros(lot.expires_at)]
    facts = [lot.connection, lot.order, lot.parent, lot.net_base, lot.yen_value]
    return [lot.number, lot.origin, lot.granted, *dates, *facts, lot.company, lot.store]
