"""Faults to put into the hub on purpose, each by replacing one thing."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from reference_allowances import GRACE

from renkei.ledger import balance
from renkei.ledger.books import Lot
from renkei.ledger.lots import spendable
from renkei.services.attempt import Attempt
from renkei.services.orders import settle
from renkei.services.points import hold
from renkei.services.till import allowance, sale
from renkei.services.till.offline import Numbered
from renkei.services.till.sale import CommitSale
from renkei_contracts.ids import ExternalRef

Fault = Callable[[pytest.MonkeyPatch], None]


def a_receipt_told_twice_is_two_sales(patch: pytest.MonkeyPatch) -> None:
    """Known by no natural key: what is repeated earns again."""
    honest, numbers = sale.order_of, itertools.count()

    def anew(ask: Any, connection: str, yen_per_point: int = 1) -> Any:
        order = honest(ask, connection, yen_per_point)
        ref = ExternalRef(connection=connection, id=f"{order.ref.id}-{next(numbers)}")
        return order.model_copy(update={"ref": ref, "till": None})

    patch.setattr(sale, "order_of", anew)
    _is_never_known(patch)


def a_repeated_sale_is_decided_anew(patch: pytest.MonkeyPatch) -> None:
    """The order is one, but the first answer is not given again."""
    _is_never_known(patch)


def _is_never_known(patch: pytest.MonkeyPatch) -> None:
    honest = Attempt.remember

    def once(self: Attempt, request: Any, *rest: Any) -> None:
        if request not in self.world.requests:
            honest(self, request, *rest)

    patch.setattr(sale, "first_answer", lambda *_: None)
    patch.setattr(Attempt, "remember", once)


def a_hold_pays_for_two_sales(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CommitSale, "_require_own_hold", lambda *_: None)


def a_capture_takes_the_points_and_the_hold_stays(patch: pytest.MonkeyPatch) -> None:
    """What is paid is taken from the balance."""
    patch.setattr(settle.SettleOrder, "_hold_parts", lambda *_: ())


def held_points_are_spent_again(patch: pytest.MonkeyPatch) -> None:
    def both(lots: Any, *args: Any) -> int:
        return spendable((_all_of(lot) for lot in lots), *args)

    for module in (hold, sale):
        patch.setattr(module, "spendable", both)


def _all_of(lot: Lot) -> Lot:
    return lot._replace(available=lot.available + lot.held, held=0)


def a_request_may_overdraw(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CommitSale, "_require_covered", lambda *_: None)


def an_allowance_has_no_grace(patch: pytest.MonkeyPatch) -> None:
    honest = allowance.place_hold

    def early(attempt: Any, name: Any, member: str, points: int, end: Any, channel: Any) -> Any:
        short = end - GRACE
        return honest(attempt, name, member, points, short, channel)

    patch.setattr(allowance, "place_hold", early)


def what_an_allowance_has_left_is_given_back(patch: pytest.MonkeyPatch) -> None:
    honest = settle.settle

    def ends(*args: Any, keeps: bool) -> Any:
        return honest(*args, keeps=False)

    patch.setattr(settle, "settle", ends)


def a_late_use_is_told_to_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sale, "require_left", lambda *_: None)


def a_count_pays_for_two_sales(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("renkei.services.points.allowance_use._misuse", lambda *_: None)
    patch.setattr(sale, "note_use", lambda *_: None)


def records_have_no_numbers(patch: pytest.MonkeyPatch) -> None:
    def decide(self: Numbered[Any], attempt: Attempt) -> Any:
        answer = self.command.decide(attempt)
        self.heard.again = False
        return answer

    patch.setattr(Numbered, "decide", decide)


def what_a_debt_covers_is_said_to_end(patch: pytest.MonkeyPatch) -> None:
    honest = balance._by_expiry
    patch.setattr(balance, "_by_expiry", lambda ready, most, zone: honest(ready, 10**9, zone))


FAULTS: list[Fault] = [
    a_receipt_told_twice_is_two_sales,
    a_repeated_sale_is_decided_anew,
    a_hold_pays_for_two_sales,
    a_capture_takes_the_points_and_the_hold_stays,
    held_points_are_spent_again,
    a_request_may_overdraw,
    an_allowance_has_no_grace,
    what_an_allowance_has_left_is_given_back,
    a_late_use_is_told_to_nobody,
    a_count_pays_for_two_sales,
    records_have_no_numbers,
    what_a_debt_covers_is_said_to_end,
]
