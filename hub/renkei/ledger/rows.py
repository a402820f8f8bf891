"""What a batch decided, as rows for the journal's statements. Pure."""

from typing import Any

from renkei.ledger.books import Lot
from renkei.ledger.staged import Entry, HoldEnd, NewHold, Staged
from renkei.ledger.world import World

Row = dict[str, Any]


def member_rows(world: World) -> list[Row]:
    """New members."""
    return [
        {
            "m": new.member,
            "program": new.program,
            "wrapped": new.wrapped_key.hex(),
            "profile": new.sealed_profile.hex(),
            "at": world.now,
        }
        for new in world.staged.members
    ]


def txn_row(entry: Entry) -> Row:
    """The head of a transaction."""
    connection, ref = entry.order or (None, None)
    return {
        "m": entry.member,
        "v": entry.version,
        "kind": entry.kind,
        "key": entry.key,
        "program": entry.program,
        "pv": entry.program_version,
        "c": connection,
        "r": ref,
        "delivery": entry.delivery,
        "root": entry.root,
        "event_at": entry.event_at,
        "recorded_at": entry.recorded_at,
        "period": entry.period,
        "digest": entry.note_digest.hex() if entry.note_digest else None,
        "content": entry.content,
    }


def chain_row(entry: Entry) -> Row:
    """A transaction's link to the one before."""
    return {
        "m": entry.member,
        "v": entry.version,
        "prev": entry.prev.hex(),
        "hash": entry.hash.hex(),
    }


def note_rows(staged: Staged) -> list[Row]:
    """Sealed notes, kept beside the chain."""
    return [
        {"m": entry.member, "v": entry.version, "sealed": entry.note.hex()}
        for entry in staged.entries
        if entry.note is not None
    ]


def posting_rows(entry: Entry) -> list[Row]:
    """The postings of a transaction."""
    return [
        {
            "m": entry.member,
            "v": entry.version,
            "leg": leg,
            "rule": posting.rule,
            "source": posting.source,
            "destination": posting.destination,
            "amount": posting.amount,
        }
        for leg, posting in enumerate(entry.postings, 1)
    ]


def allocation_rows(entry: Entry) -> list[Row]:
    """What the postings of a transaction did to each lot."""
    moves = [
        (leg, move) for leg, posting in enumerate(entry.postings, 1) for move in posting.allocations
    ]
    return [
        {
            "m": entry.member,
            "v": entry.version,
            "n": n,
            "leg": leg,
            "l": move.ref[1],
            "p": move.pending,
            "a": move.available,
            "h": move.held,
            "d": move.debt,
        }
        for n, (leg, move) in enumerate(moves, 1)
    ]


def new_lot_rows(entry: Entry, world: World) -> list[Row]:
    """The lots an entry made, with the counters they have at the end of the batch."""
    final = world.staged.lots
    return [
        {
            "m": entry.member,
            "l": lot.number,
            "v": entry.version,
            "origin": lot.origin,
            "c": lot.connection,
            "r": lot.order,
            "parent": lot.parent,
            "granted": lot.granted,
            "granted_at": lot.granted_at,
            "grant_year": int(entry.period[:4]),
            "net_base": lot.net_base,
            "yen_value": lot.yen_value,
            "company": lot.company,
            "store": lot.store,
            "usable_from": lot.usable_from,
            "expires_at": None if lot.slides_months else lot.expires_at,
            "type": lot.point_type,
            "only": lot.only_at,
            "slides": lot.slides_months,
            **_counters(final[lot.ref]),
        }
        for lot in entry.new_lots
    ]


def lot_rows(staged: Staged) -> list[Row]:
    """The counters of older lots."""
    made = {lot.ref for entry in staged.entries for lot in entry.new_lots}
    return [
        {"m": lot.home, "l": lot.number, **_counters(lot)}
        for ref, lot in sorted(staged.lots.items())
        if ref not in made
    ]


def _counters(lot: Lot) -> Row:
    return {
        "pending": lot.pending,
        "available": lot.available,
        "held": lot.held,
        "expired": lot.expired,
        "netted": lot.netted,
    }


def hold_row(hold: NewHold) -> Row:
    """A part of a hold."""
    return {
        "m": hold.member,
        "v": hold.version,
        "scope": hold.scope,
        "key": hold.key,
        "c": hold.connection,
        "amount": hold.amount,
        "lapses_at": hold.lapses_at,
        "lm": hold.lead[0],
        "lv": hold.lead[1],
        "for": hold.for_member,
    }


def hold_end_row(end: HoldEnd) -> Row:
    """How a part of a hold ended."""
    return {
        "m": end.member,
        "v": end.version,
        "e": end.end_version,
        "how": end.how,
        "captured": end.captured,
    }


def extension_rows(world: World) -> list[Row]:
    """Parts of holds that end later now."""
    every = world.staged.extensions
    return [
        {"m": one.home, "v": one.version, "at": one.lapses_at, "now": world.now} for one in every
    ]


def feed_rows(world: World) -> list[Row]:
    """What is told of: balances, members, coupons."""
    staged = world.staged
    members = {
        *(one.member for one in staged.members),
        *(one.member for one in staged.identities),
        *(one.member for one in staged.merges),
        *staged.profiles,
    }
    coupons = {one.code for one in staged.coupons} | {one.code for one in staged.coupon_moves}
    told = [{"k": "balance", "m": m, "v": world.version_of(m)} for m in sorted(staged.touched)]
    told += [{"k": "member", "m": member, "v": 0} for member in sorted(members)]
    return told + [{"k": "coupon", "m": code, "v": 0} for code in sorted(coupons)]


def head_rows(world: World) -> list[Row]:
    """The heads of the members for whom something was entered."""
    return [_head(world, member) for member in sorted({e.member for e in world.staged.entries})]


def _head(world: World, member: str) -> Row:
    books = world.books[member]
    return {
        "m": member,
        "v": books.version,
        "lots": books.lots_made,
        "chain": books.chain.hex(),
        "pending": sum(lot.pending for lot in books.lots),
        "available": sum(lot.available for lot in books.lots),
        "held": sum(lot.held for lot in books.lots),
        "debt": books.debt,
    }


def reach_rows(world: World) -> list[Row]:
    """Tiers that were reached."""
    return [
        {
            "m": new.member,
            "tier": new.reach.tier,
            "period": new.reach.period,
            "reached": new.at.isoformat(),
            "at": world.now.isoformat(),
        }
        for new in world.staged.reached
    ]
