"""Each observation goes where it belongs; what the hub does not decide is for a person."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from acme import Cloud, vendor
from sqlalchemy import text

from renkei.messaging.changed import Hint
from renkei.registry import Registry
from renkei.services.booking import Booking
from renkei.services.flow.ingest import Cause, Ingest, Told, write_down
from renkei.services.members.channels import channels_of
from renkei.services.members.members import list_members
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import (
    ActivitySeen,
    BalanceSeen,
    Changed,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.order import LineItem, Order, OrderState

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
CUSTOMER = ExternalRef(connection="cart", id="c1")
ORDER = ExternalRef(connection="cart", id="o1")


def row(id: str, vendor: str = "acme", leads: str = "hub", program: str = "default") -> Any:
    return SimpleNamespace(id=id, vendor=vendor, leads=leads, program=program)


class Shops:
    """Connections of two vendors; only ``till`` lets us create customers."""

    registry = Registry(
        {
            "acme": vendor("acme", Cloud(), "absolute"),
            "till": vendor("till", Cloud(), "delta", creates=True),
        }
    )

    def __init__(self) -> None:
        self.of = [
            row("cart"),
            row("shop", "till"),
            row("led", "till", leads="vendor"),
            row("foreign", "till", program="other"),
            row("gone", "uninstalled"),
        ]

    async def rows(self) -> list[Any]:
        return self.of


@pytest.fixture
def opened() -> Any:
    """The connection ``cart``, which can read orders and members."""
    return SimpleNamespace(id="cart", row=row("cart"), orders=object(), members=object())


@pytest.fixture
def ingest(booking: Booking) -> Ingest:
    return Ingest(booking, cast(Any, Shops()))


def member(**more: Any) -> Member:
    return Member(ref=CUSTOMER, changed_at=NOW, given_name="花子", **more)


def order(yen: int = 11_000, **more: Any) -> Order:
    line = LineItem(id="1", quantity=1, amount=yen, tax_rate=1000)
    fields: dict[str, Any] = {
        "ref": ORDER,
        "changed_at": NOW,
        "placed_at": NOW - timedelta(hours=1),
        "state": OrderState.PAID,
        "customer": CUSTOMER,
        "lines": (line,),
    }
    return Order(**(fields | more))


async def told(ingest: Ingest, opened: Any, *observations: Observation, read: bool = False) -> Told:
    heard = Told()
    for observation in observations:
        await ingest.observe(opened, observation, Cause(NOW, "d1", read), heard)
    return heard


async def test_an_order_of_an_unknown_customer_makes_the_customer_be_read(
    ingest: Ingest, opened: Any
) -> None:
    heard = await told(ingest, opened, OrderSeen(order=order()))
    assert heard.hints == [Hint("cart", "member", "c1", NOW, "d1")]
    assert heard.reason is None


async def test_an_order_without_a_customer_is_booked_and_nobody_is_read(
    ingest: Ingest, opened: Any
) -> None:
    heard = await told(ingest, opened, OrderSeen(order=order(customer=None)))
    assert (heard.booked, heard.hints) == (1, [])


async def test_a_connection_that_cannot_read_members_waits_for_them(
    ingest: Ingest, opened: Any
) -> None:
    opened.members = None
    assert (await told(ingest, opened, OrderSeen(order=order()))).hints == []


async def test_an_order_in_another_currency_is_refused_by_name_and_not_booked_as_nothing(
    ingest: Ingest, opened: Any
) -> None:
    with pytest.raises(PayloadInvalid, match=r"order cart/o1 is in 'USD'"):
        await told(ingest, opened, OrderSeen(order=order(currency="USD")))
    async with ingest.booking.database.begin() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM orders"))).scalar_one() == 0


async def test_two_states_with_one_time_make_the_order_be_read_and_the_read_decides(
    ingest: Ingest, opened: Any
) -> None:
    await told(ingest, opened, MemberSeen(member=member()), OrderSeen(order=order()))
    other = OrderSeen(order=order(22_000))
    assert (await told(ingest, opened, other)).hints == [Hint("cart", "order", "o1", NOW, "d1")]
    assert (await told(ingest, opened, other, read=True)).hints == []


async def test_two_states_that_cannot_be_read_are_for_a_person(ingest: Ingest, opened: Any) -> None:
    opened.orders = None
    await told(ingest, opened, MemberSeen(member=member()), OrderSeen(order=order()))
    heard = await told(ingest, opened, OrderSeen(order=order(22_000)))
    assert [alert.kind for alert in heard.alerts] == ["order_unclear"]


async def test_a_member_gets_a_mirror_where_balances_are_shown_and_we_lead(
    ingest: Ingest, opened: Any
) -> None:
    channels = await channels_of(ingest.connections, opened.row.program)
    assert channels.mirrors_at == {"cart", "shop"}
    assert channels.creates_at == {"shop"}


async def test_a_member_seen_is_enrolled_and_the_points_they_show_are_kept(
    ingest: Ingest, opened: Any, booking: Booking
) -> None:
    identity = Identity(kind=IdentityKind.EMAIL, value="h@example.jp", grade=Grade.VERIFIED)
    seen = MemberSeen(member=member(identities=(identity,), points_seen=70))
    heard = await told(ingest, opened, seen)
    async with booking.database.begin() as conn:
        await write_down(conn, [heard], NOW)
        shown = await conn.execute(
            text("SELECT connection_id, external_id, seen_points FROM mirror ORDER BY 1")
        )
        assert [tuple(one) for one in shown] == [("cart", "c1", 70), ("shop", None, None)]


@pytest.mark.parametrize(
    ("observation", "kind"),
    [
        (MemberLeft(ref=CUSTOMER, at=NOW), "member_withdrawn"),
        (MembersMerged(kept=CUSTOMER, gone=ORDER, at=NOW), "member_merged"),
        (MemberSeen(member=member(state=MemberState.WITHDRAWN)), "member_withdrawn"),
        (MemberSeen(member=member(state=MemberState.MERGED)), "member_merged"),
    ],
)
async def test_a_customer_who_left_or_was_joined_is_for_a_person_and_said_once(
    ingest: Ingest, opened: Any, booking: Booking, observation: Observation, kind: str
) -> None:
    heard = await told(ingest, opened, observation, observation)
    assert "a person decides" in str(heard.reason)
    async with booking.database.begin() as conn:
        await write_down(conn, [heard], NOW)
        await write_down(conn, [heard], NOW)
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == [kind]
    assert await list_members(booking) == []


async def test_a_hint_is_of_the_moment_from_which_a_read_sees_the_change(
    ingest: Ingest, opened: Any
) -> None:
    seen = Changed(kind="order", ref=ORDER, delay=timedelta(seconds=5))
    heard = await told(ingest, opened, seen)
    assert heard.hints == [Hint("cart", "order", "o1", NOW + timedelta(seconds=5), "d1")]


@pytest.mark.parametrize(
    ("observations", "reason"),
    [
        ([], "it tells nothing"),
        ([Ignored(reason="unknown topic"), Ignored(reason="unknown topic")], "unknown topic"),
        (
            [ActivitySeen(key="k", member=CUSTOMER, activity="review", at=NOW)],
            "an activity of a customer who is no member",
        ),
        ([Ignored(reason="x"), BalanceSeen(ref=CUSTOMER, points=1, at=NOW)], None),
    ],
)
async def test_what_nothing_comes_of_is_ignored_with_its_reason(
    ingest: Ingest, opened: Any, observations: list[Observation], reason: str | None
) -> None:
    assert (await told(ingest, opened, *observations)).reason == reason


async def test_an_activity_a_vendor_tells_of_is_booked_once_for_the_member(
    ingest: Ingest, opened: Any, booking: Booking
) -> None:
    document = '{"activities": [{"name": "review", "points": 5}]}'
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": document},
        )
    await booking.enrol(member())
    review = ActivitySeen(key="k", member=CUSTOMER, activity="review", at=NOW)
    heard = await told(ingest, opened, review, review)
    assert heard.booked == 2
    assert [line.available for line in await list_members(booking)] == [5]
    unclear = [
        review.model_copy(update={"object": "other content"}),
        review.model_copy(update={"key": "k2", "activity": "dancing"}),
        review.model_copy(update={"key": "k3", "activity": "no name of ours"}),
    ]
    reasons = (await told(ingest, opened, *unclear)).ignored
    words = ("'k'", "dancing", "kind")
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


@pytest.mark.parametrize(
    "observation",
    [
        Changed(kind="order", ref=ExternalRef(connection="shop", id="o1")),
        OrderSeen(order=order(customer=ExternalRef(connection="shop", id="c1"))),
        MemberLeft(ref=ExternalRef(connection="shop", id="c1"), at=NOW),
    ],
)
async def test_a_connection_cannot_speak_for_another(
    ingest: Ingest, opened: Any, observation: Observation
) -> None:
    with pytest.raises(PayloadInvalid, match="cart tells of shop"):
        await told(ingest, opened, observation)
