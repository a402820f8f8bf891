"""Members: who the vendor's customers are, by what they are known, and whether they still are."""

from collections.abc import Sequence
from dataclasses import replace

from renkei_contracts.errors import NotFound
from renkei_contracts.member import Grade, Identity, IdentityKind, Member, MemberState
from renkei_contracts.stage import Shopper
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.checks import NotApplicable, Suite, must
from renkei_contracts.testing.lists import later, walk, whole_window
from renkei_contracts.testing.paged import finds_nothing_strange, sets_one_aside
from renkei_contracts.testing.shop import HANAKO, TARO

suite = Suite("members", "members")

OTHER = "north"
"""A connection of another name, to the same shop."""

RARE = Shopper("rare@example.jp", "髙﨑", "ゑい 子", card="2900000000032")
"""Characters that NFKC, Shift_JIS or trimming would change."""


def shopper(number: int) -> Shopper:
    """One of many."""
    return Shopper(f"m{number}@example.jp", "佐藤", f"{number}号", card=f"{2910000000000 + number}")


@suite.check("register")
async def a_new_customer_is_found_by_a_poll(bench: Bench) -> None:
    """Polling is what is left when no webhook comes."""
    id = await bench.twin.register(HANAKO)
    walked = await walk(bench.members(), whole_window(bench))
    must(id in walked.ids(), "changed() must give a customer who registered within the window")


@suite.check("register")
async def what_a_poll_of_members_gives_is_what_fetching_gives(bench: Bench) -> None:
    """Lists of a vendor often hold less than a single object."""
    await bench.twin.register(HANAKO)
    walked = await walk(bench.members(), whole_window(bench))
    must(bool(walked.items), "changed() must give a customer who registered within the window")
    for member in walked.items:
        again = await bench.members().fetch(member.ref.id)
        names = [
            name for name in Member.model_fields if getattr(member, name) != getattr(again, name)
        ]
        must(
            not names,
            f"fetch() and changed() must give the same member; they differ in {', '.join(names)}",
        )


@suite.check("register")
async def the_names_are_kept_as_they_are(bench: Bench) -> None:
    """People know how they are written."""
    member = await bench.members().fetch(await bench.twin.register(RARE))
    told = (member.family_name, member.given_name)
    if told == ("", ""):
        raise NotApplicable("the vendor's members have no names")
    must(
        told == (RARE.family_name, RARE.given_name),
        "family_name and given_name must be what the vendor holds, each in its place, unchanged",
    )


@suite.check("register")
async def the_vendors_own_id_names_the_member(bench: Bench) -> None:
    """It is unique within the connection, and proven by who told it."""
    id = await bench.twin.register(HANAKO)
    assert bench.vendor.members is not None
    member = await bench.vendor.members(bench.connection(id=OTHER)).fetch(id)
    must(
        (member.ref.connection, member.ref.id) == (OTHER, id),
        "ref must be the id that was asked for, of the connection it was read by",
    )
    own = _of(member, IdentityKind.VENDOR_CUSTOMER)
    must(
        [(one.scope, one.value) for one in own] == [(OTHER, id)],
        "the vendor's id must be an identity VENDOR_CUSTOMER whose scope is the connection's id",
    )


@suite.check("register")
async def an_address_is_passed_on_as_it_is(bench: Bench) -> None:
    """The hub normalizes; what a plugin has changed cannot be matched any more."""
    given = replace(HANAKO, email="Hanako.Yamada+Shop@Example.jp")
    member = await bench.members().fetch(await bench.twin.register(given))
    mails = [one.value for one in _of(member, IdentityKind.EMAIL)]
    if not mails:
        raise NotApplicable("the vendor's members have no addresses")
    must(mails == [given.email], "an e-mail identity must be what the vendor holds, unchanged")


@suite.check("register")
async def nobody_is_proven_better_than_the_vendor_proves(bench: Bench) -> None:
    """Whoever is VERIFIED is linked without a person looking."""
    member = await bench.members().fetch(await bench.twin.register(HANAKO))
    typed = [*_of(member, IdentityKind.EMAIL), *_of(member, IdentityKind.PHONE)]
    most = {Grade.ASSERTED} if bench.twin.kind == "till" else {Grade.ASSERTED, Grade.VERIFIED}
    must(
        all(one.grade in most for one in typed),
        "an address that staff typed in is ASSERTED; VERIFIED is one that the vendor had proven, "
        "and STRONG is no address at all",
    )


