"""Deliveries: what they tell, and what becomes of those that cannot be understood."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import (
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
from renkei_contracts.member import MemberState
from renkei_contracts.stage import Shopper
from renkei_contracts.testing.bench import CONNECTION, Bench
from renkei_contracts.testing.bodies import REMOVED
from renkei_contracts.testing.checks import NotApplicable, must, succeeds
from renkei_contracts.testing.shop import HANAKO, TARO, enrolled, sale
from renkei_contracts.testing.suites.webhooks import suite
from renkei_contracts.testing.vectors import (
    changed,
    many,
    mutations,
    sample,
    with_body,
)
from renkei_contracts.testing.worth import worth

UNKNOWN = "renkei/unknown"
INVALID = "read() must raise PayloadInvalid for a body it cannot understand"


def read(bench: Bench, delivery: Delivery) -> Sequence[Observation] | None:
    """What it tells; None where the plugin says that it cannot be understood."""
    hooks = bench.webhooks()
    with succeeds(INVALID):
        try:
            return hooks.read(delivery)
        except PayloadInvalid:
            return None


async def heard(bench: Bench, act: Callable[[], Awaitable[object]]) -> list[Observation]:
    """What the deliveries of an act tell; it does not apply where the vendor sends none."""
    sent = await bench.deliveries(act)
    if not sent:
        raise NotApplicable("the vendor sends no delivery for this")
    return [one for delivery in sent for one in bench.webhooks().read(delivery)]


def refs_of(seen: Observation) -> tuple[ExternalRef, ...]:
    """What an observation is about."""
    match seen:
        case OrderSeen(order=order):
            return (order.ref,)
        case MemberSeen(member=member):
            return (member.ref,)
        case MembersMerged(kept=kept, gone=gone):
            return kept, gone
        case Changed(ref=ref) | MemberLeft(ref=ref) | BalanceSeen(ref=ref):
            return (ref,)
    return ()


def about_order(seen: Iterable[Observation], id: str) -> bool:
    """Whether something tells of this order, or says to read it."""
    return any(
        ref.id == id
        for one in seen
        if isinstance(one, OrderSeen) or (isinstance(one, Changed) and one.kind == "order")
        for ref in refs_of(one)
    )


def about_member(seen: Iterable[Observation], *ids: str) -> bool:
    """Whether something tells of one of these members, or says to read them."""
    return any(
        ref.id in ids for one in seen if not isinstance(one, OrderSeen) for ref in refs_of(one)
    )


@suite.check()
async def a_sale_is_told_by_its_deliveries(bench: Bench) -> None:
    """By the order itself, or by a hint to read it."""
    sold: list[str] = []

    async def act() -> None:
        sold.append(await sale(bench.twin))

    told = "read() must tell of the order that the delivery is about, by the vendor's own id"
    must(about_order(await heard(bench, act), sold[0]), told)


@suite.check("refund")
async def a_refund_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the order restated, or as a hint to read it."""
    order = await sale(bench.twin)
    sku = (await bench.twin.catalogue())[0].sku
    seen = await heard(bench, lambda: bench.twin.refund(order, sku, 1))
    must(about_order(seen, order), "read() must tell of the order when pieces are refunded")


@suite.check("edit")
async def an_edit_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the order restated, or as a hint to read it."""
    order = await sale(bench.twin)
    sku = (await bench.twin.catalogue())[0].sku
    seen = await heard(bench, lambda: bench.twin.edit(order, sku, 1))
    must(about_order(seen, order), "read() must tell of the order when it is edited")


@suite.check("cancel")
async def a_cancellation_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the order restated, or as a hint to read it."""
    order = await sale(bench.twin)
    seen = await heard(bench, lambda: bench.twin.cancel(order))
    must(about_order(seen, order), "read() must tell of the order when it is cancelled")


