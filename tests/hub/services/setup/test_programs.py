"""Programs are read from TOML, published for ever, compared, and tried on stored orders."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest

from renkei.errors import ProgramInvalid, RequestInvalid, UnknownProgram
from renkei.loyalty.context import MemberFacts
from renkei.loyalty.program import DEFAULT, Program
from renkei.services.booking import Booking
from renkei.services.setup.backtest import back_test
from renkei.services.setup.programs import (
    differences,
    dry_run,
    newest,
    preset,
    publish,
    read,
    read_cart,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.japanese import JST

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


def test_the_plain_preset_says_what_is_so_without_it() -> None:
    assert read(preset("plain")) == DEFAULT.model_copy(update={"title": "ポイント"})


def test_a_preset_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UnknownProgram, match="plain"):
        preset("../secret")


def test_a_campaign_is_read_with_its_dates() -> None:
    campaign = '[[campaigns]]\nname = "x"\npercent = 200\nstarts = 2026-12-01T00:00:00+09:00\n'
    assert read(campaign).campaigns[0].starts == datetime(2026, 11, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("id = ", "at end of document"),
        ("[earn]\npoints = 1.5", "earn.points"),
        ("[earn]\npionts = 1", "earn.pionts"),
        ('[[campaigns]]\nname = "x"\nwhen = "order.totl > 1"\npercent = 200', "order.totl"),
        ('[[campaigns]]\nname = "x"', "exactly one of percent, points, fixed"),
        ('zone = "Mars/Olympus"', "zone"),
        ('[[campaigns]]\nname = "二倍"\npercent = 200', "campaigns.0.name: is a name of a-z, 0-9"),
    ],
)
def test_a_document_that_is_no_program_says_where(toml: str, fault: str) -> None:
    with pytest.raises(ProgramInvalid) as refusal:
        read(toml)
    assert fault in str(refusal.value)


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("[offline]\npoints = 1000", "offline: without hours; 0 says that nothing is allowed"),
        ("[offline]\ngrace_hours = 4", "offline: without hours and points;"),
        ("[override]\npoints = 100", "override: without per_day; 0 says"),
    ],
)
def test_half_a_section_that_would_allow_nothing_is_refused(toml: str, fault: str) -> None:
    with pytest.raises(ProgramInvalid, match=fault):
        read(toml)
    assert not read("[offline]\npoints = 0\nhours = 24").offline.allowed


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ProgramInvalid) as refusal:
        read("[earn]\npoints = 0\nper_yen = 0")
    assert len(refusal.value.faults) == 2


def test_what_differs_is_named_by_its_place() -> None:
    changed = read('[earn]\npoints = 2\n[[campaigns]]\nname = "x"\nfixed = 5')
    places = {place: (before, after) for place, before, after in differences(DEFAULT, changed)}
    assert places["earn.points"] == (1, 2)
    assert places["campaigns.x.fixed"] == (None, 5)
    assert differences(DEFAULT, DEFAULT) == []


def test_an_order_that_is_none_names_its_field() -> None:
    with pytest.raises(RequestInvalid, match="changed_at"):
        read_cart('{"ref": {"connection": "c", "id": "1"}}')


async def test_a_version_is_published_once_and_the_newest_is_found(booking: Booking) -> None:
    draft = Program.model_validate({"earn": {"points": 3}})
    done = await publish(booking.database, draft, None)
    assert done.version == 2
    assert await newest(booking.database, "default") == draft
    with pytest.raises(UnknownProgram):
        await newest(booking.database, "other")


async def test_no_version_is_in_force_in_the_past(booking: Booking) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(RequestInvalid, match="since"):
        await publish(booking.database, DEFAULT, yesterday)


@pytest.mark.parametrize("before", [timedelta(0), timedelta(days=1), timedelta(days=7)])
async def test_versions_that_are_to_come_are_left_out_only_where_it_is_said(
    booking: Booking, before: timedelta
) -> None:
    next_week = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
    earlier = next_week - before if before < timedelta(days=7) else None
    await publish(booking.database, DEFAULT, next_week)
    await publish(booking.database, DEFAULT, next_week + timedelta(days=1))
    said = next_week.astimezone(JST).isoformat()
    with pytest.raises(RequestInvalid, match=rf"version 2, to be in force from {re.escape(said)}"):
        await publish(booking.database, DEFAULT, earlier)
    done = await publish(booking.database, DEFAULT, earlier, replace_scheduled=True)
    assert (done.version, done.replaces) == (4, (2, 3))
    again = await publish(booking.database, DEFAULT, next_week + timedelta(days=2))
    assert again.replaces == ()


async def test_a_programs_days_never_change_their_zone(booking: Booking) -> None:
    with pytest.raises(RequestInvalid, match="zone"):
        await publish(booking.database, Program(zone="Asia/Seoul"), None)


async def test_a_new_program_begins_with_its_first_version(booking: Booking) -> None:
    done = await publish(booking.database, Program(id="group"), None)
    assert done.version == 1


async def test_a_draft_is_tried_on_stored_orders_and_books_nothing(booking: Booking) -> None:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=PLACED)
    await booking.enrol(seen)
    for n in range(3):
        line = LineItem(id="1", quantity=1, amount=11_000 * (n + 1), tax_rate=1000)
        order = Order(
            ref=ExternalRef(connection="cart", id=f"o{n}"),
            changed_at=PLACED,
            placed_at=PLACED + timedelta(days=n),
            state=OrderState.PAID,
            customer=ExternalRef(connection="cart", id="c1"),
            lines=(line,),
        )
        await booking.settle(order, read_at=None, delivery_key=None)
    same = await back_test(booking.database, DEFAULT, PLACED)
    assert (same.orders, same.booked, same.draft, same.members) == (3, 600, 600, 0)
    campaign = {"name": "big", "when": "order.total > 20000", "percent": 200}
    draft = Program.model_validate({"campaigns": [campaign]})
    found = await back_test(booking.database, draft, PLACED + timedelta(days=1))
    assert (found.orders, found.booked, found.draft, found.more) == (2, 500, 1000, 2)
    assert (found.members, found.cost) == (1, 500)


def test_a_cart_may_say_who_buys() -> None:
    order = '"ref": {"connection": "c", "id": "1"}, "state": "paid", "lines": [], '
    order += '"changed_at": "2026-11-10T03:00:00Z", "placed_at": "2026-11-10T03:00:00Z"'
    member = '"member": {"tier": "gold", "birthday": "2000-02-29", "segments": ["tea"]}'
    known = read_cart(f"{{{order}, {member}}}").member
    assert known == MemberFacts("gold", date(2000, 2, 29), segments=("tea",))
    assert read_cart(f"{{{order}}}").member == MemberFacts()
    with pytest.raises(RequestInvalid, match=r"member\.teir"):
        read_cart(f'{{{order}, "member": {{"teir": "gold"}}}}')


async def test_a_dry_run_shows_what_a_coupon_takes_off_by_the_name_of_its_kind(
    booking: Booking,
) -> None:
    draft = read('[[coupons]]\nname = "spring"\nyen = 300\nminimum = 1000\n')
    cart = {
        "ref": {"connection": "cart", "id": "1"},
        "changed_at": "2026-11-10T00:00:00Z",
        "placed_at": "2026-11-10T00:00:00Z",
        "state": "paid",
        "lines": [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}],
        "coupons": ["spring", "summer"],
    }
    result = await dry_run(booking.database, draft, read_cart(json.dumps(cart)))
    assert [(rate.total, rate.coupon_discount) for rate in result.rates] == [(800, 300)]
    assert "coupon spring: ¥300 off" in result.reasons
    assert "coupon: summer is not known" in result.reasons