@suite.check("nameless")
async def a_customer_without_an_address_has_none(bench: Bench) -> None:
    """An empty address would make all of them one."""
    id = await bench.twin.register(replace(HANAKO, email=""))
    walked = await walk(bench.members(), whole_window(bench))
    must(id in walked.ids(), "a customer without an e-mail address is a member like any other")
    must(
        not _of(walked.last(id), IdentityKind.EMAIL),
        "a customer without an e-mail address must have no e-mail identity: not None, not empty",
    )


@suite.check("register")
async def a_till_knows_its_members_by_their_card(bench: Bench) -> None:
    """It is what the cashier scans."""
    if bench.twin.kind != "till":
        raise NotApplicable("the vendor is no till")
    member = await bench.members().fetch(await bench.twin.register(HANAKO))
    must(
        [one.value for one in _of(member, IdentityKind.CARD)] == [HANAKO.card],
        "the card must be an identity CARD with the number as it is scanned",
    )


@suite.check("register", "rename")
async def a_new_name_is_read_with_a_newer_time(bench: Bench) -> None:
    """An older time would be taken for old news."""
    id = await bench.twin.register(HANAKO)
    before = await bench.members().fetch(id)
    later(bench)
    await bench.twin.rename(id, TARO)
    after = await bench.members().fetch(id)
    must(
        after.changed_at > before.changed_at,
        "changed_at must be later after every change: take when the record was updated",
    )
    must(
        _of(after, IdentityKind.VENDOR_CUSTOMER) == _of(before, IdentityKind.VENDOR_CUSTOMER),
        "a customer with another name is the same member",
    )


@suite.check("register", "withdraw")
async def a_customer_who_left_is_no_member_any_more(bench: Bench) -> None:
    """Whoever left must not be mailed, and earns no more."""
    id = await bench.twin.register(HANAKO)
    later(bench)
    await bench.twin.withdraw(id)
    left = await _now(bench, id)
    must(
        left is None or left.state is MemberState.WITHDRAWN,
        "a customer who left or was deleted must be WITHDRAWN, or NotFound",
    )


@suite.check("register", "withdraw")
async def a_card_that_was_given_up_proves_nothing(bench: Bench) -> None:
    """It may be in other hands by now."""
    id = await bench.twin.register(HANAKO)
    later(bench)
    await bench.twin.withdraw(id)
    left = await _now(bench, id)
    cards = _of(left, IdentityKind.CARD) if left else []
    must(
        all(one.grade is Grade.ASSERTED for one in cards),
        "a member who left must not carry a proven card: leave it out, or grade it ASSERTED",
    )


@suite.check("register", "merge")
async def of_two_merged_customers_one_stays(bench: Bench) -> None:
    """The other is a member no more, and says whose it is where the vendor does."""
    kept, gone = await bench.twin.register(HANAKO), await bench.twin.register(TARO)
    later(bench)
    await bench.twin.merge(kept, gone)
    stays, went = await _now(bench, kept), await _now(bench, gone)
    must(
        stays is not None and stays.state is MemberState.ACTIVE,
        "the customer that others were merged into must be ACTIVE",
    )
    must(
        went is None or went.state is MemberState.MERGED,
        "a customer that was merged into another must be MERGED, or NotFound",
    )
    into = went.merged_into if went else None
    must(
        into is None or (into.connection, into.id) == (bench.connection().id, kept),
        "merged_into must be the customer that stayed, of the same connection",
    )


@suite.check("register", "adjust", needs=("balances",))
async def points_seen_are_those_that_the_vendor_shows(bench: Bench) -> None:
    """The hub compares them with what it wrote."""
    id = await bench.twin.register(HANAKO)
    await bench.twin.adjust(id, 77)
    member = await bench.members().fetch(id)
    if member.points_seen is None:
        raise NotApplicable("the vendor's member record carries no points")
    must(
        member.points_seen == await bench.balances().read(id) == 77,
        "points_seen must be the points that the vendor shows now; None where it shows none",
    )


@suite.check("register")
async def a_member_who_is_not_there_is_not_found(bench: Bench) -> None:
    """NotFound lets the hub give up."""
    id = await bench.twin.register(HANAKO)
    await finds_nothing_strange(bench.members(), id)


@suite.check("register")
async def a_member_who_cannot_be_understood_is_set_aside(bench: Bench) -> None:
    """One bad row must not stop the shop."""
    made = [await bench.twin.register(shopper(number)) for number in range(8)]
    await sets_one_aside(bench, bench.members(), made)


def _of(member: Member, kind: IdentityKind) -> Sequence[Identity]:
    return [one for one in member.identities if one.kind is kind]


async def _now(bench: Bench, id: str) -> Member | None:
    try:
        return await bench.members().fetch(id)
    except NotFound:
        return None
