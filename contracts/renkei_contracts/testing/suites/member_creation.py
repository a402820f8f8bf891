"""Member creation: a card issued elsewhere becomes known at the vendor, once."""

from renkei_contracts.errors import GiveUp, OutcomeUnknown, RenkeiError
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import IdentityKind, Member, MemberState, NewMember
from renkei_contracts.testing.bench import Bench, OnTheWay, made
from renkei_contracts.testing.checks import Suite, must, succeeds
from renkei_contracts.testing.lists import walk, whole_window
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.testing.spoiling import at_call, broken, unreadable

suite = Suite("member_creation", "member_creation")

NEW = NewMember(member="mem_1", card="2900000000049", family_name="髙橋", given_name="さくら")
THIRD = NewMember(member="mem_3", card="2900000000056", family_name="伊藤", given_name="実")
HERS = NewMember(member="mem_2", card=HANAKO.card, family_name="山田", given_name="花子")


async def _create(bench: Bench, member: NewMember) -> ExternalRef:
    return await made(bench.vendor.member_creation, bench.connection()).create(member)


@suite.check(needs=("members",))
async def a_created_member_has_the_card_and_the_name(bench: Bench) -> None:
    """The register scans the card and shows the name."""
    ref = await _create(bench, NEW)
    must(ref.connection == bench.connection().id, "create() must give the vendor's id as our ref")
    member = await bench.members().fetch(ref.id)
    must(_cards(member) == [NEW.card], "create() must give the card as it will be scanned")
    must(
        (member.family_name, member.given_name) == (NEW.family_name, NEW.given_name),
        "create() must give the vendor both names, each in its place, unchanged",
    )


@suite.check(needs=("members",))
async def asking_again_creates_no_second_member(bench: Bench) -> None:
    """The hub asks again whenever it does not know what came of it."""
    refs = {str(await _create(bench, NEW)) for _ in range(3)}
    must(len(refs) == 1, "create() must find the member it created before, by the card")
    walked = await walk(bench.members(), whole_window(bench))
    must(len(walked.ids()) == 1, "create() must create no second member with the same card")


@suite.check("register")
async def a_card_that_the_vendor_knows_is_found(bench: Bench) -> None:
    """The register may have issued it."""
    id = await bench.twin.register(HANAKO)
    told = "create() must give the member who holds the card, and create nobody"
    with succeeds(told):
        must((await _create(bench, HERS)).id == id, told)


@suite.check(needs=("members",))
async def a_member_without_a_name_is_created(bench: Bench) -> None:
    """Many cards have none, and a made-up name must not come back as one."""
    ref = await _create(bench, NewMember(member="mem_1", card=NEW.card))
    member = await bench.members().fetch(ref.id)
    must(
        (member.family_name, member.given_name) == ("", ""),
        "a member without a name must be created, and be read without one",
    )


@suite.check(needs=("members",))
async def a_card_that_does_not_fit_is_refused_and_never_cut(bench: Bench) -> None:
    """Half a number may be somebody else's card."""
    for card in ("29" * 40, "会員カード２９"):
        try:
            ref = await _create(bench, NEW.model_copy(update={"card": card}))
        except GiveUp:
            continue
        must(
            _cards(await bench.members().fetch(ref.id)) == [card],
            "create() must give the whole card as it is, or raise UnsupportedFeature",
        )


@suite.check("register", "withdraw", needs=("members",))
async def a_card_whose_holder_left_gives_nobody_who_left(bench: Bench) -> None:
    """Points must not go to a record that nobody uses."""
    id = await bench.twin.register(HANAKO)
    await bench.twin.withdraw(id)
    try:
        ref = await _create(bench, HERS)
    except GiveUp:
        return
    member = await bench.members().fetch(ref.id)
    must(
        member.state is MemberState.ACTIVE,
        "a card whose holder left must give a new member, or raise Rejected",
    )


@suite.check(needs=("members",))
async def a_creation_that_broke_off_is_found_again(bench: Bench) -> None:
    """The vendor has acted; the next try must find it."""
    await _spoiled(bench, broken)
    told = "after a broken connection create() must look for the card before it creates again"
    with succeeds(told):
        await _create(bench, NEW)
    walked = await walk(bench.members(), whole_window(bench))
    holders = {member.ref.id for member in walked.items if NEW.card in _cards(member)}
    must(len(holders) == 1, told)


@suite.check()
async def a_creation_whose_outcome_is_unknown_says_so(bench: Bench) -> None:
    """The member is there, whatever became of the answer."""
    must(
        isinstance(await _spoiled(bench, broken), OutcomeUnknown),
        "create() must raise OutcomeUnknown when the connection breaks after the call was sent, "
        "and not repeat the call: the hub does",
    )


@suite.check()
async def a_creation_whose_answer_cannot_be_read_says_so(bench: Bench) -> None:
    """It has happened all the same."""
    must(
        isinstance(await _spoiled(bench, unreadable), OutcomeUnknown),
        "create() must raise OutcomeUnknown when the answer to the call that creates cannot be "
        "read: PayloadInvalid would be for good, and the member is there",
    )


async def _spoiled(bench: Bench, spoil: OnTheWay) -> RenkeiError | None:
    """Create NEW while the answer to the last call of it, which creates, is spoiled."""
    creation = made(bench.vendor.member_creation, bench.connection())
    await creation.create(HERS)  # the token is there from now on
    before = len(bench.exchanges)
    await creation.create(THIRD)
    bench.on_the_way = at_call(len(bench.exchanges) - before, spoil)
    try:
        await creation.create(NEW)
    except RenkeiError as error:
        return error
    finally:
        bench.on_the_way = None
    return None


def _cards(member: Member) -> list[str]:
    return [one.value for one in member.identities if one.kind is IdentityKind.CARD]
