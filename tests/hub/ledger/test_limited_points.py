"""Points for one channel or store, and point types a program spends first."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from renkei.ledger import holds
from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Books, Channel, Group, Lot
from renkei.ledger.transaction import Draft

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def lot(number: int, *, days: int | None = None, **more: object) -> Lot:
    made = Lot(number, "purchase", 100, NOW, NOW, None, available=100, home="m")
    ends = NOW + timedelta(days=days) if days is not None else None
    return made._replace(expires_at=ends, **more)


def group(*lots: Lot, debt: int = 0) -> Group:
    return Group.alone(Books("m", "default", 1, len(lots), b"", debt=debt, lots=lots))


@pytest.mark.parametrize(
    ("channel", "points"),
    [
        (Channel("cart"), 200),
        (Channel("pos", "shibuya"), 200),
        (Channel("pos", "ueno"), 100),
        (Channel("pos"), 100),
        (Channel("other"), 100),
        (None, 300),
    ],
)
def test_a_balance_is_always_for_a_channel(channel: Channel | None, points: int) -> None:
    mine = group(lot(1), lot(2, only_at=("cart",)), lot(3, only_at=("pos/shibuya",)))
    found = channel_balance(mine, NOW, ZoneInfo("Asia/Tokyo"), channel)
    assert found.balance.spendable == points


def test_a_hold_skips_points_that_do_not_count_there() -> None:
    mine = group(lot(1, days=3, only_at=("cart",)), lot(2, days=9))
    draft = Draft(mine, "m", NOW, Channel("pos", "shibuya"))
    assert holds.place(draft, 80, NOW) == ((("m", 2), 80),)


def test_a_type_that_the_program_spends_first_goes_before_a_sooner_end() -> None:
    mine = group(lot(1, days=3), lot(2, days=9, point_type="limited"), lot(3))
    draft = Draft(mine, "m", NOW, None, ("limited",))
    assert [one.number for one in draft.sorted_lots()] == [2, 1, 3]
    assert [one.number for one in Draft(mine, "m", NOW).sorted_lots()] == [1, 2, 3]
