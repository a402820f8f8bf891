"""Replaying what orders used and what debts were repaid, home by home.

The log says which lots a redemption took and which a restoration gave back. Played in order that
gives each order's stack, and how much of each lot went into debts; both must be what is stored.
Of a stack that names lots of several homes, each home replays its own part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from renkei.ledger.books import DEBT_LOT
from renkei.ledger.invariants import NETTED, STACKS, Finding

MOVED, NET, USED = 0, 1, 2

MOVES = f"""
SELECT * FROM (
  SELECT a.member_id, {MOVED} AS part, a.version AS at, a.n::bigint AS nth, p.rule,
         t.connection_id, t.order_ref,
         CASE WHEN p.rule = 'refund.restore' AND l.origin = 'restore' AND l.version = a.version
             AND NOT EXISTS (SELECT FROM allocation b WHERE b.member_id = a.member_id
                               AND b.version = a.version AND b.lot = a.lot AND b.n < a.n)
           THEN coalesce(l.parent_lot, {DEBT_LOT}) ELSE a.lot END AS lot,
         abs(a.d_available + a.d_held + a.d_debt) AS amount, '' AS stored
  FROM posting p JOIN allocation a USING (member_id, version, leg)
    JOIN txn t USING (member_id, version) LEFT JOIN lot l USING (member_id, lot)
  WHERE p.rule IN ('redeem', 'hold.capture', 'refund.restore')
     OR p.rule = 'debt.take' AND p.destination = 'redeemed'
     OR p.rule = 'debt.repay' AND a.lot <> {DEBT_LOT}
  UNION ALL
  SELECT member_id, {NET}, 0, 0, '', NULL, NULL, lot, netted, '' FROM lot WHERE netted > 0
  UNION ALL
  SELECT coalesce(u.part ->> 0, s.member_id), {USED}, 0, u.nth, '', s.connection_id, s.order_ref,
         0, 0, replace(u.part::text, ' ', '')
  FROM settled s CROSS JOIN LATERAL json_array_elements(
         CASE json_typeof(s.used) WHEN 'array' THEN s.used ELSE json_build_array(s.used) END)
       WITH ORDINALITY AS u(part, nth)) moves
{{where}} ORDER BY member_id, part, at, nth"""
"""What moved, in the order of booking; then what is stored of it.

What makes a lot to restore one that was over counts as that one; to restore a debt that is gone, as
the debt. The same transaction may give the new lot more: what that has repaid meanwhile. Columns:
member, part, version, n, rule, connection, order, lot, amount, stored part.
"""

Order = tuple[str, str]
Stack = list[tuple[int, int]]


@dataclass
class Replay:
    """The replay, member by member; it remembers only the member at hand."""

    findings: list[Finding] = field(default_factory=list)
    _member: str = ""
    _netted: dict[int, int] = field(default_factory=dict)
    _stacks: dict[Order, Stack] = field(default_factory=dict)
    _stored_netted: dict[int, int] = field(default_factory=dict)
    _stored_stacks: dict[Order, list[str]] = field(default_factory=dict)

    def step(self, rows: Sequence[Any]) -> None:
        """Look at the next rows of MOVES."""
        for member, part, version, _, rule, connection, ref, lot, amount, stored in rows:
            if member != self._member:
                self.end()
                self._member = member
            if part == NET:
                self._stored_netted[lot] = amount
            elif part == USED:
                self._stored_stacks.setdefault((connection, ref), []).append(stored)
            elif rule == "debt.repay":
                self._netted[lot] = self._netted.get(lot, 0) + amount
            elif rule == "refund.restore":
                self._restore(version, (connection, ref), lot, amount)
            else:
                self._stacks.setdefault((connection, ref), []).append((lot, amount))

    def _restore(self, version: int, order: Order, lot: int, amount: int) -> None:
        """Take it off the order's stack. A debt goes back to the lot that repaid it meanwhile."""
        stack = self._stacks.get(order, [])
        top, used = stack.pop() if stack else (DEBT_LOT, 0)
        if used < amount or top not in (lot, DEBT_LOT):
            subject = f"{self._member} transaction {version}"
            detail = f"it gives {amount} back to lot {lot}, which is not what the order used last"
            self.findings.append(Finding(STACKS, subject, detail))
        if top == DEBT_LOT != lot:
            self._netted[lot] = self._netted.get(lot, 0) - amount
        if used > amount:
            stack.append((top, used - amount))

    def end(self) -> None:
        """Compare what was replayed for the member at hand with what is stored."""
        for lot in sorted(self._netted.keys() | self._stored_netted.keys()):
            where = f"{self._member} lot {lot}"
            self._compare(NETTED, where, self._stored_netted.get(lot, 0), self._netted.get(lot, 0))
        for order in sorted(self._stacks.keys() | self._stored_stacks.keys(), key=str):
            used = [f'["{self._member}",{lot},{part}]' for lot, part in self._stacks.get(order, ())]
            where = f"{self._member} order {order[0]}/{order[1]}"
            self._compare(STACKS, where, self._stored_stacks.get(order, []), used)
        for kept in (self._netted, self._stacks, self._stored_netted, self._stored_stacks):
            kept.clear()

    def _compare(self, invariant: str, where: str, stored: object, booked: object) -> None:
        if stored != booked:
            self.findings.append(Finding(invariant, where, f"stored {stored}, booked {booked}"))
