"""A customer told again: names, addresses and numbers follow the vendor, and nobody is merged."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.services.booking import Booking
from renkei.services.members.members import list_members
from renkei.services.personal import Names, opened_names
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member

NOW = datetime(2026, 11, 1, 3, tzinfo=UTC)
OLD, NEW = "hanako@example.jp", "sato@example.jp"


def customer(
    mail: str = OLD,
    *,
    id: str = "c1",
    at: str = "cart",
    tick: int = 0,
    names: tuple[str, str] = ("山田", "花子"),
    phone: str = "",
    proven: bool = True,
) -> Member:
    grade = Grade.VERIFIED if proven else Grade.ASSERTED
    told = [Identity(kind=IdentityKind.EMAIL, value=mail, grade=grade)] if mail else []
    if phone:
        told.append(Identity(kind=IdentityKind.PHONE, value=phone))
    return Member(
        ref=ExternalRef(connection=at, id=id),
        changed_at=NOW + timedelta(minutes=tick),
        family_name=names[0],
        given_name=names[1],
        identities=tuple(told),
    )


async def enrolled(booking: Booking, *seen: Member) -> list[str]:
    return [(await booking.enrol(one)).member for one in seen]


async def names_of(booking: Booking, member: str) -> Names:
    query = (
        "SELECT k.wrapped, p.sealed FROM member_key k JOIN member_profile p USING (member_id) "
        "WHERE member_id = :m"
    )
    async with booking.database.begin() as conn:
        wrapped, sealed = (await conn.execute(text(query), {"m": member})).one()
    key = booking.ring.unwrap(member, bytes(wrapped))
    return opened_names(booking.ring, key, member, bytes(sealed))


async def found_by(
    booking: Booking, value: str, kind: IdentityKind = IdentityKind.EMAIL
) -> Sequence[str]:
    """Who has this address or number now."""
    ((_, _, blind), _), *_ = booking.keyed([Identity(kind=kind, value=value)])
    query = "SELECT member_id FROM identity WHERE blind = :b AND valid_until IS NULL"
    async with booking.database.begin() as conn:
        return (await conn.execute(text(query), {"b": blind})).scalars().all()


async def test_a_new_name_and_address_reach_the_member_and_the_old_address_finds_nobody(
    booking: Booking,
) -> None:
    (member, again) = await enrolled(
        booking, customer(), customer(NEW, tick=1, names=("佐藤", "花子"))
    )
    assert again == member
    assert await names_of(booking, member) == Names("佐藤", "花子")
    assert await found_by(booking, OLD) == []
    assert await found_by(booking, NEW) == [member]
    (other,) = await enrolled(booking, customer(OLD, id="c2"))
    assert other != member


async def test_a_new_number_takes_the_place_of_the_old_one(booking: Booking) -> None:
    member, _ = await enrolled(
        booking, customer(phone="090-0000-0001"), customer(phone="090-0000-0002", tick=1)
    )
    assert await found_by(booking, "090-0000-0001", IdentityKind.PHONE) == []
    assert await found_by(booking, "090-0000-0002", IdentityKind.PHONE) == [member]


async def test_a_vendor_that_leaves_addresses_out_takes_none_away_until_it_tells_another(
    booking: Booking,
) -> None:
    member, *_ = await enrolled(booking, customer(), customer("", tick=1, names=("", "")))
    assert await found_by(booking, OLD) == [member]
    await enrolled(booking, customer(NEW, tick=2))
    assert (await found_by(booking, OLD), await found_by(booking, NEW)) == ([], [member])


async def test_an_old_state_that_comes_late_changes_nothing(booking: Booking) -> None:
    member, *_ = await enrolled(
        booking,
        customer(tick=1),
        customer(NEW, tick=3, names=("佐藤", "花子")),
        customer(tick=2),
    )
    assert await names_of(booking, member) == Names("佐藤", "花子")
    assert (await found_by(booking, OLD), await found_by(booking, NEW)) == ([], [member])


async def test_two_channels_that_write_a_name_in_two_ways_do_not_undo_each_other(
    booking: Booking,
) -> None:
    till = {"at": "shop", "id": "s9", "names": ("ヤマダ", "ハナコ")}
    seen: list[Any] = [
        customer(),
        customer(**till),
        customer(tick=1, names=("佐藤", "花子")),
        customer(**till, tick=2, phone="090-0000-0001"),
    ]
    members = await enrolled(booking, *seen)
    assert len(set(members)) == 1
    assert await names_of(booking, members[0]) == Names("佐藤", "花子")


async def test_an_address_that_another_channel_still_tells_stays(booking: Booking) -> None:
    member, *_ = await enrolled(
        booking, customer(), customer(at="shop", id="s9"), customer(NEW, tick=1)
    )
    assert await found_by(booking, OLD) == [member]
    await enrolled(booking, customer(NEW, at="shop", id="s9", tick=2))
    assert await found_by(booking, OLD) == []


async def test_a_new_address_that_is_proven_to_be_anothers_merges_nobody_and_a_person_is_told(
    booking: Booking,
) -> None:
    first, second, again = await enrolled(
        booking, customer(), customer(NEW, id="c2"), customer(NEW, tick=1)
    )
    assert (again, len({first, second})) == (first, 2)
    assert await found_by(booking, NEW) == [second]
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
        merged = (await conn.execute(text("SELECT count(merged_into) FROM member"))).scalar_one()
    assert (kinds, merged) == (["perhaps_one_person"], 0)


async def test_a_new_address_that_nobody_proved_links_nobody(booking: Booking) -> None:
    first, second, again = await enrolled(
        booking, customer(), customer(NEW, id="c2"), customer(NEW, tick=1, proven=False)
    )
    assert again == first
    assert sorted(await found_by(booking, NEW)) == sorted([first, second])
    third = await enrolled(booking, customer(NEW, at="shop", id="s9"))
    assert third == [second]


@pytest.mark.parametrize("names", [("", ""), ("山田", "花子")])
async def test_told_again_without_a_name_or_with_the_same_the_member_is_not_told_of(
    booking: Booking, names: tuple[str, str]
) -> None:
    query = text("SELECT count(*) FROM feed WHERE kind = 'member'")
    (member,) = await enrolled(booking, customer())
    async with booking.database.begin() as conn:
        before = (await conn.execute(query)).scalar_one()
    await enrolled(booking, customer(tick=1, names=names))
    async with booking.database.begin() as conn:
        assert (await conn.execute(query)).scalar_one() == before
    assert await names_of(booking, member) == Names("山田", "花子")
    assert len(await list_members(booking)) == 1
