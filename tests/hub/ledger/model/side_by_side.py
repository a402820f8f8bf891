"""The reference ledger and the hub, side by side: every act is done to both."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from as_contracts import order_of, refund_of, sale_of, till_key
from compared import CART, MEMBERS, SETTLES_FROM, SHOP, START, Compared
from in_memory_hub import copied
from reference_ledger import Answer
from reference_points import Refunded, State

from renkei.ledger.books import Channel
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.orders.refund import BookRefund
from renkei.services.orders.settle import SettleOrder
from renkei.services.points.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.points.expire import ExpireLots
from renkei.services.points.hold import LapseHolds, PlaceHold, ReleaseHold, hold_id, parse_hold_id
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.services.till.sale import CommitSale
from renkei.storage.sealed import KeyRing
from renkei_contracts.point import Adjustment, BalanceImport, PointsExchange, WriteOff
from renkei_contracts.till import HoldRequest

__all__ = ["CART", "MEMBERS", "SETTLES_FROM", "SHOP", "START", "SideBySide"]

RING = KeyRing({"1": b"k" * 32}, "1")
WORDS = {"reason": "r", "by": "b"}


class SideBySide(Compared):
    """What can happen to a shop's points."""

    # --- time and jobs

    def wait(self, time: timedelta) -> None:
        """Time passes."""
        if time:
            self.remember()
        self.now += time
        self.reference.advance(self.now)

    def jobs(self, member: str) -> None:
        """Book what has lapsed and expired. This changes no balance."""
        self._run(LapseHolds(member))
        self._run(ExpireLots(member))

    # --- orders of the cart

    def order(
        self, number: int, state: State, member: str | None, read_at: datetime | None = None
    ) -> None:
        """The cart tells an order."""
        key = (CART, f"o{number}")
        debts = dict(self.reference.debts)
        expected = self.reference.see(key, state, member, read_at)
        command = SettleOrder(
            order_of(key, state), read_at, None, member=member, alert_id=f"alr_{number}"
        )
        assert self._run(command).outcome == expected
        self._overdraft_was_told(debts, key)

    def polled(self, number: int, state: State, member: str | None) -> None:
        """The till's vendor tells a sale under a name of its own, with the receipt's."""
        key = (SHOP, f"v{number}")
        state = replace(state, receipt=str(till_key(number)))
        debts = dict(self.reference.debts)
        expected = self.reference.see(key, state, member)
        command = SettleOrder(order_of(key, state), None, None, member=member, alert_id="alr_p")
        assert self._run(command).outcome == expected
        self._overdraft_was_told(debts, key)

    def refund(self, channel: str, number: int, name: str, refund: Refunded) -> None:
        """A refund is told apart from its order."""
        key = (CART, f"o{number}") if channel == CART else (SHOP, str(till_key(number)))
        expected = self.reference.refund(key, name, refund)
        command = BookRefund(refund_of(key, name, refund), None, "alr_r")
        if expected == "key reused":
            self._refused(command, expected, copied(self.hub.world))
        else:
            assert self._run(command).outcome == expected

    # --- tills

    def place(self, channel: str, key: str, member: str, points: int, ttl: int) -> None:
        """A till or a cart asks for a hold."""
        ends = self.now + timedelta(seconds=ttl)
        ask = HoldRequest(key=key, member=member, points=points, ttl_seconds=ttl)
        given, answer = self._both(
            lambda: self.reference.hold(channel, key, member, points, ttl, ends),
            PlaceHold(ask, channel, Channel(channel)),
        )
        if given is None:
            return
        if given[0] == len(self.holds):
            self.holds.append(parse_hold_id(answer.hold))
        assert parse_hold_id(answer.hold) == self.holds[given[0]]
        assert (answer.points, answer.lapses_at, answer.spendable) == given[1:]

    def release(self, channel: str, number: int) -> None:
        """A channel gives a hold back."""
        given, answer = self._both(
            lambda: self.reference.release(channel, number),
            ReleaseHold(self.holds[number], Channel(channel)),
        )
        assert given is None or (answer.spendable,) == given

    def commit(
        self,
        number: int,
        revision: int,
        state: State,
        member: str | None,
        hold: int | None,
        *,
        occurred: bool,
    ) -> None:
        """The till tells a finished sale."""
        name = None if hold is None else hold_id(self.holds[hold])
        ask = sale_of(number, revision, state, member, name, occurred=occurred)
        key = (SHOP, str(ask.sale))
        debts = dict(self.reference.debts)
        given, answer = self._both(
            lambda: self.reference.commit(key, revision, state, member, hold, occurred=occurred),
            CommitSale(ask, SHOP, f"alr_{number}"),
        )
        if given is not None:
            assert (answer.member or None, answer.earned, answer.used, answer.spendable) == given
        self._overdraft_was_told(debts, key)

    # --- corrections

    def adjust(
        self,
        key: str,
        member: str,
        points: int,
        at: datetime | None,
        ends: datetime | None,
        *,
        occurred: bool,
    ) -> None:
        """A person gives or takes points."""
        ask = Adjustment(
            key=key,
            member=member,
            points=points,
            occurred_at=at,
            expires_at=ends,
            occurred=occurred,
            **WORDS,
        )
        self._correct(
            lambda: self.reference.adjust(key, member, points, at, ends, occurred=occurred),
            Adjust(ask, RING),
        )

    def exchange(self, key: str, member: str, points: int) -> None:
        """Points from or to another program."""
        ask = PointsExchange(key=key, member=member, points=points, partner="p")
        self._correct(
            lambda: self.reference.exchange(key, member, points), ExchangePoints(ask, RING)
        )

    def bring(
        self, key: str, member: str, points: int, at: datetime, ends: datetime | None
    ) -> None:
        """Points from the system used before."""
        ask = BalanceImport(
            key=key, member=member, points=points, granted_at=at, expires_at=ends, source="s"
        )
        self._correct(
            lambda: self.reference.bring(key, member, points, at, ends), ImportBalance(ask, RING)
        )

    def write_off(self, key: str, member: str, points: int) -> None:
        """The shop gives up on a debt."""
        ask = WriteOff(key=key, member=member, points=points, **WORDS)
        self._correct(
            lambda: self.reference.write_off(key, member, points), WriteOffDebt(ask, RING)
        )

    def _correct(self, reference: Callable[[], Answer], command: Any) -> None:
        given, answer = self._both(reference, command)
        assert given is None or (answer.spendable, answer.debt) == given

    # --- groups and quotas

    def merge(self, member: str, into: str) -> None:
        """Two members are one from now on."""
        self.reference.merge(member, into)
        self._pointer(MergeMembers(member, into, "m"))

    def unmerge(self, member: str) -> None:
        """A member stands alone again."""
        self.reference.unmerge(member)
        self._pointer(UnmergeMember(member, "m"))

    def _pointer(self, command: Any) -> None:
        """10. Merging and parting move no lot and no balance, and enter nothing."""
        before = {m: (b.lots, b.debt, b.holds) for m, b in self.hub.world.books.items()}
        self._run(command)
        after = {m: (b.lots, b.debt, b.holds) for m, b in self.hub.world.books.items()}
        assert before == after
        assert self.hub.staged.entries == []

    def claim(self, quota: str, limit: int, claimant: str, wanted: int) -> None:
        """An order claims from a quota, which is opened by its first claim."""
        if quota not in self.reference.limits:
            self.reference.limits[quota] = limit
            self._run(OpenQuota(quota, "day", limit))
        expected = self.reference.claim(quota, claimant, wanted)
        assert self._run(ClaimQuota(quota, "day", claimant, wanted)) == expected
        used = self.hub.world.quotas[quota, "day"].used
        assert used == sum(self.reference.claims[quota].values())
