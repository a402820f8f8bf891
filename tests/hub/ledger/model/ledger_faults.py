"""Faults to put into the hub on purpose, each by replacing one thing."""

from collections.abc import Callable
from typing import Any

import pytest

from renkei.ledger import entry, holds, lots, settlement, transaction
from renkei.ledger.books import Group, Lot, consumption_order
from renkei.ledger.quotas import Quota
from renkei.ledger.target import Settled
from renkei.services import attempt
from renkei.services.attempt import Attempt
from renkei.services.orders import settle
from renkei.services.points import corrections, hold
from renkei.services.till import sale
from renkei.services.till.sale import CommitSale

Fault = Callable[[pytest.MonkeyPatch], None]


def latest_expiry_first(patch: pytest.MonkeyPatch) -> None:
    def turned(lot: Lot, first: Any = ()) -> Any:
        rank, never, ends, *rest = consumption_order(lot, first)
        return (rank, never, -ends, *rest)

    patch.setattr(transaction, "consumption_order", turned)


def debt_is_not_repaid(patch: pytest.MonkeyPatch) -> None:
    for module in (settlement, holds, lots):
        patch.setattr(module, "repay_debt", lambda draft, inflow: None)


def expiry_is_not_undone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lots, "_undo_expiry", lambda draft, amount, at: None)


def duplicates_are_booked_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "compare", lambda *_: "newer")
    patch.setattr(Attempt, "settled_of", lambda self, member, order: Settled())


def older_states_win(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "compare", lambda *_: "newer")


def equal_clocks_win_unread(patch: pytest.MonkeyPatch) -> None:
    honest = settle.compare

    def careless(*args: Any) -> str:
        verdict = honest(*args)
        return "newer" if verdict == "reread" else verdict

    patch.setattr(settle, "compare", careless)


def held_points_are_spent_again(patch: pytest.MonkeyPatch) -> None:
    def both(group_lots: Any, *args: Any) -> int:
        return lots.spendable((lot._replace(available=lot.granted) for lot in group_lots), *args)

    patch.setattr(hold, "spendable", both)


def holds_never_lapse(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "lapsed", lambda holds, now: [])


def a_lapse_counts_when_it_is_booked(patch: pytest.MonkeyPatch) -> None:
    def late(draft: Any, parts: Any, now: Any) -> None:
        holds._give_back(draft, "hold.lapse", holds.frozen_in_order(draft, parts), now, now)

    patch.setattr(holds, "lapse", late)


def returns_go_back_in_the_order_of_use(patch: pytest.MonkeyPatch) -> None:
    honest = settlement._restore

    def turned(work: Any, amount: int) -> None:
        work.settled = work.settled._replace(used=work.settled.used[::-1])
        honest(work, amount)

    patch.setattr(settlement, "_restore", turned)


def clawback_takes_from_any_lot(patch: pytest.MonkeyPatch) -> None:
    def every(self: Any) -> Any:
        return [ref for ref in self.draft.lots if ref[0] == self.draft.member]

    patch.setattr(settlement.Settlement, "own", every)


def an_accepted_key_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Attempt, "remember", lambda self, request, digest, answer: None)


def a_refusal_leaves_a_trace(patch: pytest.MonkeyPatch) -> None:
    honest = CommitSale._require_covered

    def leaky(self: CommitSale, one: Attempt) -> None:
        one.world.requests[self.request] = (b"", {})
        honest(self, one)
        del one.world.requests[self.request]

    patch.setattr(CommitSale, "_require_covered", leaky)


def merges_are_not_seen(patch: pytest.MonkeyPatch) -> None:
    def alone(self: Attempt, member: str, beside: Any = ()) -> Group:
        return Group.alone(self.books_of(member))

    patch.setattr(Attempt, "group_of", alone)


def claims_are_handed_back(patch: pytest.MonkeyPatch) -> None:
    def fickle(quota: Quota, high_water: int, wanted: int) -> tuple[Quota, int]:
        mark = min(wanted, high_water + quota.limit - quota.used)
        return Quota(quota.limit, quota.used + mark - high_water), mark

    patch.setattr(attempt, "claim", fickle)


def points_are_usable_at_once(patch: pytest.MonkeyPatch) -> None:
    def alive(self: Lot, at: Any) -> bool:
        return self.usable_from is not None and not self.dead(at)

    patch.setattr(Lot, "alive", alive)


def a_request_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CommitSale, "_require_covered", lambda self, attempt: None)


def a_request_draws_what_was_alive_at_the_sale(patch: pytest.MonkeyPatch) -> None:
    honest = sale.SettleOrder
    patch.setattr(sale, "SettleOrder", lambda **told: honest(**{**told, "request": False}))


def the_old_member_keeps_a_moved_order(patch: pytest.MonkeyPatch) -> None:
    def keeps(frozen: Any, now: Any) -> Any:
        return nothing(frozen, now)._replace(earned=3, confirmed=3)

    nothing = settle.nothing
    patch.setattr(settle, "nothing", keeps)


def the_chain_does_not_cover_its_past(patch: pytest.MonkeyPatch) -> None:
    honest = entry.hash_of
    patch.setattr(entry, "hash_of", lambda one: honest(one._replace(prev=b"")))


def a_withdrawal_ignores_the_balance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(corrections, "require_spendable", lambda draft, points, now: None)


FAULTS: tuple[Fault, ...] = (
    latest_expiry_first,
    debt_is_not_repaid,
    expiry_is_not_undone,
    duplicates_are_booked_again,
    older_states_win,
    equal_clocks_win_unread,
    held_points_are_spent_again,
    holds_never_lapse,
    a_lapse_counts_when_it_is_booked,
    returns_go_back_in_the_order_of_use,
    clawback_takes_from_any_lot,
    an_accepted_key_is_forgotten,
    a_refusal_leaves_a_trace,
    merges_are_not_seen,
    claims_are_handed_back,
    points_are_usable_at_once,
    a_request_is_not_checked,
    a_request_draws_what_was_alive_at_the_sale,
    the_old_member_keeps_a_moved_order,
    the_chain_does_not_cover_its_past,
    a_withdrawal_ignores_the_balance,
)
