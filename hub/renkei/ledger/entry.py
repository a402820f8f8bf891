"""Finishing a transaction: its version, its place in the member's hash chain, the books after it.

Pure. The hash covers everything that is written of the transaction; instants enter it as whole
microseconds, so that it is the same when recomputed from the database.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from renkei.ledger.books import Books, Lot
from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import Entry
from renkei.ledger.transaction import Draft, Posting

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Cause(NamedTuple):
    """Why a transaction is booked. ``key`` names the request or the order's revision.

    ``note`` is sealed text about persons (a reason, a clerk's name): it is kept beside the chain,
    which holds its digest only, so that it can be erased.
    """

    kind: str
    key: str
    program_version: int | None = None
    order: OrderKey | None = None
    delivery: str | None = None
    reasons: tuple[str, ...] = ()
    note: bytes | None = None
    facts: Mapping[str, Any] = MappingProxyType({})

    def content(self) -> Mapping[str, Any]:
        """What a statement shows of it, and facts that the chain shall cover."""
        return {"reasons": list(self.reasons), **self.facts}


def finish(
    draft: Draft, cause: Cause, recorded_at: datetime, period: str
) -> list[tuple[Entry, Books]]:
    """The draft's entries, one for each home it booked something in, and those books after it."""
    booked = {posting.home for posting in draft.postings}
    return [_finish(draft, home, cause, recorded_at, period) for home in sorted(booked)]


def _finish(
    draft: Draft, home: str, cause: Cause, recorded_at: datetime, period: str
) -> tuple[Entry, Books]:
    books = draft.homes[home]
    new = tuple(draft.lots[ref] for ref in sorted(draft.fresh) if ref[0] == home)
    unhashed = Entry(
        member=home,
        version=books.version + 1,
        kind=cause.kind,
        key=cause.key,
        program=books.program,
        program_version=cause.program_version,
        order=cause.order,
        delivery=cause.delivery,
        root=draft.group.root,
        event_at=draft.event_at,
        recorded_at=recorded_at,
        period=period,
        content=cause.content(),
        note=cause.note,
        note_digest=hashlib.sha256(cause.note).digest() if cause.note else None,
        postings=tuple(posting for posting in draft.postings if posting.home == home),
        new_lots=new,
        prev=books.chain,
        hash=b"",
    )
    entry = unhashed._replace(hash=hash_of(unhashed))
    return entry, books._replace(
        version=entry.version,
        lots_made=books.lots_made + len(new),
        chain=entry.hash,
        debt=draft.debts[home],
        lots=tuple(lot for lot in draft.lots.values() if lot.home == home),
    )


def hash_of(entry: Entry) -> bytes:
    """SHA-256 over the previous hash and the entry's canonical JSON."""
    return hashlib.sha256(entry.prev + canonical(_content(entry))).digest()


def digest_of(content: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON: the identity of a content."""
    return hashlib.sha256(canonical(content)).digest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """The one spelling of a content: JSON in UTF-8, sorted keys, no spaces."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def micros(at: datetime | None) -> int | None:
    """Whole microseconds since 1970 (UTC), without passing through a float."""
    return None if at is None else (at - EPOCH) // MICROSECOND


def _content(entry: Entry) -> Mapping[str, Any]:
    return {
        "member": entry.member,
        "version": entry.version,
        "kind": entry.kind,
        "key": entry.key,
        "program": [entry.program, entry.program_version],
        "order": list(entry.order) if entry.order else None,
        "delivery": entry.delivery,
        "root": entry.root,
        "event_at": micros(entry.event_at),
        "recorded_at": micros(entry.recorded_at),
        "period": entry.period,
        "content": entry.content,
        "note": entry.note_digest.hex() if entry.note_digest else None,
        "postings": [_posting(posting) for posting in entry.postings],
        "lots": [_lot(lot) for lot in entry.new_lots],
    }


def _posting(posting: Posting) -> list[Any]:
    moves = [[a.ref[1], a.pending, a.available, a.held, a.debt] for a in posting.allocations]
    return [posting.rule, posting.source, posting.destination, posting.amount, moves]


def _lot(lot: Lot) -> list[Any]:
    """The lot's immutable facts; its counters follow from the allocations."""
    ends = None if lot.slides_months else lot.expires_at
    dates = [micros(lot.granted_at), micros(lot.usable_from), micros(ends), lot.slides_months]
    facts = [lot.connection, lot.order, lot.parent, lot.net_base, lot.yen_value, lot.company]
    kind = [lot.store, lot.point_type, list(lot.only_at)]
    return [lot.number, lot.origin, lot.granted, *dates, *facts, *kind]
