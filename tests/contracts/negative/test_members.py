"""For each check of the suite ``members`` a plugin that is wrong in just that way."""

import unicodedata
from typing import Any

import pytest
from wrong import altered, checks_of, must_fail, updated, wrapped
from wrong_lists import (
    AfterSince,
    AnyId,
    ByNumber,
    ByTimeAlone,
    FirstPageOnly,
    NewestFirst,
    Nothing,
    StopsAtTheFirstBadRow,
    UntilIncluded,
    WithoutBeginning,
    WithoutEnd,
)

from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.vendor import Vendor


def members(wrap: Any) -> Vendor:
    return wrapped(COPY_VENDOR, "members", wrap)


def changed(**values: Any) -> Vendor:
    return members(altered(updated(**values)))


def identities(change: Any) -> Vendor:
    return changed(identities=lambda told: tuple(map(change, told)))


def of(kind: IdentityKind, **values: Any) -> Any:
    change = updated(**values)
    return lambda one: change(one) if one.kind is kind else one


def folded(name: str) -> str:
    """Normalized too far."""
    return unicodedata.normalize("NFKC", name).replace("髙", "高").replace(" ", "")


def without_tag(mail: str) -> str:
    name, _, host = mail.partition("@")
    return f"{name.partition('+')[0]}@{host}"


def with_an_empty_address(member: Member) -> Member:
    if any(one.kind is IdentityKind.EMAIL for one in member.identities):
        return member
    mail = Identity(kind=IdentityKind.EMAIL, value="None")
    return member.model_copy(update={"identities": (*member.identities, mail)})


def with_the_card_of_who_left(member: Member) -> Member:
    card = Identity(kind=IdentityKind.CARD, value="2900000000018", grade=Grade.VERIFIED)
    if member.state is not MemberState.WITHDRAWN:
        return member
    return member.model_copy(update={"identities": (*member.identities, card)})


def merged_is_active(member: Member) -> Member:
    if member.state is not MemberState.MERGED:
        return member
    return member.model_copy(update={"state": MemberState.ACTIVE})


def at_first_sight(member: Member) -> Member:
    """The time of registration stands for that of the change."""
    return member.model_copy(update={"changed_at": member.changed_at.replace(hour=3, minute=0)})


WRONG: dict[str, Vendor] = {
    "a new customer is found by a poll": members(Nothing),
    "what a poll of members gives is what fetching gives": members(
        altered(updated(points_seen=None), fetched=False)
    ),
    "the names are kept as they are": changed(family_name=folded, given_name=folded),
    "the vendors own id names the member": identities(
        of(IdentityKind.VENDOR_CUSTOMER, scope="vendor")
    ),
    "an address is passed on as it is": identities(of(IdentityKind.EMAIL, value=without_tag)),
    "nobody is proven better than the vendor proves": identities(
        of(IdentityKind.EMAIL, grade=Grade.VERIFIED)
    ),
    "a customer without an address has none": members(altered(with_an_empty_address)),
    "a till knows its members by their card": identities(
        of(IdentityKind.CARD, value=lambda card: card.lstrip("2"))
    ),
    "a new name is read with a newer time": members(altered(at_first_sight)),
    "a customer who left is no member any more": changed(state=MemberState.ACTIVE),
    "a card that was given up proves nothing": members(altered(with_the_card_of_who_left)),
    "of two merged customers one stays": members(altered(merged_is_active)),
    "points seen are those that the vendor shows": changed(points_seen=0),
    "a member who is not there is not found": members(AnyId),
    "a member who cannot be understood is set aside": members(StopsAtTheFirstBadRow),
    "paging of members ends and loses nobody": members(FirstPageOnly),
    "members of one second are all given": members(ByTimeAlone),
    "no member is lost when others change between two pages": members(ByNumber),
    "paging ends although new members come": members(WithoutEnd),
    "a window of members begins with its since": members(AfterSince),
    "a window of members leaves out what is before it": members(WithoutBeginning),
    "a window of members ends before its until": members(UntilIncluded),
    "the oldest change of members comes first": members(NewestFirst),
}
TABLE = {f"members: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("members")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)