@suite.check("register")
async def a_registration_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the member, or as a hint to read them."""
    ids: list[str] = []

    async def act() -> None:
        ids.append((await enrolled(bench.twin)).id)

    told = "read() must tell of the member who registered"
    must(about_member(await heard(bench, act), *ids), told)


@suite.check("register", "rename")
async def a_changed_name_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the member, or as a hint to read them."""
    member = (await enrolled(bench.twin)).id
    other = Shopper(HANAKO.email, "佐藤", "花子")
    seen = await heard(bench, lambda: bench.twin.rename(member, other))
    must(about_member(seen, member), "read() must tell of the member whose name changed")


@suite.check("register", "withdraw")
async def a_withdrawal_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the member who left, or as a hint to read them."""
    member = (await enrolled(bench.twin)).id
    seen = await heard(bench, lambda: bench.twin.withdraw(member))
    stays = [
        one
        for one in seen
        if isinstance(one, MemberSeen) and one.member.state is MemberState.ACTIVE
    ]
    told = "read() must tell that the member left: MemberLeft, or another state than active"
    must(about_member(seen, member) and not stays, told)


@suite.check("register", "merge")
async def a_merge_is_told_by_its_deliveries(bench: Bench) -> None:
    """As the merge, or as a hint to read one of the two."""
    kept = (await enrolled(bench.twin)).id
    gone = (await enrolled(bench.twin, TARO)).id
    seen = await heard(bench, lambda: bench.twin.merge(kept, gone))
    pairs = [one for one in seen if isinstance(one, MembersMerged)]
    right = all((one.kept.id, one.gone.id) == (kept, gone) for one in pairs)
    told = "read() must tell of the merge, and which of the two members is kept"
    must(about_member(seen, kept, gone) and right, told)


@suite.check("register", "adjust")
async def points_changed_by_hand_are_told_by_their_deliveries(bench: Bench) -> None:
    """As the balance, or as a hint to read it."""
    member = (await enrolled(bench.twin)).id
    seen = await heard(bench, lambda: bench.twin.adjust(member, 77))
    shown = [one.points for one in seen if isinstance(one, BalanceSeen)]
    shown += [
        one.member.points_seen
        for one in seen
        if isinstance(one, MemberSeen) and one.member.points_seen is not None
    ]
    told = "read() must tell the points that the vendor shows now, or say to read them"
    must(about_member(seen, member) and set(shown) <= {77}, told)


@suite.check()
async def every_reference_is_of_this_connection(bench: Bench) -> None:
    """A vendor's id means nothing without the connection it is an id of."""
    for delivery in await many(bench):
        for seen in bench.webhooks().read(delivery):
            for ref in refs_of(seen):
                told = "read() must refer to things as (connection.id, the vendor's id)"
                must(ref.connection == CONNECTION, told)


@suite.check()
async def reading_again_tells_the_same(bench: Bench) -> None:
    """The inbox is replayed when a mapping was wrong; the worker may stop in the middle."""
    for delivery in await sample(bench):
        again = with_body(delivery, delivery.body)
        told = "read() must tell the same each time: no clock, no random id, no state"
        must(bench.webhooks().read(delivery) == bench.webhooks().read(again), told)


@suite.check()
async def an_unknown_topic_is_ignored(bench: Bench) -> None:
    """Vendors add topics; a merchant may subscribe us to more than we know."""
    for delivery in await sample(bench):
        before = _ignored(read(bench, delivery))
        others = [changed(delivery, key, UNKNOWN) for key, _ in delivery.headers]
        # The names in the body, or those of each of several things that it tells in a list.
        others += [one for _, one in mutations(delivery, UNKNOWN, depth=1)]
        told = "read() must answer Ignored, with the reason, to a topic it does not know"
        more = (_ignored(read(bench, one)) > before for one in others)
        must(_only_ignored(read(bench, delivery)) or any(more), told)


def _ignored(seen: Sequence[Observation] | None) -> int:
    return sum(isinstance(one, Ignored) and bool(one.reason) for one in seen or ())


