"""What loading found, as the world of a batch: rows become books, orders, holds. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from renkei.ledger.allowances import allowance_of
from renkei.ledger.books import Books, Hold, Lot
from renkei.ledger.coupons import coupon_of
from renkei.ledger.customers import customer_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.places import places_of, products_of
from renkei.ledger.quotas import Quota
from renkei.ledger.read_past import pasts_of
from renkei.ledger.sliding import slid
from renkei.ledger.staged import NewRefund, OrderRow
from renkei.ledger.target import Settled
from renkei.ledger.world import ConnectionFacts, Known, KnownHold, ProgramVersion, World
from renkei.storage.trip import Rows

Windows = Mapping[tuple[str, str], timedelta]

Found = Mapping[str, Rows]
"""What the statements of a trip gave, by their names."""


def known_in(names: Found) -> Known:
    """What is known before the locks. Asserted identities come first: a proven one wins."""
    return Known(
        programs=[ProgramVersion(*row) for row in names["programs"]],
        connections={row[0]: ConnectionFacts(*row[1:]) for row in names["connections"]},
        orders={(row[0], row[1]): _order_row(row) for row in names["orders"]},
        identities={(row[0], row[1], row[2]): (row[3], row[4]) for row in names["identities"]},
        sales={tuple(row[:6]): row[6] for row in names["sales"]},
    )


def world_in(names: Found, known: Known, found: Found) -> World:
    """All of it; ``now`` is the database's clock after the locks."""
    return World(
        now=_now(found),
        connections={**known.connections},
        programs=[
            *known.programs,
            *(ProgramVersion(*row) for row in found["other_programs"]),
        ],
        periods={(row[0], row[1]) for row in found["periods"]},
        orders={**known.orders},
        sales={**known.sales},
        identities={**known.identities},
        books=books_in(found),
        settled=settled_in(names["settled"]),
        requests={(row[0], row[1]): (row[2], row[3]) for row in found["requests"]},
        holds={(row[0], row[1]): _known_hold(row) for row in found["holds_named"]},
        member_keys={row[0]: row[1] for row in found["member_keys"]},
        customers={(row[0], row[1]): customer_of(row) for row in found["customers"]},
        merged={head[0]: head[8] for head in found["heads"]},
        quotas={(row[0], row[1]): Quota(row[2], row[3]) for row in found["quotas"]},
        claims={(row[0], row[1], row[2]): (row[3], row[4]) for row in found["claims"]},
        refunds=_refunds(found["refunds"]),
        lookalikes={(row[0], row[1]): _order_row(row) for row in found["lookalikes"]},
        windows={**windows_in(names["windows"])},
        coupons={row[0]: coupon_of(row) for row in found["coupons"]},
        places=places_of(found["places"]),
        products=products_of(found["products"]),
        pasts=pasts_of(found["pasts"]),
        allowances={row[0]: allowance_of(row) for row in found["allowances"]},
    )


def _now(found: Found) -> datetime:
    """Of a clock that was asked for by itself, or of the last head."""
    now: datetime = found["clock"][0][0] if found["clock"] else found["heads"][-1][9]
    return now


def _pair(connection: str | None, ref: str | None) -> OrderKey | None:
    return None if connection is None or ref is None else (connection, ref)


def _order_row(row: Any) -> OrderRow:
    return OrderRow(
        key=(row[0], row[1]),
        revision=row[2],
        clock=row[3],
        read_at=row[4],
        digest=row[5],
        placed_at=row[6],
        customer=row[7],
        member=row[8],
        same=_pair(row[9], row[10]),
        program=row[11],
        program_version=row[12],
        document=row[13],
        total=row[14],
        doubt=_pair(row[15], row[16]),
        apart=row[17],
        spent=row[18],
        facts=row[19],
    )


def settled_in(rows: Rows) -> dict[tuple[str, OrderKey], Settled]:
    """What is posted for these orders; their rows' locks guard it."""
    return {
        (row[0], (row[1], row[2])): Settled(
            row[3],
            row[4],
            tuple(row[5]),
            tuple(((home, lot), part) for home, lot, part in row[6]),
            tuple((kind, earned) for kind, earned in row[7]),
        )
        for row in rows
    }


def books_in(found: Found) -> dict[str, Books]:
    """Every member's books."""
    lots = _by_member(_lot(row) for row in found["lots"])
    active = {row[0]: tuple(row[1]) for row in found["activities"]}
    holds: dict[str, list[Hold]] = {}
    for row in found["holds"]:
        holds.setdefault(row[0], []).append(_hold(row))
    return {
        row[0]: slid(
            Books(
                member=row[0],
                program=row[1],
                version=row[2],
                lots_made=row[3],
                chain=row[4],
                debt=row[5],
                lots=tuple(lots.get(row[0], ())),
                holds=tuple(holds.get(row[0], ())),
                version_lead=row[6],
                activities=active.get(row[0], ()),
                zone=row[7],
            )
        )
        for row in found["heads"]
    }


def _lot(row: Any) -> Lot:
    """The columns of LOTS after the member stand in the order of Lot's fields."""
    return Lot(*(*row[1:20], tuple(row[20]), row[21], row[0]))


def _by_member(lots: Iterable[Lot]) -> dict[str, list[Lot]]:
    found: dict[str, list[Lot]] = {}
    for lot in lots:
        found.setdefault(lot.home, []).append(lot)
    return found


def _hold(row: Any) -> Hold:
    return Hold(
        version=row[1],
        key=row[2],
        amount=row[3],
        lapses_at=row[4],
        frozen=tuple(((row[0], lot), part) for lot, part in row[5]),
        connection=row[6],
        home=row[0],
        lead=(row[7], row[8]),
        scope=row[9],
    )


def _known_hold(row: Any) -> KnownHold:
    return KnownHold(row[2], row[3], tuple(row[4]), row[5], _pair(row[6], row[7]))


def _refunds(rows: Rows) -> dict[OrderKey, tuple[NewRefund, ...]]:
    found: dict[OrderKey, tuple[NewRefund, ...]] = {}
    for row in rows:
        order = (row[0], row[1])
        found[order] = (*found.get(order, ()), NewRefund((*order, row[2]), row[3], row[4]))
    return found


def windows_in(rows: Rows) -> Windows:
    """How far apart one sale's two sightings may be, for each pair of connections, both ways."""
    there = {(row[0], row[1]): row[2] for row in rows}
    return there | {(other, one): within for (one, other), within in there.items()}
