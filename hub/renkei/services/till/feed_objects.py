"""The things the feed tells of, as they are now, for one register."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.balance import channel_balance
from renkei.ledger.loading import read_groups
from renkei.loyalty.program import Program
from renkei.services.personal import masked, opened_identity, opened_names
from renkei.services.points.member_coupons import coupons_named
from renkei.services.till.till_terminal import Terminal
from renkei.storage.sealed import KeyRing
from renkei_contracts.feed import (
    BalanceChange,
    Change,
    CouponChange,
    MemberChange,
    RuleChange,
    StoreChange,
)
from renkei_contracts.member import MemberState

Names = list[tuple[str, str]]
"""(kind, the thing's own id), in the order in which they are told of."""

RULE = """
SELECT v.program_id, v.version, v.in_force_from, CAST(v.document AS text), clock_timestamp()
FROM connection c JOIN program_version v USING (program_id)
WHERE c.connection_id = :c ORDER BY v.version DESC"""

PROFILES = """
SELECT m.member_id, p.state, m.merged_into, k.wrapped, p.sealed,
       (SELECT i.sealed FROM identity i WHERE i.member_id = m.member_id AND i.kind = 'card'
          AND i.valid_until IS NULL ORDER BY i.valid_from DESC LIMIT 1)
FROM member m JOIN member_profile p USING (member_id) LEFT JOIN member_key k USING (member_id)
WHERE m.member_id = ANY(:ids)"""

STORES = """
SELECT DISTINCT ON (store) store, area, day_ends, stated_at FROM store_setting
WHERE connection_id = :c ORDER BY store, stated_at DESC"""


async def objects(
    conn: AsyncConnection, ring: KeyRing, terminal: Terminal, names: Sequence[tuple[str, str]]
) -> tuple[Change, ...]:
    """These things in their order; what is not this connection's is left out.

    A program is told as the version that is in force, and after it those that will be.
    """
    ids: dict[str, list[str]] = {}
    for kind, id in names:
        ids.setdefault(kind, []).append(id)
    rules: Sequence[Any] = ()
    if ids.keys() & {"balance", "rule"}:
        rules = (await conn.execute(text(RULE), {"c": terminal.connection})).all()
    found: dict[tuple[str, str], Change] = {}
    found |= await _balances(conn, terminal, ids.get("balance", []), rules)
    found |= await _members(conn, ring, ids.get("member", []))
    found |= await _coupons(conn, ids.get("coupon", []))
    found |= await _stores(conn, terminal, ids.get("store", []))
    versions = _versions(rules)
    every = {**{name: (one,) for name, one in found.items()}, ("rule", ""): versions}
    every |= {("rule", one.program): versions for one in versions}
    return tuple(one for name in names for one in every.get(name, ()))


def _versions(rules: Sequence[Any]) -> tuple[RuleChange, ...]:
    """The program's version that is in force, and those that will be."""
    if not rules:
        return ()
    told: list[Any] = []
    for row in rules[: rules.index(_in_force(rules)) + 1]:
        if not told or row[2] < told[-1][2]:  # else a newer one stands before it from its start on
            told.append(row)
    return tuple(
        RuleChange(
            program=program,
            version=version,
            in_force_from=since,
            digest=hashlib.sha256(document.encode()).hexdigest(),
        )
        for program, version, since, document, _now in reversed(told)
    )


def _in_force(rules: Sequence[Any]) -> Any:
    """Of these, the newest first; where none is yet, the first that will be."""
    return next((row for row in rules if row[2] <= row[4]), rules[-1])


async def _balances(
    conn: AsyncConnection, terminal: Terminal, members: list[str], rules: Sequence[Any]
) -> Mapping[tuple[str, str], Change]:
    if not (members and rules):
        return {}
    now, clock = rules[0][4], Program.model_validate_json(_in_force(rules)[3]).clock
    groups = await read_groups(conn, members)
    balances = {
        member: channel_balance(group, now, clock, terminal.channel).balance
        for member, group in groups.items()
    }
    return {
        ("balance", member): BalanceChange(
            member=member,
            spendable=one.spendable,
            pending=one.pending,
            balance_version=one.version,
            as_of=one.as_of,
        )
        for member, one in balances.items()
    }


async def _members(
    conn: AsyncConnection, ring: KeyRing, members: list[str]
) -> Mapping[tuple[str, str], Change]:
    rows = (await conn.execute(text(PROFILES), {"ids": members})).all() if members else []
    return {("member", row[0]): _member(ring, row) for row in rows}


def _member(ring: KeyRing, row: Any) -> MemberChange:
    member, state, into, wrapped, sealed, card = row
    if into is not None or state == "withdrawn" or wrapped is None:
        gone = MemberState.MERGED if into is not None else MemberState.WITHDRAWN
        return MemberChange(member=member, deleted=True, state=gone, merged_into=into or "")
    key = ring.unwrap(member, bytes(wrapped))
    number = opened_identity(ring, key, member, bytes(card)) if card is not None else ""
    names = masked(opened_names(ring, key, member, bytes(sealed)))
    return MemberChange(member=member, state=MemberState(state), masked_name=names, card=number)


async def _coupons(conn: AsyncConnection, codes: list[str]) -> Mapping[tuple[str, str], Change]:
    found = await coupons_named(conn, codes) if codes else []
    return {
        ("coupon", coupon.code): CouponChange(
            code=coupon.code,
            deleted=coupon.used_at is not None or coupon.is_taken_back,
            member=coupon.member,
            name=coupon.kind,
            title=terms.called,
            benefit=terms.benefit,
            usable_from=coupon.usable_from,
            usable_until=coupon.usable_until,
        )
        for coupon, terms in found
    }


async def _stores(
    conn: AsyncConnection, terminal: Terminal, names: list[str]
) -> Mapping[tuple[str, str], Change]:
    if not names:
        return {}
    rows = (await conn.execute(text(STORES), {"c": terminal.connection})).all()
    return {
        ("store", f"{terminal.connection}/{row[0]}"): StoreChange(
            store=row[0], area=row[1], day_ends=row[2], since=row[3]
        )
        for row in rows
    }