def _only_ignored(seen: Sequence[Observation] | None) -> bool:
    return bool(seen) and _ignored(seen) == len(seen or ())


async def _no_crash(bench: Bench, *bodies: bytes) -> None:
    for delivery in await sample(bench):
        for body in bodies:
            seen = read(bench, with_body(delivery, body))
            must(seen is None or _only_ignored(seen), f"{INVALID}: {body[:20]!r} tells nothing")


@suite.check()
async def an_empty_body_is_invalid(bench: Bench) -> None:
    """Nothing came."""
    await _no_crash(bench, b"", b" ", b"\n")


@suite.check()
async def a_body_that_is_not_json_is_invalid(bench: Bench) -> None:
    """A page of an error, half a message."""
    await _no_crash(bench, b"<html>", b"{", b'{"id": 1', b"NaN", b"a=1&b=2")


@suite.check()
async def a_body_that_is_not_utf8_is_invalid(bench: Bench) -> None:
    """Another encoding, or none."""
    await _no_crash(
        bench, b"\xff\xfe\x00", '{"name": "山田"}'.encode("shift_jis"), b'{"a": "\xff"}'
    )


@suite.check()
async def a_deeply_nested_body_is_invalid(bench: Bench) -> None:
    """It exhausts what recursion has."""
    await _no_crash(bench, b"[" * 100_000, b'{"a":' * 50_000, b"[" * 50_000 + b"]" * 50_000)


@suite.check()
async def a_body_of_another_kind_is_invalid(bench: Bench) -> None:
    """JSON, but no object."""
    await _no_crash(bench, b"[]", b"null", b"true", b"1", b'"text"', b"[{}]", b"{}")


@suite.check()
async def a_huge_body_is_read_or_invalid(bench: Bench) -> None:
    """A number of ten thousand digits, a text as long as a book."""
    for delivery in await sample(bench):
        for body in (b"9" * 10_000, b'{"id": ' + b"9" * 10_000 + b"}"):
            must(read(bench, with_body(delivery, body)) is None, INVALID)
        for _, huge in mutations(delivery, 10**30):
            read(bench, huge)
    for _, huge in mutations(delivery, "x" * 200_000):
        read(bench, huge)


def _named(sent: Sequence[Delivery]) -> Sequence[Delivery]:
    """Those in whose bodies something has a name."""
    found = [one for one in sent if any(mutations(one, REMOVED))]
    if not found:
        raise NotApplicable("nothing in a delivery's body has a name: no JSON, form or XML")
    return found


@suite.check()
async def any_missing_key_is_read_or_invalid(bench: Bench) -> None:
    """Every key of the body is left out in turn."""
    for delivery in _named(await many(bench)):
        for _, lacking in mutations(delivery, REMOVED):
            read(bench, lacking)


@suite.check()
async def any_other_type_is_read_or_invalid(bench: Bench) -> None:
    """Every key of the body becomes null, a text, a number, a list and an object in turn."""
    last = _named(await sample(bench))[-1]
    for new in (None, "", "text", -1, 1.5, True, [], ["a"], {}, {"unexpected": True}):
        for _, other in mutations(last, new):
            read(bench, other)


@suite.check()
async def a_missing_key_never_makes_another_sale(bench: Bench) -> None:
    """Where an order is told whole, what is missing is refused and never taken for nothing."""
    whole = 0
    for delivery in await sample(bench):
        orders = _worth(read(bench, delivery))
        whole += len(orders)
        for place, lacking in mutations(delivery, REMOVED) if orders else ():
            seen = _worth(read(bench, lacking))
            told = f"read() must raise PayloadInvalid without {place}: it is worth something else"
            must(seen in ([], orders), told)
    if not whole:
        raise NotApplicable("no delivery tells an order whole")


def _worth(seen: Sequence[Observation] | None) -> list[object]:
    """What an order is worth, in which state, and whose it is."""
    return [worth(one.order) for one in seen or () if isinstance(one, OrderSeen)]
