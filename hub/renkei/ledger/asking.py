"""What loading asks for: statements by name, the locks among them in their order. Pure.

A statement that has nothing to ask for is None.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from renkei.ledger import queries as sql
from renkei.ledger.books import DEBT_LOT, HoldName
from renkei.ledger.keys import IdentityKey, OrderKey
from renkei.ledger.loaded import Windows
from renkei.ledger.read_allowances import allowance_statement, owners_statement
from renkei.ledger.read_coupons import coupon_members_statement, coupon_statement
from renkei.ledger.read_places import place_statement, product_statement
from renkei.ledger.target import Settled
from renkei.ledger.world import Needs, Sighting
from renkei.storage.trip import Rows, Statement, as_json, joined

SettledFor = Mapping[tuple[str, OrderKey], Settled]

Asking = dict[str, Statement | None]
"""The statements of a trip, by their names; None: nothing to ask for."""


def names(needs: Needs) -> Asking:
    """What names are known, then the orders' locks, and what those guard."""
    keys = [{"c": connection, "r": ref} for connection, ref in sorted(needs.orders)]
    sales = [dict(zip("cstdnr", key, strict=True)) for key in sorted(needs.sales)]
    seen = [{"k": kind, "s": scope, "b": blind.hex()} for kind, scope, blind in needs.identities]
    orders = {"keys": as_json(keys), "sales": as_json(sales)}
    viewers = sorted({one.connection for one in needs.sightings})
    return {
        "sales": for_any(sales, sql.SALES, keys=orders["sales"]),
        "identities": for_any(seen, sql.IDENTITIES, keys=as_json(seen)),
        "orders": for_any(keys or sales, sql.ORDERS, **orders),
        "settled": for_any(keys or sales, sql.SETTLED, **orders),
        "windows": for_any(viewers, sql.PAIRS, ids=joined(viewers)),
        "hold_parts": for_any(needs.holds, sql.HOLD_PARTS, names=_hold_names(needs.holds)),
        "coupon_members": coupon_members_statement(needs.coupons),
        "allowance_members": owners_statement(needs.allowances),
    } | channels(needs)


def channels(needs: Needs) -> Asking:
    """The connections and the programs of everybody."""
    ids = joined(needs.connections)
    return {
        "programs": Statement(sql.PROGRAMS, {"ids": ids, "members": joined(needs.members)}),
        "connections": for_any(needs.connections, sql.CONNECTIONS, ids=ids),
    }


def groups(members: Iterable[str]) -> Asking:
    """Everybody who counts together with one of these, without a lock."""
    ids = joined(members)
    return {"groups": for_any(ids, sql.GROUPS, ids=ids)}


def for_any(asked: object, statement: str, **values: Any) -> Statement | None:
    """The statement, unless nothing is asked for."""
    return Statement(statement, values) if asked else None


def roots_of(groups: Rows) -> list[str]:
    """Those who are merged into nobody."""
    return [member for member, into in groups if into is None]


def locks(needs: Needs, groups: Rows) -> Asking:
    """The locks in their order, the heads they guard, and the clock after them: heads bring it.

    A group's root alone would guard it, but a batch that still takes a home for a root would then
    deadlock with one that writes to that home: everyone in a group is locked.
    """
    ids, roots = joined(member for member, _ in groups), roots_of(groups)
    keys = sorted(needs.quotas | {key[:2] for key in needs.claims})
    quotas = as_json([{"s": scope, "p": period} for scope, period in keys])
    return {
        "locked": for_any(groups, sql.LOCK, ids=ids),
        "quotas": for_any(keys, sql.QUOTAS, keys=quotas),
        "periods": for_any(groups, sql.PERIODS, ids=ids),
        "heads": for_any(roots, sql.HEADS, ids=joined(roots)),
        "clock": None if roots else Statement(sql.CLOCK),
    }


def beside(
    needs: Needs,
    orders: Iterable[OrderKey],
    identities: Mapping[IdentityKey, tuple[str, str]],
    windows: Windows,
) -> Asking:
    """What else the commands look at."""
    personal = sorted({member for member, _ in identities.values()} | needs.keys_of)
    requests = [{"s": scope, "k": key} for scope, key in needs.requests]
    claims = [{"s": scope, "p": period, "c": who} for scope, period, who in needs.claims]
    customers = [{"c": connection, "e": id} for connection, id in needs.customers]
    refunded = [{"c": connection, "r": ref} for connection, ref in {*needs.orders, *orders}]
    return {
        "requests": for_any(requests, sql.REQUESTS, keys=as_json(requests)),
        "holds_named": for_any(needs.holds, sql.NAMED_HOLDS, names=_hold_names(needs.holds)),
        "member_keys": for_any(personal, sql.MEMBER_KEYS, ids=joined(personal)),
        "customers": for_any(customers, sql.CUSTOMERS, keys=as_json(customers)),
        "claims": for_any(claims, sql.CLAIMS, keys=as_json(claims)),
        "refunds": for_any(refunded, sql.REFUNDS, keys=as_json(refunded)),
        "coupons": coupon_statement(needs.coupons),
        "allowances": allowance_statement(needs.allowances),
        "places": place_statement(needs.places),
        "products": product_statement(needs.products),
    } | look_alikes(needs, windows)


def look_alikes(needs: Needs, windows: Windows) -> Asking:
    """Sales elsewhere that may be the same."""
    seen = [one for sighting in needs.sightings for one in _looks(sighting, windows)]
    return {"lookalikes": for_any(seen, sql.LOOKALIKES, seen=as_json(seen))}


def _hold_names(names: Iterable[HoldName]) -> str:
    return as_json([{"m": member, "v": version} for member, version in sorted(names)])


def books(groups: Rows, settled: SettledFor, since: datetime | None) -> Asking:
    """Open lots, and closed ones that a decision of this batch may need (Books says which)."""
    ids = joined(member for member, _ in groups)
    named = {(member, lot) for (member, _), done in settled.items() for lot in done.lots}
    used = {ref for done in settled.values() for ref, _ in done.used}
    asked = [{"m": home, "l": lot} for home, lot in sorted(named | used) if lot != DEBT_LOT]
    debtors = joined({home for home, lot in used if lot == DEBT_LOT})
    values = {"ids": ids, "named": as_json(asked), "since": since, "debtors": debtors}
    return {
        "lots": for_any(ids, sql.LOTS, **values),
        "holds": for_any(ids, sql.HOLDS, ids=ids),
        "activities": for_any(ids, sql.ACTIVITIES, ids=ids),
    }


def _looks(sighting: Sighting, windows: Windows) -> list[dict[str, Any]]:
    """Where else this sale may have been seen, and when."""
    viewer, total, at = sighting
    return [
        {
            "c": viewer,
            "other": other,
            "total": total,
            "first": (at - within),
            "last": (at + within),
        }
        for (one, other), within in windows.items()
        if one == viewer
    ]
